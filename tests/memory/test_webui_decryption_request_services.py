"""What every implementation of RequestService keeps: the one in memory, and the real one over a real committee."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from fl.crypto.capsule import Readers, RecordPolicy
from fl.protocol.codec import sha256
from fl.protocol.errors import (
    AnswerOutdated,
    DeadlinePassed,
    DuplicateStep,
    EncodingError,
    NoCommittee,
    NotInCommittee,
    QuorumNotReached,
    RequestClosed,
    RevokedSender,
    StaleCommittee,
    TamperedError,
    UnavailableError,
    UnknownSender,
    WrongContext,
    WrongRequest,
    WrongRole,
)
from fl.protocol.names import Address, CeremonyKind, Purpose, Refusal, Role
from fl.protocol.records import Entry, MemberRevoked, Position
from tests.support.federation import memory_folder
from tests.support.ledger import MemoryLedger
from tests.support.site_committee import CommitteeWorld
from tests.support.site_decryption_requests import ACCOUNTS, FakeRequests
from tests.support.site_services import FakeFederation
from webui.errors import AnswerMismatch
from webui.ports.decryption_requests import RequestService, RequestState, SignedAnswer
from webui.ports.records import RecordService, SealedRecord

BODY = b"a blast cell, said the model"
WEEK_S = 7 * 24 * 3600
STRANGER = Address(bytes.fromhex("ee") * 20)


class World(Protocol):
    """A hospital's site, and three trustees of whom two open."""

    @property
    def records(self) -> RecordService:
        """The records under test."""

    @property
    def requests(self) -> RequestService:
        """The requests under test."""

    @property
    def accounts(self) -> Sequence[Address]:
        """The trustees' accounts."""

    def hold_key(self) -> None:
        """Give a new committee a new key."""

    def refresh(self) -> None:
        """Give a new committee the same key."""

    def signed(self, number: int, place: int, refused: Refusal | None = None) -> SignedAnswer:
        """What a trustee's browser would send."""

    def answer(self, number: int, place: int, refused: Refusal | None = None) -> None:
        """Let a trustee answer."""

    def stop_chain(self) -> None:
        """From now on no node answers."""

    def wait(self, seconds: int) -> None:
        """Let time pass."""

    def now(self) -> int:
        """Seconds since 1970."""


class FakeWorld:
    def __init__(self, _folder: Path) -> None:
        self.federation = FakeFederation()
        self.records = self.federation.records
        self.requests: FakeRequests = self.federation.requests
        self.accounts = ACCOUNTS
        self.hold_key, self.refresh = self.records.hold_key, self.records.refresh
        self.signed, self.answer = self.requests.signed, self.requests.answer
        self.stop_chain = self.federation.stop_chain

    def wait(self, seconds: int) -> None:
        self.federation.clock.now += seconds

    def now(self) -> int:
        return self.federation.clock.now


class RealWorld(CommitteeWorld):
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    def now(self) -> int:
        return self.clock.now


class LongWorld(RealWorld):
    """The same, with records that are sealed for decades."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, long_lived=True)


@pytest.fixture(params=[FakeWorld, RealWorld, LongWorld])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    make: Callable[[Path], World] = request.param
    with memory_folder(tmp_path) as folder:
        yield make(folder)


@pytest.fixture
def world(fresh: World) -> World:
    fresh.hold_key()
    return fresh


def sealed_in(world: World, readers: Readers = Readers.TRUSTEES) -> SealedRecord:
    policy = RecordPolicy(secrets.token_bytes(16), readers, frozenset({Purpose.TREATMENT}))
    return world.records.seal(policy, BODY)


def ask(world: World, sealed: SealedRecord) -> int:
    """Ask for a record, for a week; return the request's number."""
    return world.requests.request(sealed, Purpose.TREATMENT, world.now() + WEEK_S)


def state(world: World, number: int) -> RequestState:
    return world.requests.facts([number])[number].state


