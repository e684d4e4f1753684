"""Private predictions over the in-memory ledger: real trustees, sealed questions, quotas, who gets no answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from fl.crypto.discrete_log import logarithms
from fl.crypto.encrypted_head import EncryptedHead
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import (
    CiphertextInvalid,
    DeadlinePassed,
    DuplicateStep,
    HeadUnknown,
    HemaledgerError,
    KeyExpired,
    QuorumNotReached,
    QuotaUsed,
    RevokedSender,
    StaleCommittee,
    VaultMissing,
    WrongRequest,
    WrongRole,
)
from fl.protocol.names import Address, CeremonyKind, Digest, KeyUse, Purpose
from fl.protocol.records import DecryptionRequested, MemberRevoked
from fl.replay.heads import amount, newest_of
from fl.replay.ledger_view import LedgerView
from fl.roles.requester.head_questions import Line, PrivateAnswer
from fl.roles.requester.private_answers import PrivateAnswers
from fl.roles.trustee.head_answers import HeadDesk
from fl.training.evaluation.int8_head import Int8Head
from tests.support.clinic import Clinic, audit, three_trustees
from tests.support.federation import Clock, Party, memory_folder, settle

MODEL = Digest(b"\x31" * 32)
WIDTH = 64
"""Four answers."""
DRAW = np.random.default_rng(5)
PLAIN = Int8Head.of(DRAW.normal(size=(3, WIDTH)), DRAW.normal(size=3), (2.0, 4.0))
FEATURES = PLAIN.features(np.abs(DRAW.normal(size=(40, WIDTH))))


@dataclass
class Scene:
    clinic: Clinic
    clock: Clock
    head: Digest
    desks: dict[Address, HeadDesk]

    def member(self, party: Party) -> PrivateAnswers:
        return PrivateAnswers(party.ports(self.clinic.consortium.vault))

    def lines(self, *names: str) -> dict[Address, Line]:
        return {party.account: self.desks[party.account].handle for party in self.clinic.parties if party.name in names}

    def buy(self, answers: int = 1, who: int = 0) -> int:
        party = self.clinic.consortium.hospitals[who]
        until = self.clock.now + 3600
        return self.member(party).buy(self.clinic.federation, self.head, answers, Purpose.TREATMENT, until)

    def loaded(self) -> EncryptedHead:
        key = ThresholdKey.from_bytes(self.clinic.federation.threshold.committee(KeyUse.INFERENCE).public_key)
        return self.member(self.clinic.hospital).questions.head(self.head, key)

    def ask(self, number: int, row: int = 0, who: int = 0, lines: dict[Address, Line] | None = None) -> PrivateAnswer:
        party, everybody = self.clinic.consortium.hospitals[who], self.lines("ada", "ben", "cleo")
        features = FEATURES[row].tobytes()
        return self.member(party).questions.ask(
            self.clinic.federation, self.loaded(), number, features, everybody if lines is None else lines, logarithms()
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scene(tmp_path: Path, clock: Clock) -> Iterator[Scene]:
    with memory_folder(tmp_path) as folder:
        clinic = three_trustees(folder, clock)
        clinic.start(CeremonyKind.GENERATE, clinic.parties, use=KeyUse.INFERENCE)
        settle(*clinic.trustees)
        auditor = PrivateAnswers(clinic.consortium.auditor.ports(clinic.consortium.vault))
        head, _ = auditor.announce(clinic.federation, MODEL, PLAIN, clock.now + 10**6)
        yield Scene(clinic, clock, head, {party.account: desk_of(clinic, party) for party in clinic.parties})


def desk_of(clinic: Clinic, party: Party) -> HeadDesk:
    return HeadDesk(party.ports(clinic.consortium.vault), party.safe, LedgerView(party.ledger).refresh)


def right(row: int = 0) -> list[int]:
    answer: list[int] = PLAIN.sums(FEATURES[row : row + 1])[0].tolist()
    return answer


def test_answers_are_the_plain_heads_and_two_trustees_are_enough(scene: Scene) -> None:
    number = scene.buy(3)
    for row, names in enumerate((("ada", "ben", "cleo"), ("ada", "cleo"), ("ben", "cleo"))):
        found = scene.ask(number, row, lines=scene.lines(*names))
        assert (list(found.answer.sums), found.answer.wrong, dict(found.failed)) == (right(row), (), {})
    assert scene.clinic.trustees[0].waiting() == ()
    assert audit(scene.clinic).findings == []


def test_one_trustee_is_not_enough_and_a_wrong_one_is_named(scene: Scene) -> None:
    number = scene.buy(3)
    with pytest.raises(QuorumNotReached):
        scene.ask(number, lines=scene.lines("ada"))
    lines = scene.lines("ada", "ben", "cleo")
    ben = scene.clinic.parties[1]
    desk = scene.desks[ben.account]
    wrong = replace(desk, safe=replace(desk.safe, shares=scene.clinic.parties[0].safe.shares))  # another one's share
    found = scene.ask(number, lines={**lines, ben.account: wrong.handle})
    assert (list(found.answer.sums), found.answer.wrong) == (right(), (ben.account,))
    found = scene.ask(number, lines={**lines, ben.account: lambda asked: asked})
    assert list(found.answer.sums) == right()
    assert list(found.failed) == [ben.account]


def test_quotas(scene: Scene) -> None:
    first = scene.buy(3)
    with pytest.raises(QuotaUsed):
        scene.buy(2, who=1)
    second = scene.buy(1, who=1)
    for each, who in ((first, 0), (first, 0), (first, 0), (second, 1)):
        assert list(scene.ask(each, who=who).answer.sums) == right()
    with pytest.raises(QuotaUsed):
        scene.ask(first)
    assert unused(scene) == unused(scene, 1) == {}
    # A hospital that does not keep to it: a request too many on the ledger, and an asker that forgets its journal.
    hospital = scene.clinic.consortium.hospitals[2]
    record = DecryptionRequested(
        hospital.account, 0, KeyUse.INFERENCE, 1, scene.head, amount(5), Purpose.RESEARCH, scene.clock.now + 9
    )
    hospital.ledger.append(record)
    with pytest.raises(QuotaUsed):
        scene.ask(3 + 1, who=2)
    refused = captured(scene, first)
    assert [type(error) for error in refused] == [DuplicateStep, DuplicateStep]


def unused(scene: Scene, who: int = 0) -> dict[int, int]:
    party = scene.clinic.consortium.hospitals[who]
    return scene.member(party).questions.unused(scene.clinic.federation, scene.loaded())


def test_two_questions_at_once_never_use_the_same_answer(scene: Scene) -> None:
    late, early = scene.buy(2), scene.buy(1)
    assert unused(scene) == {late: 2, early: 1}
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(scene.ask, (late, late, early)))
    assert [list(each.answer.sums) for each in found] == 3 * [right()]
    assert [dict(each.failed) for each in found] == 3 * [{}]
    assert unused(scene) == {}


def test_the_newest_announcement_that_holds_is_found(scene: Scene, clock: Clock) -> None:
    clinic = scene.clinic
    first = newest_of(clinic.federation, MODEL, clock.now)
    assert first is not None
    assert first.record.label == scene.head
    assert newest_of(clinic.federation, Digest(bytes(32)), clock.now) is None
    scene.member(clinic.hospital).announce(clinic.federation, MODEL, PLAIN, clock.now + 100)  # no auditor
    assert newest_of(clinic.federation, MODEL, clock.now) == first
    auditor = PrivateAnswers(clinic.consortium.auditor.ports(clinic.consortium.vault))
    head, _ = auditor.announce(clinic.federation, MODEL, PLAIN, clock.now + 100)
    found = newest_of(clinic.federation, MODEL, clock.now)
    assert found is not None
    assert found.record.label == head
    assert newest_of(clinic.federation, MODEL, clock.now + 101) == first
    clinic.start(CeremonyKind.REFRESH, clinic.parties, use=KeyUse.INFERENCE)
    settle(*clinic.trustees)
    assert newest_of(clinic.federation, MODEL, clock.now) == found  # the key is the same
    clock.now += 10**7
    assert newest_of(clinic.federation, MODEL, clock.now) is None


def captured(scene: Scene, number: int) -> list[HemaledgerError]:
    """Ask again after the hospital forgot what it asked; return why each trustee refuses."""
    hospital = scene.clinic.hospital
    journal = hospital.ports(scene.clinic.consortium.vault).journal
    for count in (1, 2, 3):
        journal.erase(f"headasked/{scene.clinic.federation.anchor.consortium.hex()}/{number}/{count}")
    seen: list[HemaledgerError] = []

    def line(handle: Callable[[bytes], bytes]) -> Line:
        def send(asked: bytes) -> bytes:
            try:
                return handle(asked)
            except HemaledgerError as error:
                seen.append(error)
                raise

        return send

    with pytest.raises(QuorumNotReached):
        scene.ask(number, lines={who: line(handle) for who, handle in scene.lines("ada", "ben").items()})
    assert len(seen) == 2
    return seen


def test_who_gets_no_answer(scene: Scene) -> None:
    number, clinic = scene.buy(2), scene.clinic
    with pytest.raises(WrongRole):
        scene.ask(number, who=1)
    with pytest.raises(WrongRole):
        scene.ask(1)  # the auditor's announcement
    with pytest.raises(WrongRequest):
        scene.ask(99)
    asker, features, head = scene.member(clinic.hospital), bytes([128]) + bytes(WIDTH - 1), scene.loaded()
    with pytest.raises(CiphertextInvalid):
        asker.questions.ask(clinic.federation, head, number, features, scene.lines("ada"), logarithms())
    operator = clinic.consortium.operator
    operator.append(MemberRevoked(operator.account, clinic.hospital.account, "left"))
    with pytest.raises(RevokedSender):
        scene.ask(number)


def test_a_head_that_no_auditor_announced_is_refused(scene: Scene) -> None:
    hospital = scene.clinic.hospital
    stranger = scene.member(hospital)
    head, _ = stranger.announce(scene.clinic.federation, MODEL, PLAIN, scene.clock.now + 100)
    with pytest.raises(HeadUnknown):
        stranger.buy(scene.clinic.federation, head, 1, Purpose.TREATMENT, scene.clock.now + 100)
    with pytest.raises(VaultMissing):
        stranger.buy(scene.clinic.federation, MODEL, 1, Purpose.TREATMENT, scene.clock.now + 100)


def test_nothing_is_answered_after_a_deadline_or_by_an_old_committee(scene: Scene, clock: Clock) -> None:
    number = scene.buy(2)
    clinic = scene.clinic
    clinic.start(CeremonyKind.REFRESH, clinic.parties, use=KeyUse.INFERENCE)
    settle(*clinic.trustees)
    with pytest.raises(StaleCommittee):
        scene.ask(number)
    again = scene.buy(1)
    assert list(scene.ask(again).answer.sums) == right()
    clock.now += 3601
    with pytest.raises(DeadlinePassed):
        scene.ask(scene.buy(1) - 1)
    clock.now += 10**6
    with pytest.raises(HeadUnknown):
        scene.buy(1)
    clock.now += 10**7
    with pytest.raises(KeyExpired):
        scene.ask(again)


def test_a_changed_head_is_refused(scene: Scene) -> None:
    number = scene.buy(1)
    head = scene.loaded()
    file = next(scene.clinic.folder.glob(f"vault/**/*{scene.head.hex()}*"))
    data = bytearray(head.data)
    data[-1] ^= 1
    file.chmod(0o600)
    file.write_bytes(bytes(data))
    with pytest.raises(VaultMissing):
        scene.loaded()
    with pytest.raises(QuorumNotReached):  # the trustees read the file themselves
        scene.member(scene.clinic.hospital).questions.ask(
            scene.clinic.federation, head, number, FEATURES[0].tobytes(), scene.lines("ada", "ben"), logarithms()
        )
