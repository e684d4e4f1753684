"""Whatever is thrown at a ledger, in whatever order: what holds afterwards."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fl.protocol.errors import HemaledgerError
from fl.protocol.federation import Federation, fold, step
from fl.protocol.names import Address, Digest, Role
from fl.protocol.records import (
    KeyRotated,
    KeysAdvertised,
    LedgerHandedOver,
    MemberRegistered,
    MemberRevoked,
    ModelAttested,
    ModelGranted,
    ModelProposed,
    PhaseClosed,
    Record,
    RoundAborted,
    RoundFinalised,
    RoundFrozen,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    Terms,
    UpdateCommitted,
)
from fl.protocol.rounds.round import Phase, set_digest
from tests.support.protocol.scene import (
    ANCHOR,
    AUDITOR,
    AUDITOR_2,
    COMMIT_BY,
    COORDINATOR,
    ENVELOPE,
    FOREIGN,
    H1,
    H2,
    H3,
    HOSPITALS,
    KEYLESS,
    MASKED,
    MODEL_0,
    MODEL_1,
    MODEL_2,
    OPERATOR,
    OUTSIDER,
    SIGNATURE,
    SUCCESSOR,
    TERMS,
    Log,
    masked_at,
    opened,
    public_key,
)
from tests.support.protocol.scene import federation as begun

HEIR = Address(b"\xe1" * 20)
PEOPLE = (OPERATOR, COORDINATOR, HEIR, AUDITOR, AUDITOR_2, H1, H2, H3, KEYLESS, OUTSIDER)
people = st.sampled_from(PEOPLE)
hospitals = st.sampled_from((*HOSPITALS, KEYLESS, AUDITOR))
models = st.sampled_from((MODEL_0, MODEL_1, MODEL_2))
MASKED_PHASES = (
    Phase.ADVERTISE,
    Phase.SHARE,
    Phase.COMPLAIN,
    Phase.MASK,
    Phase.AGREE,
    Phase.UNMASK,
    Phase.PROPOSED,
)
offsets = st.sampled_from((0, 0, 0, 0, 1, -1))
seconds = st.integers(0, 1_500)
subsets = st.one_of(
    st.lists(hospitals, max_size=4).map(tuple), st.sampled_from((HOSPITALS, (H1, H2), (H1, H3), (H2, H3), (H1,)))
)


class Ledger(RuleBasedStateMachine):
    """Records of all kinds, sensible and not, by anybody and at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Log()
        self.models = [MODEL_0]
        self.deadline = 0

    @initialize(
        phase=st.sampled_from((Phase.NONE, Phase.NONE, Phase.NONE, *MASKED_PHASES)),
        acted=st.sampled_from(((), (H1,), (H1, H2), HOSPITALS)),
    )
    def begin(self, phase: Phase, acted: tuple[Address, ...]) -> None:
        """Start before the first round, or deep in a masked one."""
        self.log = masked_at(phase, acted) if phase else begun()
        self.deadline = COMMIT_BY

    @property
    def federation(self) -> Federation:
        return self.log.federation

    def throw(self, record: Record, contract: Address | None = None) -> bool:
        """Try to append; a refusal must be one of our errors and change nothing."""
        before = replace(self.federation)
        entry = self.log.entry(record, contract)
        try:
            step(self.federation, entry)
        except HemaledgerError:
            assert self.federation == before
            return False
        self.log.add(record, contract=contract)
        return True

    def number(self, offset: int) -> int:
        return self.federation.last_round + offset

    @rule(passed=seconds)
    def wait(self, passed: int) -> None:
        self.log.now += passed

    @rule(
        who=st.sampled_from((COORDINATOR, COORDINATOR, HEIR, H1)),
        offset=offsets,
        stale=st.booleans(),
        kind=st.sampled_from((TERMS, MASKED, MASKED)),
    )
    def open_round(self, who: Address, offset: int, kind: Terms, *, stale: bool) -> None:
        now = self.log.now
        terms = replace(kind, step_timeout=500, commit_deadline=now + 1_000, close_deadline=now + 2_000)
        previous = MODEL_2 if stale else self.models[-1]
        members = self.federation.book.members
        roster = tuple(hospital for hospital in HOSPITALS if not members[hospital].revoked)
        record = replace(opened(self.number(offset) + 1, previous, terms), sender=who, roster=roster)
        if self.throw(record):
            assert offset == 0
            assert previous == self.models[-1]
            self.deadline = terms.commit_deadline

    @rule(who=hospitals, offset=offsets)
    def commit(self, who: Address, offset: int) -> None:
        digest = Digest(hashlib.sha256(who + bytes([len(self.log.entries)])).digest())
        if self.throw(UpdateCommitted(who, self.number(offset), digest)):
            assert self.log.now <= self.deadline
            assert self.log.round.commitments[who] == digest

    @rule()
    def commit_all(self) -> None:
        for who in HOSPITALS:
            self.commit(who, 0)

    @rule(who=st.sampled_from((COORDINATOR, COORDINATOR, HEIR, H1)), members=subsets, offset=offsets)
    def freeze(self, who: Address, members: tuple[Address, ...], offset: int) -> None:
        digest = Digest(bytes(32))
        if self.federation.rounds and set(members) <= set(self.log.round.commitments):
            digest = set_digest(self.log.round, members)
        if self.throw(RoundFrozen(who, self.number(offset), members, digest)):
            assert self.log.now > self.deadline or set(self.log.round.commitments) == set(self.log.round.sharers)

    @rule(who=hospitals, offset=offsets, points=st.sampled_from((2, 2, 2, 1, 3)))
    def set_up(self, who: Address, offset: int, points: int) -> None:
        """Take whichever step of the set-up; two of three are out of phase."""
        number, vector = self.number(offset), bytes(33 * points)
        self.throw(KeysAdvertised(who, number, bytes(33), bytes(33)))
        if self.throw(SharesDealt(who, number, vector, vector, ENVELOPE)):
            assert points == 2
        self.throw(SharesChecked(who, number, bytes(117 * (points - 2) if points > 1 else 7)))

    @rule(who=st.sampled_from((COORDINATOR, COORDINATOR, HEIR, H1)), members=subsets, offset=offsets)
    def close(self, who: Address, members: tuple[Address, ...], offset: int) -> None:
        phase = self.log.round.phase if self.federation.rounds else Phase.ADVERTISE
        if self.throw(PhaseClosed(who, self.number(offset), phase, members)):
            assert who == self.log.round.opener
            assert self.log.round.phase == phase + 1

    @rule(who=hospitals, offset=offsets, wrong=st.sampled_from((False, False, True)))
    def agree(self, who: Address, offset: int, *, wrong: bool) -> None:
        """Endorse and reveal, whichever the phase allows."""
        digest = MODEL_2 if wrong or not self.federation.rounds else self.log.round.set_digest
        for record in (
            SetEndorsed(who, self.number(offset), digest, SIGNATURE),
            SharesRevealed(who, self.number(offset), digest, ENVELOPE),
        ):
            if self.throw(record):
                assert not wrong
                assert who in self.log.round.hospitals

    @rule(who=people, reader=people, model=models, epoch=st.sampled_from((1, 1, 2)))
    def grant(self, who: Address, reader: Address, model: Digest, epoch: int) -> None:
        """Grant a model; whoever can read it afterwards could before, or got it from somebody who could."""
        before = self.federation.readers
        if self.throw(ModelGranted(who, reader, epoch, model, ENVELOPE)):
            assert model == self.models[-1]
            assert self.federation.readers - before <= {reader}
            assert self.federation.readers == before or who in before

    @rule(who=st.sampled_from((COORDINATOR, COORDINATOR, AUDITOR)), model=models, offset=offsets)
    def propose(self, who: Address, model: Digest, offset: int) -> None:
        self.throw(ModelProposed(who, self.number(offset), model, ENVELOPE))

    @rule(who=st.sampled_from((AUDITOR, AUDITOR_2, H1)), model=models, offset=offsets)
    def attest(self, who: Address, model: Digest, offset: int) -> None:
        self.throw(ModelAttested(who, self.number(offset), model, ENVELOPE))

    @rule(who=st.sampled_from((COORDINATOR, COORDINATOR, AUDITOR)), model=models, offset=offsets)
    def finalise(self, who: Address, model: Digest, offset: int) -> None:
        if self.throw(RoundFinalised(who, self.number(offset), model)):
            self.models.append(model)

    @precondition(lambda self: self.federation.active_round is not None)
    @rule(model=models, some=st.integers(1, 3), attested=st.booleans())
    def go_on(self, model: Digest, some: int, *, attested: bool) -> None:
        """Do nearly the right thing next, so that runs get to final rounds and to the edges before them."""
        match self.log.round.phase:
            case Phase.OPEN | Phase.MASK:
                for who in HOSPITALS[:some]:
                    self.commit(who, 0)
                self.freeze(COORDINATOR, tuple(sorted(self.log.round.commitments)), 0)
            case Phase.ADVERTISE | Phase.SHARE | Phase.COMPLAIN:
                for who in HOSPITALS[: max(some, 2)]:
                    self.set_up(who, 0, 2)
                self.close(COORDINATOR, tuple(who for who in self.log.round.sharers if who not in self.idle()), 0)
            case Phase.AGREE | Phase.UNMASK:
                for who in HOSPITALS:
                    self.agree(who, 0, wrong=False)
                self.propose(COORDINATOR, model, 0)
            case Phase.FROZEN:
                self.propose(COORDINATOR, model, 0)
            case _:
                proposal = self.log.round.proposal
                assert proposal is not None
                if attested:
                    self.attest(AUDITOR, proposal.model_digest, 0)
                self.finalise(COORDINATOR, proposal.model_digest, 0)

    def idle(self) -> set[Address]:
        """Return who did not do what the set-up phase asks."""
        current = self.log.round
        done = {Phase.ADVERTISE: current.advertised, Phase.SHARE: current.dealt, Phase.COMPLAIN: current.checked}
        return set(current.sharers) - set(done.get(current.phase, {}))

    @precondition(lambda self: self.federation.active_round is not None)
    @rule(times=st.integers(2, 8), model=models)
    def go_on_for_long(self, times: int, model: Digest) -> None:
        for _ in range(times):
            if self.federation.active_round is not None:
                self.go_on(model, 3, attested=True)

    @precondition(lambda self: self.federation.active_round is None)
    @rule(kind=st.sampled_from((TERMS, MASKED)))
    def begin_the_next(self, kind: Terms) -> None:
        self.open_round(COORDINATOR, 0, kind, stale=False)

    @rule(who=people, offset=offsets)
    def abort(self, who: Address, offset: int) -> None:
        self.throw(RoundAborted(who, self.number(offset), "enough"))

    @precondition(lambda self: len(self.log.entries) > 50)
    @rule(who=people, successor=st.sampled_from((SUCCESSOR, FOREIGN)))
    def hand_over(self, who: Address, successor: Address) -> None:
        self.throw(LedgerHandedOver(who, successor))

    @rule(member=st.sampled_from((H3, AUDITOR_2)), by=st.sampled_from((OPERATOR, COORDINATOR)))
    def revoke(self, member: Address, by: Address) -> None:
        if self.throw(MemberRevoked(by, member, "left")):
            assert by == OPERATOR

    @rule(member=people, role=st.sampled_from((Role.HOSPITAL, Role.COORDINATOR)))
    def admit(self, member: Address, role: Role) -> None:
        if self.throw(MemberRegistered(OPERATOR, member, role, f"new {member[0]}")):
            assert member == OUTSIDER or (member == HEIR and role == Role.HOSPITAL)

    @rule(member=people, epoch=st.integers(1, 3))
    def rotate(self, member: Address, epoch: int) -> None:
        self.throw(KeyRotated(member, epoch, public_key(member, epoch), bytes(64)))

    @rule(who=people)
    def foreign(self, who: Address) -> None:
        assert not self.throw(RoundAborted(who, self.number(0), "from elsewhere"), FOREIGN)

    @invariant()
    def the_model_in_force_is_that_of_the_last_final_round(self) -> None:
        if self.federation.openings:
            assert self.federation.model_digest == self.models[-1]
            final = [found for found in self.federation.rounds if found.phase == Phase.FINAL]
            assert len(final) == len(self.models) - 1

    @invariant()
    def every_round_is_consistent(self) -> None:
        for current in self.federation.rounds:
            assert set(current.commitments) <= set(current.roster)
            assert set(current.hospitals) <= set(current.commitments)
            assert list(current.hospitals) == sorted(set(current.hospitals))
            if current.phase in (Phase.FROZEN, Phase.PROPOSED, Phase.FINAL):
                assert len(current.hospitals) >= current.terms.min_commitments
            if current.phase == Phase.FINAL:
                assert len(current.attestations) >= current.terms.attestations
                assert current.proposal is not None
            assert (current.proposal is not None) or not current.attestations

    @invariant()
    def masked_rounds_unmask_one_agreed_set_only(self) -> None:
        for current in self.federation.rounds:
            if not current.masked:
                assert not {*current.advertised, *current.dealt, *current.checked, *current.endorsed}
                continue
            assert set(current.sharers) <= set(current.roster)
            assert set(current.commitments) <= set(current.sharers)
            assert set(current.dealt) <= set(current.advertised)
            assert set(current.checked) <= set(current.dealt)
            assert set(current.endorsed) | set(current.revealed) <= set(current.hospitals)
            assert {record.set_digest for record in current.endorsed.values()} <= {current.set_digest}
            assert not current.revealed or len(current.endorsed) >= current.terms.threshold
            assert current.proposal is None or len(current.revealed) >= current.terms.threshold
            assert 2 * current.terms.threshold > len(current.roster)

    @invariant()
    def one_reveal_per_hospital_and_round_was_ever_accepted(self) -> None:
        made = [
            (entry.record.round, entry.record.sender)
            for entry in self.log.entries
            if isinstance(entry.record, SharesRevealed)
        ]
        assert len(made) == len(set(made))

    @invariant()
    def one_commitment_per_hospital_and_round_was_ever_accepted(self) -> None:
        made = [
            (entry.record.round, entry.record.sender)
            for entry in self.log.entries
            if isinstance(entry.record, UpdateCommitted)
        ]
        assert len(made) == len(set(made))

    @invariant()
    def rounds_are_numbered_without_gaps_and_only_the_last_is_open(self) -> None:
        assert [found.number for found in self.federation.rounds] == list(range(1, len(self.federation.rounds) + 1))
        assert all(found.ended for found in self.federation.rounds[:-1])

    @invariant()
    def a_revoked_account_stays_revoked(self) -> None:
        revoked = {entry.record.member for entry in self.log.entries if isinstance(entry.record, MemberRevoked)}
        members = self.federation.book.members
        assert {account for account, member in members.items() if member.revoked} == revoked

    def teardown(self) -> None:
        assert fold(Federation(ANCHOR, self.log.verify), self.log.entries) == self.federation


Ledger.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestLedger = Ledger.TestCase
