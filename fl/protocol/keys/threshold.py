"""The fold of threshold keys and records: ceremonies, requests, anchored roots.

Invariant: only records that KeyAuthority.sol allows, in ledger order, lead to a `ThresholdKeys`.

Source: PROTOCOL.md 9; contracts/authority (Ceremonies.sol, Requests.sol, KeyAuthority.sol).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from fl.protocol.errors import (
    CeremonyStillOpen,
    NoCommittee,
    RefusedError,
    WrongBatch,
    WrongCeremony,
    WrongPhase,
    WrongRequest,
)
from fl.protocol.keys import ceremony_rules, requests
from fl.protocol.keys.ceremony import Ceremony, CeremonyPhase, Committee
from fl.protocol.keys.members import KeyBook, Member
from fl.protocol.keys.requests import DecryptionRequest
from fl.protocol.names import Address, Digest, KeyUse, Role
from fl.protocol.ports import Anchor
from fl.protocol.records import (
    CeremonyRecord,
    CeremonyStarted,
    DecryptionFulfilled,
    DecryptionRequested,
    Entry,
    RecordsAnchored,
    RequestRecord,
)

ThresholdRecord = CeremonyRecord | RequestRecord | RecordsAnchored


@dataclass(frozen=True)
class AnchoredRoot:
    """The Merkle root of one batch of a hospital's records."""

    batch: int
    root: Digest
    entry: Entry


