"""The members now, as text and as JSON: what `hemaledger status` prints."""

from __future__ import annotations

from collections.abc import Iterator

from fl.audit.plain_words import without_names
from fl.proofs.cosigners import LogNow, log_now
from fl.protocol.names import show, shown
from fl.replay.attendance import Ending, Missed, newest_records
from fl.replay.ledger_view import LedgerView
from fl.replay.presence import ConsortiumNow, Fault, MemberNow, presence
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.roles import open_ledger
from scripts.wiring.watch.signs import read_signs
from scripts.wiring.watch.silence import moment
from scripts.wiring.witnesses import notes_seen

WAITS = {
    "setup": "their keys, or an auditor",
    "between": "the next round",
    "open": "their updates",
    "advertise": "their keys of this round",
    "share": "their shares",
    "complain": "their checks of the shares",
    "mask": "their masked updates",
    "frozen": "the sum",
    "agree": "their signatures of the set",
    "unmask": "their answers for the sum",
    "proposed": "their attestations",
}
"""What is awaited, by phase."""
REASONS = {
    "chain": "its chain gives no answer",
    "vault": "its vault gives no answer",
    "file": "a file is missing in the vault",
    "clock": "its clock is wrong",
    "disk": "its disk is full",
    "training": "its training was stopped",
    "other": "it waits",
}
FAULTS = {
    Fault.OVERDUE: "The deadline of this phase is over. If the round does not go on, the coordinator is away.",
    Fault.ABORTED: "The newest round was aborted.",
    Fault.LEFT_OUT: "The newest round leaves somebody out.",
    Fault.SILENT: "Somebody who gave signs of life gives none any more.",
    Fault.KEYLESS: "Somebody was registered and has no key, so it cannot take part.",
}
SECONDS_OF = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def consortium_now(home: Home) -> tuple[ConsortiumNow, LogNow]:
    """Read ledger, signs of life, and who cosigned the log; this needs no key.

    Raises:
        ChainUnavailable, WrongChain: see chain/ledger.py.
    """
    view = LedgerView(open_ledger(home))
    federation = view.refresh()
    at = now()
    members = presence(federation, newest_records(view.ledger.replay()), read_signs(home, federation, at), at)
    return members, log_now(federation, notes_seen(home), at)


def lines_of(status: ConsortiumNow) -> Iterator[str]:
    """Yield what a person reads."""
    waits = status.waiting
    names = ", ".join(status.name_of(each) for each in waits.who) or "nobody"
    since = f", since {moment(waits.since)}" if waits.since else ""
    until = f", until {moment(waits.until)}" if waits.until else ""
    yield f"Looked at {moment(status.at)}."
    yield f"Round {waits.round}: {waits.phase}. It waits for {names}: {WAITS[waits.phase]}{since}{until}."
    yield ""
    yield from map(_member_line, [status] * len(status.members), status.members)
    yield ""
    yield from (_ending_line(status, each) for each in status.endings)
    for fault in status.faults:
        yield f"Look at: {FAULTS[fault]}"


def document_of(status: ConsortiumNow) -> dict[str, object]:
    """Return the same for programs; times are seconds since 1970."""
    waits = status.waiting
    return {
        "at": status.at,
        "round": waits.round,
        "phase": waits.phase,
        "waits_for": [status.name_of(each) for each in waits.who],
        "since": waits.since,
        "until": waits.until,
        "members": [_member(each) for each in status.members],
        "rounds": [_ending(status, each) for each in status.endings],
        "faults": [fault.value for fault in status.faults],
    }


def ago(seconds: int) -> str:
    """Return a time that has passed in the largest unit that fits twice, such as "3 hours"."""
    for unit, size in SECONDS_OF:
        if seconds >= 2 * size or unit == "second":
            return f"{max(seconds, 0) // size} {unit}s"
    raise AssertionError


def _member_line(status: ConsortiumNow, member: MemberNow) -> str:
    state = "revoked" if member.revoked else "no key yet" if member.keyless else _state(member)
    seen = f"{ago(status.at - member.seen_at)} ago" if member.seen_at is not None else "never"
    version = member.sign.version if member.sign else "-"
    return f"{shown(member.name):<16} {member.role.name.lower():<12} seen {seen:<15} version {version:<10} {state}"


def _state(member: MemberNow) -> str:
    if member.silent:
        return f"silent since {moment(member.sign.at)}" if member.sign else "silent"
    parts = ["its record is awaited"] if member.awaited else []
    if member.sign and member.sign.waits:
        parts.append(REASONS[member.sign.waits])
    parts += [f"left out of round {number}: {why}" for number, why in member.left_out[:1]]
    return "; ".join(parts) or "well"


def _ending_line(status: ConsortiumNow, each: Ending) -> str:
    text = f"Round {each.number}: {each.phase}, {moment(each.at)}"
    if each.reason:
        text += f". Reason: {shown(without_names(each.reason))}"
    if each.left_out:
        text += ". Without " + ", ".join(f"{status.name_of(who)} ({why})" for who, why in each.left_out.items())
    return text + "."


def _member(member: MemberNow) -> dict[str, object]:
    sign = member.sign
    return {
        "name": member.name,
        "role": member.role.name.lower(),
        "account": show(member.account),
        "revoked": member.revoked,
        "keyless": member.keyless,
        "seen_at": member.seen_at,
        "recorded_at": member.recorded_at,
        "sign": {"at": sign.at, "version": sign.version, "round": sign.round, "waits": sign.waits} if sign else None,
        "awaited": member.awaited,
        "silent": member.silent,
        "left_out": [{"round": number, "why": _code(why)} for number, why in member.left_out],
    }


def _ending(status: ConsortiumNow, each: Ending) -> dict[str, object]:
    return {
        "round": each.number,
        "phase": each.phase,
        "at": each.at,
        "reason": each.reason,
        "left_out": {status.name_of(who): _code(why) for who, why in each.left_out.items()},
    }


def _code(why: Missed) -> str:
    return why.name.lower()