def test_a_request_stands_on_the_ledger_with_its_facts(world: World) -> None:
    sealed = sealed_in(world)
    number = ask(world, sealed)
    facts = world.requests.facts([number, number + 1])
    assert set(facts) == {number}
    found = facts[number]
    assert (found.requester, found.own, found.purpose, found.state) == ("alpha", True, Purpose.TREATMENT, "open")
    assert (found.label, found.threshold, len(found.trustees)) == (sealed.label, 2, 3)
    assert (found.dealer_made, found.answers, found.ended_block) == (False, (), None)
    assert found.asked_at < found.deadline


@pytest.mark.parametrize("readers", list(Readers))
def test_a_quorum_opens_and_the_ledger_says_so_once(world: World, readers: Readers) -> None:
    sealed = sealed_in(world, readers)
    number = ask(world, sealed)
    world.answer(number, 0)
    with pytest.raises(QuorumNotReached):
        world.requests.open(number, sealed, sealed.leaf)
    assert state(world, number) is RequestState.OPEN
    world.answer(number, 2)
    assert state(world, number) is RequestState.READY
    for _ in range(2):
        opened = world.requests.open(number, sealed, sealed.leaf)
        assert (opened.body, opened.wrong) == (BODY, ())
        facts = world.requests.facts([number])[number]
        assert facts.state is RequestState.FULFILLED
        assert [answer.account for answer in facts.answers] == [world.accounts[0], world.accounts[2]]
        assert facts.ended_block is not None
        assert facts.block < facts.answers[0].block < facts.answers[1].block < facts.ended_block


def test_what_was_opened_is_the_file_that_was_asked_for(world: World) -> None:
    sealed, other = sealed_in(world), sealed_in(world)
    number = ask(world, sealed)
    world.answer(number, 0)
    world.answer(number, 1)
    for wrong, leaf in ((other, other.leaf), (sealed, other.leaf)):
        with pytest.raises(TamperedError):
            world.requests.open(number, wrong, leaf)
    assert state(world, number) is RequestState.READY


def test_a_record_sealed_anew_keeps_its_label_and_not_its_capsule(world: World) -> None:
    sealed = sealed_in(world)
    anew = world.records.seal(sealed.policy, BODY)
    number = ask(world, sealed)
    facts = world.requests.facts([number])[number]
    assert facts.label == sealed.label == anew.label
    assert facts.capsule == world.requests.capsule_of(sealed) != world.requests.capsule_of(anew)
    world.answer(number, 0)
    world.answer(number, 1)
    with pytest.raises(WrongContext):
        world.requests.open(number, anew, anew.leaf)


def test_enough_refusals_close_a_request(world: World) -> None:
    number = ask(world, sealed_in(world))
    world.answer(number, 0, Refusal.JUDGEMENT)
    assert state(world, number) is RequestState.OPEN
    world.answer(number, 1, Refusal.PURPOSE)
    facts = world.requests.facts([number])[number]
    assert facts.state is RequestState.REFUSED
    assert [answer.refused for answer in facts.answers] == [Refusal.JUDGEMENT, Refusal.PURPOSE]
    assert facts.approvals == 0
    assert facts.ended_block == facts.answers[1].block


def test_a_key_that_the_operator_dealt_says_so(tmp_path: Path) -> None:
    with memory_folder(tmp_path) as folder:
        world = RealWorld(folder, kind=CeremonyKind.DEALER)
        world.hold_key()
        committee = world.records.committee()
        assert committee is not None
        assert committee.dealer_made
        assert world.records.dealt_keys() == {committee.key_id[:8]}
        policy = RecordPolicy(bytes(16), Readers.TRUSTEES, frozenset({Purpose.TREATMENT}))
        number = ask(world, world.records.seal(policy, BODY))
        assert world.requests.facts([number])[number].dealer_made


def test_whoever_asks_for_a_file_is_found_by_it(world: World) -> None:
    mine, other = sealed_in(world), sealed_in(world)
    numbers = [ask(world, sealed) for sealed in (mine, other, mine)]
    found = world.requests.about([mine.label])
    assert [facts.number for facts in found] == [numbers[0], numbers[2]]
    assert list(world.requests.about([])) == []


