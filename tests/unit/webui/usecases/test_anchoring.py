"""Roots on the ledger: when, once, and what they prove."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fl.protocol.codec import sha256
from fl.protocol.errors import ChainUnavailable, HashMismatch
from fl.protocol.merkle import record_leaf, verify_inclusion
from fl.protocol.names import Digest
from tests.support.site_town import MAYA, OMAR, Town
from webui.errors import NotFound
from webui.maintenance import keep_up
from webui.store.leaves import LeafStore
from webui.usecases.anchoring import MOST_WAITING
from webui.usecases.sealing import sealed_of

DAY = 24 * 3600


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def proof(town: Town, row_id: int, email: str = MAYA) -> dict[str, object]:
    row = town.site.record_store.visible(town.members[email], row_id)
    found: dict[str, object] = json.loads(town.site.anchoring.proof(row, sha256(sealed_of(row).file)))
    return found


def raw(text: object) -> bytes:
    return bytes.fromhex(str(text).removeprefix("0x"))


def test_without_records_nothing_is_anchored(town: Town) -> None:
    assert not town.site.anchoring.due()
    assert town.site.anchoring.anchor() is None
    assert town.federation.records.made == []


def test_the_first_record_is_anchored_at_once_and_then_one_root_each_half_hour(town: Town) -> None:
    town.add_check(MAYA)
    keep_up(town.site)
    assert [root.batch for root in town.federation.records.made] == [1]
    town.add_check(MAYA)
    town.add_check(OMAR)
    town.federation.clock.now += 30 * 60 - 1
    keep_up(town.site)
    assert len(town.federation.records.made) == 1
    town.federation.clock.now += 1
    keep_up(town.site)
    assert [root.batch for root in town.federation.records.made] == [1, 2]
    town.federation.clock.now += DAY
    keep_up(town.site)
    assert len(town.federation.records.made) == 2, "nothing new, no root"


def test_many_records_do_not_wait(town: Town) -> None:
    town.site.anchoring.anchor()
    town.add_check(MAYA)
    town.site.anchoring.anchor()
    for _ in range(MOST_WAITING // 2 - 1):
        town.add_check(MAYA)
    assert not town.site.anchoring.due()
    town.add_check(MAYA)
    assert town.site.anchoring.due(), "a check and its receipt are two leaves"


def test_a_task_that_fails_unexpectedly_does_not_stop_the_others(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    town.add_check(MAYA)
    monkeypatch.setattr(town.site.patient_records, "follow_key", lambda: 1 // 0)
    keep_up(town.site)
    assert "sealing records to the current key failed" in caplog.text
    assert len(town.federation.records.made) == 1


def test_a_proof_leads_from_the_file_to_the_root_on_the_ledger(town: Town) -> None:
    rows = [town.add_check(MAYA) for _ in range(5)]
    anchored = town.site.anchoring.anchor()
    assert anchored is not None
    for place, row_id in enumerate(rows):
        found = proof(town, row_id)
        assert (found["batch"], found["block"], found["index"], found["size"]) == (1, anchored.block, 2 * place, 10)
        assert raw(found["root"]) == anchored.root
        leaf = record_leaf(raw(found["salt"]), Digest(raw(found["file_sha256"])))
        path = found["path"]
        assert isinstance(path, list)
        verify_inclusion(leaf, 2 * place, 10, [raw(node) for node in path], anchored.root)


def test_a_record_that_waits_has_no_proof_yet(town: Town) -> None:
    row_id = town.add_check(MAYA)
    assert town.site.anchoring.standing(town.site.record_store.visible(town.members[MAYA], row_id)) is None
    with pytest.raises(NotFound):
        proof(town, row_id)


def test_erasing_one_record_breaks_no_other_proof(town: Town) -> None:
    first, second = town.add_check(MAYA), town.add_check(MAYA)
    town.site.anchoring.anchor()
    before = proof(town, second)
    town.site.record_store.erase(first)
    assert proof(town, second) == before
    with pytest.raises(NotFound):
        proof(town, first)


def test_a_silent_chain_leaves_the_batch_for_the_next_turn(town: Town) -> None:
    town.add_check(MAYA)
    town.federation.stop_chain()
    with pytest.raises(ChainUnavailable):
        town.site.anchoring.anchor()
    keep_up(town.site)
    town.federation.start_chain()
    keep_up(town.site)
    assert [root.batch for root in town.federation.records.made] == [1]


def test_a_root_that_was_sent_but_not_noted_is_not_sent_twice(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    row_id = town.add_check(MAYA)
    send = town.federation.records.anchor

    def die(batch: int, root: Digest) -> None:
        send(batch, root)
        raise ChainUnavailable("http://ledger.example", "the power went out")

    monkeypatch.setattr(town.federation.records, "anchor", die)
    with pytest.raises(ChainUnavailable):
        town.site.anchoring.anchor()
    monkeypatch.undo()
    town.add_check(MAYA)
    assert town.site.anchoring.due()
    found = town.site.anchoring.anchor()
    assert found is not None
    assert (found.batch, len(town.federation.records.made)) == (1, 1)
    assert proof(town, row_id)["size"] == 2, "the check and its receipt"


def test_another_root_under_the_same_number_is_an_alarm(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    town.add_check(MAYA)
    assert LeafStore(town.site.database).prepare(1) is not None
    town.federation.records.anchor(1, Digest(bytes(32)))
    with pytest.raises(HashMismatch):
        town.site.anchoring.anchor()
    keep_up(town.site)
    assert "ALARM HashMismatch" in caplog.text