@dataclass(frozen=True)
class ThresholdKeys:
    """Ceremonies by use, requests, and anchored roots by hospital; each in order."""

    ceremonies: Mapping[KeyUse, tuple[Ceremony, ...]] = field(default_factory=lambda: MappingProxyType({}))
    requests: tuple[DecryptionRequest, ...] = ()
    roots: Mapping[Address, tuple[AnchoredRoot, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def ceremony(self, use: KeyUse) -> Ceremony | None:
        """Return the newest ceremony of a use, ended or not."""
        ceremonies = self.ceremonies.get(use, ())
        return ceremonies[-1] if ceremonies else None

    def committees(self, use: KeyUse) -> tuple[Committee, ...]:
        """Return every committee of a use, oldest first."""
        made = (ceremony.committee for ceremony in self.ceremonies.get(use, ()))
        return tuple(committee for committee in made if committee is not None)

    def in_force(self, use: KeyUse) -> Committee | None:
        """Return the present committee, if any."""
        return next(iter(reversed(self.committees(use))), None)

    def committee(self, use: KeyUse) -> Committee:
        """Return the present committee, expired or not, or raise NoCommittee."""
        committee = self.in_force(use)
        if committee is None:
            raise NoCommittee(use)
        return committee

    def holder(self, use: KeyUse, epoch: int) -> Committee | None:
        """Return the newest committee with the key of ceremony `epoch`: the present one, or that of an earlier key."""
        ceremonies = self.ceremonies.get(use, ())
        if not 1 <= epoch <= len(ceremonies):
            return None
        generation = ceremonies[epoch - 1].generation
        return next((each for each in self.holders(use) if each.generation == generation), None)

    def holders(self, use: KeyUse) -> tuple[Committee, ...]:
        """Return the newest committee of each key of a use, oldest key first."""
        return tuple({committee.generation: committee for committee in self.committees(use)}.values())

    def key_was_used(self, member: Member) -> bool:
        """Return whether an ended ceremony sealed shares to a member's present key."""
        ended = (each for ceremonies in self.ceremonies.values() for each in ceremonies if each.ended)
        return member.key is not None and any(each.keys.get(member.account) == member.key for each in ended)

    def request(self, number: int) -> DecryptionRequest:
        """Return the request of that number, or raise WrongRequest."""
        if not 1 <= number <= len(self.requests):
            raise WrongRequest(number)
        return self.requests[number - 1]

    def answerable(self, number: int, trustee: Address, now: int, book: KeyBook) -> DecryptionRequest:
        """Return a request that a trustee may answer at `now`, in seconds since 1970.

        Raises:
            UnknownSender, RevokedSender, WrongRole: the account is not an active trustee.
            WrongRequest: no request has this number.
            RefusedError: as requests.check_answer.
        """
        book.active(trustee, Role.TRUSTEE)
        request = self.request(number)
        requests.check_answer(request, trustee, now, self.holder(request.key_use, request.epoch))
        return request

    def waiting_for(self, trustee: Address, now: int, book: KeyBook) -> tuple[DecryptionRequest, ...]:
        """Return the requests that a trustee may answer at `now`, oldest first."""
        waiting = []
        for request in self.requests:
            if request.key_use == KeyUse.INFERENCE:  # questions come to the trustee itself (PROTOCOL.md 9P)
                continue
            with suppress(RefusedError):
                waiting.append(self.answerable(request.number, trustee, now, book))
        return tuple(waiting)

    def advance(self, entry: Entry, record: ThresholdRecord, book: KeyBook, anchor: Anchor) -> ThresholdKeys:
        """Return the value after `record` of `entry`, or raise the rule's error."""
        if isinstance(record, CeremonyStarted):
            return self._start(entry, record, book, anchor)
        if isinstance(record, CeremonyRecord):
            return self._step(entry, record, book)
        if isinstance(record, RequestRecord):
            return self._ask_or_answer(entry, record, book)
        return self._anchor(entry, record, book)

    def _start(self, entry: Entry, record: CeremonyStarted, book: KeyBook, anchor: Anchor) -> ThresholdKeys:
        book.active(record.sender, Role.OPERATOR)
        newest = self.ceremony(record.key_use)
        if newest is not None and not newest.ended:
            raise CeremonyStillOpen(newest.number)
        number = newest.number + 1 if newest else 1
        if record.ceremony != number:
            raise WrongCeremony(number, record.ceremony)
        started = ceremony_rules.start(entry, record, self.in_force(record.key_use), book, anchor)
        return self._with(record.key_use, (*self.ceremonies.get(record.key_use, ()), started))

    def _step(self, entry: Entry, record: ceremony_rules.CeremonyRecord, book: KeyBook) -> ThresholdKeys:
        book.active(record.sender)
        newest = self.ceremony(record.key_use)
        number = newest.number if newest else 0
        if record.ceremony != number:
            raise WrongCeremony(number, record.ceremony)
        if newest is None:
            raise WrongPhase(0, CeremonyPhase.NONE)
        changed = ceremony_rules.advance(newest, entry, record, book)
        return self._with(record.key_use, (*self.ceremonies[record.key_use][:-1], changed))

    def _ask_or_answer(self, entry: Entry, record: RequestRecord, book: KeyBook) -> ThresholdKeys:
        if isinstance(record, DecryptionRequested):
            number = len(self.requests) + 1
            asked = requests.ask(entry, record, number, self.holder(record.key_use, record.epoch), book)
            return replace(self, requests=(*self.requests, asked))
        if isinstance(record, DecryptionFulfilled):
            book.active(record.sender)
            changed = requests.fulfil(self.request(record.request), entry, record)
        else:
            request = self.answerable(record.request, record.sender, entry.timestamp, book)
            changed = requests.answer(request, entry, record, book)
        at = changed.number - 1
        return replace(self, requests=(*self.requests[:at], changed, *self.requests[at + 1 :]))

    def _anchor(self, entry: Entry, record: RecordsAnchored, book: KeyBook) -> ThresholdKeys:
        book.active(record.sender, Role.HOSPITAL)
        before = self.roots.get(record.sender, ())
        if record.batch != len(before) + 1:
            raise WrongBatch(len(before) + 1, record.batch)
        roots = (*before, AnchoredRoot(record.batch, record.root, entry))
        return replace(self, roots=MappingProxyType({**self.roots, record.sender: roots}))

    def _with(self, use: KeyUse, ceremonies: tuple[Ceremony, ...]) -> ThresholdKeys:
        return replace(self, ceremonies=MappingProxyType({**self.ceremonies, use: ceremonies}))
