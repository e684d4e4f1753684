"""A whole round of 1,100 hospitals: its sum is made into a model, all can read the first one, the audit is clean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from fl.audit.files import FileAudit
from fl.crypto.envelope_form import MAX_RECIPIENTS
from fl.crypto.hpke_keys import PrivateKey
from fl.protocol.audit import Report
from fl.protocol.errors import AggregateOverflow, EncodingError, RecipientNotFound, SettingInvalid, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.records import ClusterTerms
from fl.protocol.rounds.parts import named_in
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import expected_model, model_core
from fl.replay.file_reader import FileReader
from fl.replay.first_file import opened_first
from fl.replay.ledger_view import Keyring
from fl.replay.round_documents import digest_of, read_config
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.sealed_model import put_first
from fl.training.aggregation.newton import NewtonSettings, plan_of
from fl.training.aggregation.quantise import quantise
from fl.training.aggregation.work import SumSpec
from fl.training.model.weights import model_digest
from scripts.bench._stage import Member
from scripts.bench._wide_play import CONFIG, METRICS, TRUSTING, Play
from scripts.bench._wide_roles import Played
from tests.support.federation import memory_folder

HOSPITALS = 1100


@dataclass
class Scene:
    """The stage after the round."""

    play: Play
    played: Played

    @property
    def federation(self) -> Federation:
        return self.play.roles["auditor"].agent.view.federation

    @property
    def current(self) -> Round:
        return self.federation.rounds[-1]

    def reader(self, member: Member, key: PrivateKey | None = None) -> FileReader:
        return FileReader(member.account, self.play.stage.vault, Keyring({1: key or member.key}))


def count_files(scene: Scene) -> int:
    return sum(path.is_file() for path in scene.play.stage.vault.path(digest_of(scene.current)).parents[1].rglob("*"))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with memory_folder(tmp_path_factory.mktemp("many")) as folder:
        clusters = replace(TRUSTING, clusters=ClusterTerms(HOSPITALS // 11, 11, 2), degree=10, threshold=6)
        play = Play(folder, HOSPITALS, whole=True, real=1, wide=clusters)
        yield Scene(play, play.run())


def test_the_sum_of_1100_hospitals_is_the_final_model_and_the_audit_finds_nothing(scene: Scene) -> None:
    report = scene.played.report
    assert report is not None
    assert (report.findings, report.notes) == ([], [])
    assert len(scene.current.hospitals) == HOSPITALS
    config = read_config(scene.current, scene.play.stage.vault)
    assert config.steps_bits == 20
    start, words = scene.play.initial.vector, scene.play.cheap.words.astype(np.int64)
    step = np.random.default_rng(0).normal(0, 1e-3, start.size).astype(np.float32)
    own = quantise(start, start + step, METRICS, replace(CONFIG, roster=HOSPITALS))
    total = (HOSPITALS - 1) * words + own
    weight = METRICS.samples * HOSPITALS
    factor = (config.clip * config.w_max) / (float(2**20) * weight)
    model = (start.astype(np.float64) + total[:-4].astype(np.float64) * factor).astype(np.float32)
    assert model_digest(scene.play.initial.manifest.digest, model) == digest_of(scene.current)


def test_every_hospital_and_nobody_else_opens_the_first_model(scene: Scene) -> None:
    opening, hospitals = scene.federation.opening, scene.play.stage.hospitals
    for member in (hospitals[0], hospitals[HOSPITALS // 2], hospitals[-1], scene.play.stage.auditor):
        vector = scene.reader(member).model(opening, scene.play.initial.manifest)
        assert vector.tobytes() == scene.play.initial.vector.tobytes()
    with pytest.raises(RecipientNotFound):
        scene.reader(hospitals[0], PrivateKey.generate(1)).model(opening, scene.play.initial.manifest)


def test_a_first_model_names_as_few_key_files_as_its_readers_need(scene: Scene) -> None:
    opening = scene.federation.opening
    expected = expected_model(opening, scene.play.initial.manifest.length)
    file = scene.play.stage.vault.get(expected.digest, expected.cap)
    terms, _ = opened_first(opening, file)
    assert terms is not None
    assert len(terms.files) == 2
    assert len(terms.readers(scene.play.stage.vault)) == HOSPITALS + 2 > MAX_RECIPIENTS
    with pytest.raises(EncodingError):
        opened_first(opening, file[:100])


def test_an_audit_finds_a_key_file_of_the_first_model_that_is_gone(scene: Scene) -> None:
    opening, vault = scene.federation.opening, scene.play.stage.vault
    expected = expected_model(opening, scene.play.initial.manifest.length)
    terms, _ = opened_first(opening, vault.get(expected.digest, expected.cap))
    assert terms is not None
    audit = FileAudit(scene.federation, vault, report := Report(), {})
    parameters = scene.play.initial.manifest.length
    audit.check_model(opening, parameters)
    assert (report.checks["files"], report.notes) == (3, [])
    path = vault.path(terms.files[1])
    data = path.read_bytes()
    path.unlink()
    with pytest.raises(VaultMissing):
        audit.check_model(opening, parameters)
    path.write_bytes(data)


def test_a_first_model_with_a_group_key_is_not_in_parts_and_one_with_1024_readers_may_be(scene: Scene) -> None:
    stage, model = scene.play.stage, scene.play.initial.vector
    opening, readers = scene.federation.opening, [member.key.member_key for member in stage.hospitals]
    put = partial(put_first, model_core(opening), opening.record.model_digest, model=model, vault=stage.vault)
    before = count_files(scene)
    with pytest.raises(SettingInvalid) as refusal:
        put(readers=readers[: MAX_RECIPIENTS + 1], part_words=model.size // 1024 * 1024)
    assert refusal.value.setting == "--part-mib"
    assert count_files(scene) == before
    listed = stage.vault.get(put(readers=readers[:MAX_RECIPIENTS], part_words=model.size // 1024 * 1024), 1 << 20)
    assert len(named_in(listed)) == 2


def test_a_coordinator_opens_no_round_whose_sums_have_no_room_and_says_how_many_are_possible(scene: Scene) -> None:
    lanes = SumSpec(plan_of(NewtonSettings(3, 1.0)), "newton").to_dict()
    plan = replace(scene.play.plan, rounds=2, config=replace(CONFIG, training=lanes, word_bits=64))
    again = Coordinator(scene.play.ports["coordinator"], plan, scene.play.initial)
    with pytest.raises(AggregateOverflow) as refusal:
        again.step()
    assert refusal.value.facts() == {"hospitals": HOSPITALS, "limit": 1024}
    assert scene.current.number == again.view.federation.last_round == 1