def test_a_trustee_sees_what_waits_and_answers_once(world: World) -> None:
    numbers = [ask(world, sealed_in(world)) for _ in range(2)]
    first = world.accounts[0]
    assert [facts.number for facts in world.requests.waiting_for(first)] == numbers
    assert list(world.requests.waiting_for(STRANGER)) == []
    world.answer(numbers[0], 0)
    assert [facts.number for facts in world.requests.waiting_for(first)] == numbers[1:]
    with pytest.raises(DuplicateStep):
        world.requests.approval(numbers[0], first)
    with pytest.raises(UnknownSender):
        world.requests.approval(numbers[0], STRANGER)
    with pytest.raises(WrongRequest):
        world.requests.approval(99, first)
    block = world.requests.approval(numbers[1], first)
    assert (block["request"], block["trustee"], block["purpose"]) == (numbers[1], first.hex(), 1)


def test_an_answer_must_be_that_trustees_to_that_request_with_that_envelope(world: World) -> None:
    number, other = (ask(world, sealed_in(world)) for _ in range(2))
    mine, first = world.signed(number, 0), world.accounts[0]
    refusal = world.signed(number, 0, Refusal.JUDGEMENT)
    for wrong in (
        world.signed(number, 1),
        world.signed(other, 0),
        replace(mine, envelope=None),
        replace(mine, envelope=(mine.envelope or b"") + b"\x00"),
        replace(refusal, envelope=mine.envelope),
    ):
        with pytest.raises(AnswerMismatch):
            world.requests.submit(number, first, wrong)
    for garbage in (
        b"",
        b"\x02\xc0",
        mine.transaction[:-1],
        mine.transaction + b"\x00",
        b"\x01" + mine.transaction[1:],
    ):
        with pytest.raises(EncodingError):
            world.requests.submit(number, first, replace(mine, transaction=garbage))
    assert world.requests.facts([number])[number].answers == ()
    world.requests.submit(number, first, mine)


def test_an_answer_sealed_before_the_trustees_key_was_replaced_is_refused_and_made_anew(tmp_path: Path) -> None:
    """Its agent did that after a ceremony of another key, while the page was open; the transaction is too late, too."""
    with memory_folder(tmp_path) as folder:
        world = CommitteeWorld(folder)
        world.hold_key()
        policy = RecordPolicy(bytes(16), Readers.TRUSTEES, frozenset({Purpose.TREATMENT}))
        sealed, deadline = world.records.seal(policy, BODY), world.clock.now + WEEK_S
        number = world.requests.request(sealed, Purpose.TREATMENT, deadline)
        before = world.signed(number, 0)
        world.parties[0].register_key()
        assert before.envelope
        with pytest.raises(AnswerOutdated, match=r"member key was replaced .* Reload the page and answer again"):
            world.requests.submit(number, world.accounts[0], before)
        assert not world.consortium.vault.has(sha256(before.envelope))
        world.answer(number, 0)
        assert world.requests.facts([number])[number].approvals == 1


def test_a_request_runs_out(world: World) -> None:
    number = ask(world, sealed_in(world))
    world.answer(number, 0)
    world.wait(8 * 24 * 3600)
    assert state(world, number) is RequestState.EXPIRED
    assert list(world.requests.waiting_for(world.accounts[1])) == []


def test_what_ran_out_or_is_closed_takes_no_answer(world: World) -> None:
    closed, late = (ask(world, sealed_in(world)) for _ in range(2))
    for place in (0, 1):
        world.answer(closed, place, Refusal.JUDGEMENT)
    pages = [world.signed(number, 2) for number in (closed, late)]
    world.wait(8 * 24 * 3600)
    for number, page, error in zip((closed, late), pages, (RequestClosed, DeadlinePassed), strict=True):
        with pytest.raises(error):
            world.requests.approval(number, world.accounts[2])
        with pytest.raises(error):
            world.requests.submit(number, world.accounts[2], page)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[CommitteeWorld]:
    with memory_folder(tmp_path) as folder:
        world = CommitteeWorld(folder)
        world.hold_key()
        yield world


