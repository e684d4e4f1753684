"""A host's desk for encrypted rows: who may ask, how often, and that one question counts once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fl.crypto.ckks import AskerKey
from fl.crypto.sealed_query import Asker, Question, open_answer, seal_query
from fl.protocol.errors import CiphertextInvalid, DuplicateStep, QuotaUsed, WrongRole
from fl.protocol.names import Digest, Role
from fl.replay.ledger_view import Keyring, LedgerView
from fl.roles.serving.hidden_rows import HiddenDesk
from tests.support.federation import Clock, Consortium, Party, found, memory_connect, memory_folder
from tests.support.hidden_rows import CARD, ROW, WEIGHTS

pytest.importorskip("tenseal")


@dataclass
class Scene:
    consortium: Consortium
    clock: Clock
    desk: HiddenDesk

    def seal(self, who: Party, card: Digest = CARD, row: list[float] = ROW) -> tuple[AskerKey, Question]:
        federation = LedgerView(self.consortium.operator).refresh()
        key, body = AskerKey.ask(card, row)
        asker = Asker(federation.anchor.consortium, who.account, who.keys[1])
        receiver = federation.book.active(self.desk.account)
        return key, seal_query(asker, receiver.account, receiver.keys[-1], self.clock(), body)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    clock = Clock()
    with memory_folder(tmp_path) as folder:
        consortium = found(folder, memory_connect(clock), now=clock)
        host = consortium.hospitals[0]
        journal = host.ports(consortium.vault).journal
        view = LedgerView(host.ledger)
        desk = HiddenDesk(host.account, Keyring(host.keys), view.refresh, journal, clock, CARD, WEIGHTS, 2)
        yield Scene(consortium, clock, desk)


def test_a_hospital_gets_the_answer_and_the_desk_counts(scene: Scene) -> None:
    _, beta, gamma = scene.consortium.hospitals
    key, question = scene.seal(beta)
    answer = key.read(open_answer(question, scene.desk.handle(question.data)))
    assert answer == pytest.approx(WEIGHTS.plain(ROW), abs=0.01)
    with pytest.raises(DuplicateStep):
        scene.desk.handle(question.data)
    scene.desk.handle(scene.seal(beta)[1].data)
    with pytest.raises(QuotaUsed, match="2 private answers are allowed here, and this would be number 3"):
        scene.desk.handle(scene.seal(beta)[1].data)
    assert scene.desk.most == (15 + 15 + 3) // 16 == 2
    with pytest.raises(QuotaUsed):  # all together
        scene.desk.handle(scene.seal(gamma)[1].data)
    other = replace(scene.desk, card=Digest(bytes(32)))
    key, question = scene.seal(gamma, other.card)
    key.read(open_answer(question, other.handle(question.data)))


def test_who_and_what_is_refused(scene: Scene) -> None:
    beta = scene.consortium.hospitals[1]
    with pytest.raises(WrongRole):
        scene.desk.handle(scene.seal(scene.consortium.auditor)[1].data)
    for question in (scene.seal(beta, Digest(bytes(32))), scene.seal(beta, row=ROW[:2])):
        with pytest.raises(CiphertextInvalid):
            scene.desk.handle(question[1].data)
    late = scene.consortium.join("late", Role.HOSPITAL)
    scene.desk.handle(scene.seal(late)[1].data)
    scene.desk.handle(scene.seal(beta)[1].data)  # what was refused was not counted
