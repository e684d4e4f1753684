"""Whatever is thrown at ceremonies and requests, in whatever order: what holds afterwards."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fl.protocol.errors import HemaledgerError
from fl.protocol.federation import Federation, fold, step
from fl.protocol.keys.ceremony import Ceremony, CeremonyPhase
from fl.protocol.keys.requests import RequestPhase
from fl.protocol.keys.threshold import ThresholdKeys
from fl.protocol.names import Address, CeremonyKind, Digest, KeyUse, Refusal
from fl.protocol.records import (
    CeremonyAborted,
    CeremonyChecked,
    CeremonyStarted,
    DecryptionApproved,
    DecryptionFulfilled,
    DecryptionRefused,
    MemberRevoked,
    Record,
    RecordsAnchored,
)
from tests.support.protocol.committee import (
    PHASES,
    SHARES,
    TRUSTEES,
    USE,
    Y,
    approve,
    ask,
    close,
    commit,
    confirm,
    deal,
    run,
    start,
    steps,
    trustees,
)
from tests.support.protocol.scene import ANCHOR, H1, H2, OPERATOR, Log

PEOPLE = (OPERATOR, H1, *TRUSTEES)
people = st.sampled_from(PEOPLE)
subsets = st.lists(st.sampled_from(TRUSTEES), min_size=1, max_size=5, unique=True).map(lambda some: tuple(sorted(some)))
numbers = st.sampled_from((0, 0, 0, 1, -1))
KEYS = (Y, Y, Y, b"\3" + bytes(32))


class Threshold(RuleBasedStateMachine):
    """Records of ceremonies, requests and roots, sensible and not, by anybody and at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Log()

    @initialize(until=st.sampled_from((None, *PHASES, PHASES[-1], PHASES[-1])), kind=st.sampled_from((1, 2)))
    def begin(self, until: CeremonyPhase | None, kind: int) -> None:
        self.log = trustees()
        if until is not None:
            dealers = (OPERATOR,) if kind == CeremonyKind.DEALER else start().dealers
            run(self.log, start(kind=CeremonyKind(kind), dealers=dealers), until)

    @property
    def keys(self) -> ThresholdKeys:
        return self.log.federation.threshold

    @property
    def newest(self) -> Ceremony | None:
        return self.keys.ceremony(USE)

    def number(self, offset: int) -> int:
        return max(0, (self.newest.number if self.newest else 0) + offset)

    def throw(self, record: Record) -> bool:
        """Try to append; a refusal must be one of our errors and change nothing."""
        before = replace(self.log.federation)
        try:
            step(self.log.federation, self.log.entry(record))
        except HemaledgerError:
            assert self.log.federation == before
            return False
        self.log.add(record)
        return True

    @rule(passed=st.integers(0, 150))
    def wait(self, passed: int) -> None:
        self.log.now += passed

    @rule(
        offset=numbers,
        kind=st.sampled_from(CeremonyKind),
        threshold=st.integers(1, 4),
        sets=st.tuples(subsets, subsets, st.sampled_from((0, 0, 0, 1))),
    )
    def begin_another(
        self,
        offset: int,
        kind: CeremonyKind,
        threshold: int,
        sets: tuple[tuple[Address, ...], tuple[Address, ...], int],
    ) -> None:
        dealers, receivers, odd = sets
        if kind in (CeremonyKind.GENERATE, CeremonyKind.REFRESH) and not odd:
            dealers = receivers
        if kind == CeremonyKind.DEALER and not odd:
            dealers = (OPERATOR,)
        before, number = self.keys.in_force(USE), self.number(offset) + 1
        following = self.number(0) + 1
        if self.throw(start(number, kind, threshold, dealers, receivers)):
            assert number == following
            assert 2 <= threshold <= len(receivers)
            assert before is not None or kind in (CeremonyKind.GENERATE, CeremonyKind.DEALER)

    @rule(who=people, offset=numbers, points=st.sampled_from((2, 2, 1, 3)), key=st.sampled_from(KEYS))
    def act(self, who: Address, offset: int, points: int, key: bytes) -> None:
        """Take whichever step of a ceremony; most are out of phase."""
        number = self.number(offset)
        self.throw(commit(who, points, number))
        self.throw(deal(who, points, number))
        self.throw(CeremonyChecked(who, USE, number, b""))
        self.throw(confirm(who, number, key))

    @precondition(lambda self: self.newest is not None)
    @rule(who=people, dealers=subsets, late=st.booleans())
    def close(self, who: Address, dealers: tuple[Address, ...], *, late: bool) -> None:
        assert self.newest is not None
        self.log.now += 200 if late else 0
        self.throw(replace(close(self.newest.phase, dealers, self.newest.number), sender=who))

    @precondition(lambda self: self.newest is not None and not self.newest.ended)
    @rule(times=st.integers(1, 4))
    def go_on(self, times: int) -> None:
        """Do what comes next, so that runs get to committees."""
        current: CeremonyStarted = self.newest.terms  # type: ignore[union-attr]
        for records in steps(current)[self.newest.phase - 1 :][:times]:  # type: ignore[union-attr]
            for record in records:
                self.throw(record)

    @rule(kind=st.sampled_from(CeremonyKind), receivers=subsets.filter(lambda some: len(some) > 1))
    def make_a_committee(self, kind: CeremonyKind, receivers: tuple[Address, ...]) -> None:
        """Run a whole ceremony, as far as the revoked let it; one that is open is aborted."""
        self.throw(CeremonyAborted(OPERATOR, USE, self.number(0), "another is wanted"))
        held = self.keys.in_force(USE)
        if kind == CeremonyKind.REFRESH and held is not None:
            receivers = held.members
        dealers = {CeremonyKind.DEALER: (OPERATOR,), CeremonyKind.RESHARE: held.members if held else ()}
        began = start(self.number(1), kind, 2, dealers.get(kind, receivers), receivers)
        if self.throw(began):
            for records in steps(began):
                for record in records:
                    self.throw(record)

    @rule(who=people, offset=numbers)
    def abort(self, who: Address, offset: int) -> None:
        self.throw(CeremonyAborted(who, USE, self.number(offset), "enough"))

    @rule(who=st.sampled_from((H1, H1, H2, OPERATOR)))
    def ask(self, who: Address) -> None:
        self.throw(ask(self.log, who))

    @rule(who=people, number=st.integers(0, 3), refuses=st.booleans())
    def answer(self, who: Address, number: int, *, refuses: bool) -> None:
        self.throw(DecryptionRefused(who, number, Refusal.JUDGEMENT) if refuses else approve(who, number))

    @precondition(lambda self: self.keys.in_force(USE) is not None)
    @rule(times=st.integers(1, 3))
    def grant(self, times: int) -> None:
        """Ask, and let trustees approve."""
        self.throw(ask(self.log))
        for who in self.keys.committee(USE).members[:times]:
            self.throw(approve(who, len(self.keys.requests)))
        self.throw(DecryptionFulfilled(H1, len(self.keys.requests)))

    @rule(who=people, number=st.integers(0, 3))
    def fulfil(self, who: Address, number: int) -> None:
        if self.throw(DecryptionFulfilled(who, number)):
            request = self.keys.request(number)
            assert len(request.approvals) >= request.committee.threshold
            assert who == request.requester

    @rule(who=st.sampled_from((H1, H2, OPERATOR)), batch=st.integers(0, 3))
    def anchor(self, who: Address, batch: int) -> None:
        self.throw(RecordsAnchored(who, batch, Digest(bytes([batch]) * 32)))

    @rule(who=st.sampled_from(TRUSTEES[2:]))
    def revoke(self, who: Address) -> None:
        self.throw(MemberRevoked(OPERATOR, who, "left"))

    @invariant()
    def a_key_changes_only_with_its_generation(self) -> None:
        made = self.keys.committees(USE)
        for before, after in pairwise(made):
            assert before.epoch < after.epoch
            assert (before.generation == after.generation) == (
                after.kind not in (CeremonyKind.GENERATE, CeremonyKind.DEALER)
            )
            if before.generation == after.generation:
                assert (before.public_key, before.origin) == (after.public_key, after.origin)
            else:
                assert after.generation == after.epoch

    @invariant()
    def a_committee_was_confirmed_by_as_many_members_as_its_threshold(self) -> None:
        for ceremony in self.keys.ceremonies.get(USE, ()):
            assert set(ceremony.confirmed) | set(ceremony.checked) <= set(ceremony.terms.receivers)
            assert set(ceremony.dealt) <= set(ceremony.committed) <= set(ceremony.terms.dealers)
            held = ceremony.committee
            if held is None:
                continue
            equal = [who for who, record in ceremony.confirmed.items() if record.public_key == held.public_key]
            assert len(equal) >= held.threshold
            assert set(ceremony.dealers) <= set(ceremony.dealt)
            assert len(ceremony.dealers) >= ceremony.required
            assert held.shares_digest == SHARES

    @invariant()
    def ceremonies_are_numbered_without_gaps_and_only_the_last_is_open(self) -> None:
        for use in KeyUse:
            found = self.keys.ceremonies.get(use, ())
            assert [ceremony.number for ceremony in found] == list(range(1, len(found) + 1))
            assert all(ceremony.ended for ceremony in found[:-1])

    @invariant()
    def a_request_is_what_its_answers_make_it(self) -> None:
        for request in self.keys.requests:
            held = request.committee
            assert not set(request.approvals) & set(request.refusals)
            assert set(request.approvals) | set(request.refusals) <= set(held.members)
            reached = len(request.approvals) >= held.threshold
            assert reached == (request.phase in (RequestPhase.APPROVED, RequestPhase.FULFILLED))
            hopeless = len(held.members) - len(request.refusals) < held.threshold
            assert hopeless == (request.phase == RequestPhase.REFUSED)

    @invariant()
    def approvals_come_from_one_committee_each(self) -> None:
        for request in self.keys.requests:
            approved = [entry for entry in self.log.entries if isinstance(entry.record, DecryptionApproved)]
            counted = {entry.record.sender for entry in approved if entry.record.request == request.number}  # type: ignore[union-attr]
            assert counted == set(request.approvals)

    def teardown(self) -> None:
        assert fold(Federation(ANCHOR, self.log.verify), self.log.entries) == self.log.federation


Threshold.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestThreshold = Threshold.TestCase
