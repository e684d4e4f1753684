"""The members now: who gave a sign of life when, for whom the consortium waits, and what a person should look at.

Invariant: facts of the ledger and signs of life stay apart. A sign can make a member look alive; it never changes what
the ledger says.

Source: attendance.py (the ledger), signs_of_life.py (the signs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fl.protocol.federation import Federation
from fl.protocol.names import Address, Role
from fl.protocol.records import Entry
from fl.protocol.rounds.round import Phase, Round
from fl.replay.attendance import LAST_ROUNDS, Ending, Missed, Waiting, ending, left_out, waiting
from fl.replay.signs_of_life import Sign

SILENT_AFTER_S = 3600
"""An agent signs every ten minutes."""


class Fault(StrEnum):
    """Something that a person should look at."""

    OVERDUE = "overdue"
    """The deadline of the phase is over, and the round did not go on."""
    ABORTED = "aborted"
    """The newest round was aborted."""
    LEFT_OUT = "left out"
    """The newest round goes on, or ended, without somebody."""
    SILENT = "silent"
    """A member that gave signs of life gives none any more."""
    KEYLESS = "keyless"
    """A member has no key on the ledger, so it cannot take part."""


@dataclass(frozen=True)
class MemberNow:
    """One member as others see it now."""

    account: Address
    name: str
    role: Role
    revoked: bool
    keyless: bool
    recorded_at: int | None
    """When it last made a record, in seconds since 1970."""
    sign: Sign | None
    awaited: bool
    """Whether its record is the one that the consortium waits for."""
    silent: bool
    left_out: tuple[tuple[int, Missed], ...]
    """(round, why) of the last rounds that went on without it, the newest first."""

    @property
    def seen_at(self) -> int | None:
        """Return its last sign of life: on the ledger or in the vault."""
        times = (self.recorded_at, self.sign.at if self.sign else None)
        return max((each for each in times if each is not None), default=None)


@dataclass(frozen=True)
class ConsortiumNow:
    """All members, and the round."""

    at: int
    """Seconds since 1970 when this was looked at."""
    waiting: Waiting
    members: tuple[MemberNow, ...]
    endings: tuple[Ending, ...]
    """The last rounds, the newest first."""
    faults: tuple[Fault, ...]

    def name_of(self, account: Address) -> str:
        """Return a member's name, or its account in hexadecimal."""
        return next((each.name for each in self.members if each.account == account), "0x" + account.hex())


def presence(
    federation: Federation, records: Mapping[Address, Entry], signs: Mapping[Address, Sign], at: int
) -> ConsortiumNow:
    """Return the members now.

    Args:
        federation: The ledger, folded.
        records: The newest record of each account (attendance.newest_records).
        signs: The newest sign of life of each account that has one.
        at: Now, in seconds since 1970.
    """
    now, last = waiting(federation), federation.rounds[: -LAST_ROUNDS - 1 : -1]
    members = []
    for member in federation.book.members.values():
        sign, record = signs.get(member.account), records.get(member.account)
        members.append(
            MemberNow(
                account=member.account,
                name=member.name,
                role=member.role,
                revoked=member.revoked,
                keyless=not member.keys and member.role != Role.OPERATOR,
                recorded_at=record.timestamp if record else None,
                sign=sign,
                awaited=member.account in now.who,
                silent=sign is not None and not member.revoked and at - sign.at > SILENT_AFTER_S,
                left_out=_missed(last, member.account),
            )
        )
    endings = tuple(ending(each) for each in last)
    return ConsortiumNow(at, now, tuple(members), endings, _faults(now, members, last, at))


def _missed(rounds: tuple[Round, ...], account: Address) -> tuple[tuple[int, Missed], ...]:
    found = ((each.number, left_out(each).get(account)) for each in rounds)
    return tuple((number, why) for number, why in found if why is not None)


def _faults(now: Waiting, members: list[MemberNow], last: tuple[Round, ...], at: int) -> tuple[Fault, ...]:
    newest = last[0] if last else None
    tests = {
        Fault.OVERDUE: now.until is not None and at > now.until,
        Fault.ABORTED: newest is not None and newest.phase == Phase.ABORTED,
        Fault.LEFT_OUT: newest is not None and bool(left_out(newest)),
        Fault.SILENT: any(each.silent for each in members),
        Fault.KEYLESS: any(each.keyless and not each.revoked for each in members),
    }
    return tuple(fault for fault, found in tests.items() if found)
