"""The log and its witnesses now, as text and as JSON: the last part of what `hemaledger status` prints."""

from __future__ import annotations

from collections.abc import Iterator

from fl.proofs.cosigners import Cosigning, LogNow, WitnessNow
from fl.protocol.names import show, shown
from scripts.wiring.watch.silence import moment
from scripts.wiring.watch.status import ago

FAULTS = {
    Cosigning.SILENT: "Somebody who cosigned the log, or should, does so no more: see whether `witness run` runs.",
    Cosigning.DISAGREES: "A witness signed another history than the ledger has. Keep all files; call the auditors.",
}


def faults(log: LogNow) -> list[Cosigning]:
    """Return the states of witnesses that a person should look at."""
    found = {each.state for each in log.witnesses}
    return [state for state in FAULTS if state in found]


def lines(log: LogNow) -> Iterator[str]:
    """Yield what a person reads; nothing if the consortium has no log."""
    if not log.keepers and not log.witnesses:
        return
    newest = log.checkpoint
    yield ""
    if newest is None:
        yield "Log: it has no checkpoint yet."
    else:
        recorded = f"recorded {moment(log.made_at)}" if log.made_at else "not recorded on the ledger"
        met = "" if log.met else ", so it does not count yet"
        yield (
            f"Log: {newest.size} entries, {recorded}. {len(log.cosigners)} of {len(log.witnesses)} witnesses cosigned "
            f"this checkpoint, and {log.quorum} must{met}."
        )
    yield from (_line(log, each) for each in log.witnesses)
    yield from (f"Look at: {FAULTS[state]}" for state in faults(log))


def document(log: LogNow) -> dict[str, object]:
    """Return the same for programs; times are seconds since 1970."""
    newest = log.checkpoint
    return {
        "size": newest.size if newest else None,
        "root": newest.root.hex() if newest else None,
        "recorded_at": log.made_at,
        "keepers": list(log.keepers),
        "quorum": log.quorum,
        "cosigners": len(log.cosigners),
        "met": log.met,
        "witnesses": [_witness(each) for each in log.witnesses],
        "faults": [state.value for state in faults(log)],
    }


def _line(log: LogNow, one: WitnessNow) -> str:
    cosigned = f"{one.size} entries, {ago(log.at - one.at)} ago" if one.size is not None and one.at else "nothing"
    behind = f", {one.entries} entries behind for {ago(one.seconds)}" if one.entries else ""
    state = one.state.value if one.state else "waits for a checkpoint"
    return f"{shown(one.name):<16} {one.role.name.lower():<12} {state:<10} cosigned {cosigned}{behind}"


def _witness(one: WitnessNow) -> dict[str, object]:
    return {
        "name": one.name,
        "account": show(one.account),
        "role": one.role.name.lower(),
        "state": one.state.value if one.state else None,
        "size": one.size,
        "cosigned_at": one.at,
        "behind_entries": one.entries,
        "behind_s": one.seconds,
    }
