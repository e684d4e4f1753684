"""What follows from withdrawals, and from returns to an earlier model: where to go back to; how to go on.

Invariant: ledger and vault decide. A model that nobody took anything back from has no pending withdrawal, and all
rounds after a return have the entry of its branch.

Source: PROTOCOL.md 5X.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fl.protocol.branch import BRANCH, Branch, Turn, turn_of
from fl.protocol.errors import BranchWrong, MalformedError, TamperedError, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.grants import Source
from fl.protocol.lineage import Reversion
from fl.protocol.names import Address, StatementKind
from fl.protocol.ports import Vault
from fl.protocol.records import Entry, Position, StatementMade
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.protocol.withdrawal import HOSPITAL, WITHDRAWAL_CAP, Withdrawal
from fl.replay.round_documents import read_config
from fl.replay.vault_files import read_document
from fl.training.aggregation.choice import SCAFFOLD, STATE
from fl.training.model.weights import Manifest, model_digest
from fl.training.vector import Vector


@dataclass(frozen=True)
class Pending:
    """A withdrawal from which the current model is not free."""

    hospital: Address
    what: Withdrawal
    entry: Entry
    """Of the statement."""
    base: int
    """The newest round whose model is free of it; 0: the first model."""


def pending(federation: Federation, vault: Vault) -> list[Pending]:
    """Return the withdrawals from which the current model is not free, in ledger order."""
    found: list[Pending] = []
    if not federation.openings:
        return found
    lineage = tuple(federation.lineage.ancestors()) if any(federation.stated(StatementKind.WITHDRAWAL)) else ()
    for entry, made in federation.stated(StatementKind.WITHDRAWAL):
        what = withdrawal_of(made, vault)
        until = None if what.what == HOSPITAL else entry.position
        used = used_by(lineage, made.sender, what.since, until)
        if used:
            found.append(Pending(made.sender, what, entry, number_before(federation, used[-1])))
    return found


def used_by(rounds: Iterable[Round], hospital: Address, since: int, until: Position | None) -> list[Round]:
    """Return the rounds of number `since` or later that have a hospital and opened before `until`, in their order."""
    return [each for each in rounds if hospital in each.hospitals and _since(each, since, until)]


def withdrawal_of(made: StatementMade, vault: Vault) -> Withdrawal:
    """Return what a statement takes back; without its document, everything since round 1."""
    everything = Withdrawal(HOSPITAL if made.text == HOSPITAL else "data", 1)
    try:
        stated = Withdrawal.from_bytes(read_document(vault, made.digest, WITHDRAWAL_CAP))
    except (VaultMissing, TamperedError, MalformedError):
        return everything
    return stated if stated.what == everything.what else everything


def withdrawn(federation: Federation, before: Position | None = None) -> frozenset[Address]:
    """Return the hospitals that took themselves back, before a record if one is named; they are in no later roster."""
    made = federation.stated(StatementKind.WITHDRAWAL)
    timely = (each for entry, each in made if before is None or entry.position < before)
    return frozenset(each.sender for each in timely if each.text == HOSPITAL)


def base_without(federation: Federation, hospital: Address, since: int = 1) -> int | None:
    """Return the newest round whose model is free of a hospital's updates of round `since` and later.

    0: the first model. None: the current model is free of them.
    """
    used = used_by(federation.lineage.ancestors(), hospital, since, None)
    return number_before(federation, used[-1]) if used else None


def number_before(federation: Federation, current: Round) -> int:
    """Return the round that made the model from which a round starts, 0 for the first model."""
    before = federation.final_before(current)
    return before.number if before else 0


def next_branch(federation: Federation, vault: Vault) -> Branch | None:
    """Return the entry that the next round must have; None if the coordinator never went back.

    Raises:
        VaultMissing, HashMismatch, EncodingError: the configuration of the first round.
    """
    return _entry(federation, federation.reverted, vault)


def with_branch(config: RoundConfig, branch: Branch | None) -> RoundConfig:
    """Return a configuration with the entry of a branch; without one it stays as it is."""
    return config if branch is None else replace(config, training={**config.training, BRANCH: branch.to_dict()})


def check_branch(federation: Federation, current: Round, config: RoundConfig, vault: Vault) -> None:
    """Check that a round has the entry that the returns before it give.

    Raises:
        BranchWrong: it has another entry.
        VaultMissing, HashMismatch, EncodingError: the configuration of the first round.
    """
    entry, backs = Branch.of(config.training), _before(federation, current.opened.position)
    if entry is None and not backs:
        return
    if entry != _entry(federation, backs, vault) and (backs or not _is_first(federation, entry, vault)):
        raise BranchWrong(current.number, "its entry is not the one that follows from the last return to a model")


def start_of(config: RoundConfig, manifest: Manifest, previous: Vector) -> Vector:
    """Return the model from which a round starts, float32 [manifest.length].

    It is the model before it, but a branch of `scaffold` begins with control variates of zero: the hospitals' own ones
    of the base are not on the ledger, and may be gone. So the server's one, the mean of them, is zero there too.
    """
    branch = Branch.of(config.training)
    if branch is None or manifest.state != STATE[SCAFFOLD] or model_digest(manifest.digest, previous) != branch.base:
        return previous
    start = previous.copy()
    start[manifest.weights :] = 0
    return start


def branch_began(federation: Federation) -> Position | None:
    """Return where the branch of the current model begins on the ledger; None without a return."""
    return federation.reverted[-1].opened.position if federation.reverted else None


def branch_before(federation: Federation, number: int) -> tuple[Round | None, Source]:
    """Return the newest round before the branch of round `number`, and where the branch's base comes from.

    Without a return before that round: None, and the first model.
    """
    opened = next((each.opened.position for each in federation.rounds if each.number == number), None)
    backs = federation.reverted if opened is None else _before(federation, opened)
    if not backs:
        return None, federation.openings[0]
    return max(_until(federation, backs), key=lambda each: each.number, default=None), backs[-1].source


def turn(federation: Federation, current: Round, config: RoundConfig) -> Turn:
    """Return when a round trains; raise EncodingError for a malformed entry."""
    backs = _before(federation, current.opened.position)
    began = max((each.number for each in _until(federation, backs)), default=0)
    return turn_of(current.number, current.number - began, Branch.of(config.training))


def _until(federation: Federation, backs: Sequence[Reversion]) -> Iterator[Round]:
    """Yield the rounds before the newest of some returns."""
    return (each for each in federation.rounds if backs and each.opened.position < backs[-1].opened.position)


def _entry(federation: Federation, backs: Sequence[Reversion], vault: Vault) -> Branch | None:
    """Return the entry that returns give; without one, None."""
    if not backs:
        return None
    first = _first(federation, vault)
    record = backs[-1].record
    return Branch(record.model_digest, (first.number if first else 0) + len(backs), record.round)


def _is_first(federation: Federation, entry: Branch | None, vault: Vault) -> bool:
    """Return whether an entry is that of a federation which began as a branch, with the base as its first model."""
    base = federation.openings[0].record.model_digest
    return entry is not None and entry.base == base and entry == _first(federation, vault)


def _first(federation: Federation, vault: Vault) -> Branch | None:
    return Branch.of(read_config(federation.rounds[0], vault).training) if federation.rounds else None


def _before(federation: Federation, position: Position) -> Sequence[Reversion]:
    return tuple(each for each in federation.reverted if each.opened.position < position)


def _since(current: Round, since: int, until: Position | None) -> bool:
    return current.number >= since and (until is None or current.opened.position < until)


def leavers(federation: Federation) -> Collection[Address]:
    """Return the hospitals of superseded rounds that no round behind the current model has."""
    gone = federation.superseded
    behind = {account for each in federation.lineage.ancestors() for account in each.hospitals}
    return sorted({account for each in federation.rounds if each.number in gone for account in each.hospitals} - behind)