def number_of(world: CommitteeWorld) -> int:
    """Ask for a record; return the request's number."""
    sealed = world.records.seal(RecordPolicy(bytes(16), Readers.TRUSTEES, frozenset({Purpose.TREATMENT})), BODY)
    return world.requests.request(sealed, Purpose.TREATMENT, world.clock.now + WEEK_S)


def test_only_an_active_trustee_of_the_committee_may_answer(real: CommitteeWorld) -> None:
    number, outsider = number_of(real), real.consortium.join("dora", Role.TRUSTEE).account
    with pytest.raises(NotInCommittee):
        real.requests.approval(number, outsider)
    with pytest.raises(WrongRole):
        real.requests.approval(number, real.ledger.account)
    real.consortium.operator.append(MemberRevoked(real.consortium.operator.account, real.accounts[0], "left"))
    with pytest.raises(RevokedSender):
        real.requests.approval(number, real.accounts[0])
    for each in (outsider, real.ledger.account, real.accounts[0]):
        assert real.requests.waiting_for(each) == []
    assert [facts.number for facts in real.requests.waiting_for(real.accounts[1])] == [number]


def test_no_look_up_reads_the_ledger_from_its_beginning(real: CommitteeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each asks at most for what is new, whatever the length of the ledger."""
    number = number_of(real)
    real.answer(number, 0)
    real.answer(number, 1, Refusal.PURPOSE)
    newest, asked, replay = real.federation().position, [], MemoryLedger.replay

    def counted(ledger: MemoryLedger, after: Position | None = None) -> Sequence[Entry]:
        asked.append(after)
        return replay(ledger, after)

    monkeypatch.setattr(MemoryLedger, "replay", counted)
    trustee, requests = real.accounts[2], real.requests
    (facts,) = requests.facts([number]).values()
    assert [facts] == requests.about([facts.label]) == requests.waiting_for(trustee)
    assert [answer.refused for answer in facts.answers] == [None, Refusal.PURPOSE]
    assert requests.approval(number, trustee)["request"] == number
    assert asked == [newest] * 4


def test_another_committee_of_the_same_key_answers_no_old_request(world: World) -> None:
    sealed = sealed_in(world)
    number = ask(world, sealed)
    world.refresh()
    assert state(world, number) is RequestState.STALE
    with pytest.raises(StaleCommittee):
        world.requests.approval(number, world.accounts[0])
    again = ask(world, sealed)
    for place in (0, 1):
        world.answer(again, place)
    assert world.requests.open(again, sealed, sealed.leaf).body == BODY


def test_a_record_of_an_earlier_key_is_asked_of_those_who_hold_that_key(world: World) -> None:
    sealed = sealed_in(world)
    before = ask(world, sealed)
    world.hold_key()
    assert state(world, before) is RequestState.OPEN
    after = ask(world, sealed)
    for number in (before, after):
        assert number in [each.number for each in world.requests.waiting_for(world.accounts[0])]
        for place in (0, 1):
            world.answer(number, place)
        assert world.requests.open(number, sealed, sealed.leaf).body == BODY


def test_without_a_committee_nobody_can_be_asked(fresh: World) -> None:
    sealed = sealed_in(fresh, Readers.HOSPITAL_AND_TRUSTEES)
    with pytest.raises(NoCommittee):
        ask(fresh, sealed)


def test_a_silent_chain_is_not_an_empty_one(world: World) -> None:
    sealed = sealed_in(world)
    number = ask(world, sealed)
    world.stop_chain()
    with pytest.raises(UnavailableError):
        world.requests.facts([number])
    with pytest.raises(UnavailableError):
        world.requests.waiting_for(world.accounts[0])
