"""What became of each withdrawal, and what a further one would mean: which rounds fall back, and what that costs.

Invariant: it follows from ledger and vault alone, so every member says the same.

Source: PROTOCOL.md 5X.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fl.protocol.federation import Federation
from fl.protocol.lineage import Reversion
from fl.protocol.names import Address, StatementKind
from fl.protocol.ports import Vault
from fl.protocol.records import Entry
from fl.protocol.rounds.round import Round
from fl.protocol.withdrawal import HOSPITAL, Withdrawal
from fl.replay.branches import base_without, number_before, used_by, withdrawal_of


class Stage(StrEnum):
    """How far a withdrawal is."""

    ASKED = "asked"
    """The current model still uses what was taken back: the coordinator has to go back."""
    GONE_BACK = "gone_back"
    """The model before it is current again, and no round has followed."""
    TRAINED_ON = "trained_on"
    """Rounds without it have followed."""
    UNUSED = "unused"
    """The model of that time used nothing of it."""


@dataclass(frozen=True)
class Course:
    """What became of one withdrawal."""

    hospital: Address
    what: Withdrawal
    asked: Entry
    """The statement."""
    stage: Stage
    base: int
    """The round whose model is, or will be, current again; 0: the first model. UNUSED: 0."""
    superseded: tuple[int, ...] = ()
    """Rounds whose models are, or will be, no longer in use, in order."""
    back: Reversion | None = None
    """GONE_BACK, TRAINED_ON: the return."""
    rounds: tuple[int, ...] = ()
    """TRAINED_ON: the rounds since then from which the current model comes, in order."""


@dataclass(frozen=True)
class Price:
    """What a return to an earlier model means."""

    base: int
    """The round whose model would be current again; 0: the first model."""
    superseded: tuple[int, ...]
    """Rounds whose models would be no longer in use, in order; as many have to be trained again."""
    scratch: int
    """How many rounds it would be from the first model on."""


def courses(federation: Federation, vault: Vault) -> list[Course]:
    """Return all withdrawals, in ledger order."""
    if not federation.openings:
        return []
    made = federation.stated(StatementKind.WITHDRAWAL)
    return [_course(federation, entry, each.sender, withdrawal_of(each, vault)) for entry, each in made]


def price_without(federation: Federation, hospital: Address, since: int) -> Price | None:
    """Return what the withdrawal of a hospital's updates of round `since` and later would mean; None: nothing."""
    base = base_without(federation, hospital, since)
    return None if base is None else price_of(federation, base)


def price_of(federation: Federation, to: int) -> Price:
    """Return what a return to the model of round `to` would mean; 0 is the first model."""
    behind = list(federation.lineage.ancestors())
    gone = [each for each in reversed(behind) if each.number > to]
    return Price(to, _numbers(gone), len(behind))


def _course(federation: Federation, entry: Entry, sender: Address, what: Withdrawal) -> Course:
    until = None if what.what == HOSPITAL else entry.position
    lineage = federation.lineage
    now = list(lineage.ancestors())
    used = used_by(now, sender, what.since, until)
    if used:
        base = number_before(federation, used[-1])
        gone = _numbers([each for each in reversed(now) if each.number > base])
        return Course(sender, what, entry, Stage.ASKED, base, gone)
    for back in federation.reverted:
        before, behind = list(lineage.ancestors(back.opened.position)), _behind(federation, back)
        ended = back.opened.position > entry.position and used_by(before, sender, what.since, until)
        if ended and not used_by(behind, sender, what.since, until):
            gone = _numbers([each for each in reversed(before) if each.number > back.record.round])
            since = [each for each in reversed(now) if each.opened.position > back.opened.position]
            stage = Stage.TRAINED_ON if since else Stage.GONE_BACK
            return Course(sender, what, entry, stage, back.record.round, gone, back, _numbers(since))
    return Course(sender, what, entry, Stage.UNUSED, 0)


def _behind(federation: Federation, back: Reversion) -> list[Round]:
    """Return the rounds from which the model comes to which a return went."""
    source = back.source
    if not isinstance(source, Round):
        return []
    return [source, *federation.lineage.ancestors(source.opened.position)]


def _numbers(rounds: Sequence[Round]) -> tuple[int, ...]:
    return tuple(each.number for each in rounds)
