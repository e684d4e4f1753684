"""What every implementation of the site's services keeps: the one in memory, and the real one.

A further implementation is appended to WORLDS: a callable that takes a folder and returns a `ServiceWorld` with at
least one final round.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.audit.narrative import CheckOutcome, Results, utc
from fl.protocol.codec import sha256
from fl.protocol.errors import NoAnswer, TamperedError, UnavailableError, WrongRound
from fl.protocol.names import DIGEST_BYTES, Digest
from fl.protocol.rounds.round import Phase
from fl.roles.serving.model_facts import State
from fl.storage.vault import FolderVault
from fl.training.pictures.gate import NoAnswerReason
from fl.training.pictures.images import Pixels
from tests.support.service_worlds import WORLDS, ServiceWorld
from tests.support.site_federation import real_world
from tests.support.site_town import cell_pixels


@pytest.fixture(params=WORLDS, ids=lambda world: getattr(world, "__name__", "world"))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> ServiceWorld:
    made: ServiceWorld = request.param(tmp_path)
    return made


def test_the_served_model_is_complete(world: ServiceWorld) -> None:
    model = world.services.predictions.model()
    assert model.verification.whole
    assert model.round >= 1
    assert len(model.model_digest) == len(model.envelope_digest) == DIGEST_BYTES
    assert model.protection in {"masked", "sealed"}
    assert model.coordinator_name
    assert [one.code for one in model.task.disease] == ["leukemia"]
    assert model.final_at <= world.services.clock()
    assert 0 <= world.services.clock() - model.verification.ledger.at < 3600


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP"])
def test_a_prediction_is_a_probability_and_the_label_that_goes_with_it(world: ServiceWorld, form: str) -> None:
    prediction = world.services.predictions.predict(cell_pixels(form, (450, 450)))
    assert prediction.probability is not None
    assert 0 <= prediction.probability <= 1
    assert (prediction.label == "leukemia") == (prediction.probability >= 0.5)
    assert list(prediction.shares) == list(prediction.model.task.codes)
    assert prediction.shares["leukemia"] == prediction.probability


def test_what_the_network_saw_comes_with_the_answer(world: ServiceWorld) -> None:
    seen = world.services.predictions.predict(cell_pixels("PNG", (450, 450))).seen
    assert seen is not None
    assert seen.picture.shape == (*seen.heat.shape, 3)
    assert seen.heat.dtype == np.uint8
    assert int(seen.heat.min()) == 0


def test_the_same_image_gets_the_same_answer(world: ServiceWorld) -> None:
    first, second = (world.services.predictions.predict(cell_pixels()) for _ in range(2))
    assert (first.label, first.probability) == (second.label, second.probability)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((128, 128, 3), np.uint8), NoAnswerReason.BLACK),
        (np.random.default_rng(1).integers(0, 256, (128, 128, 3), np.uint8), NoAnswerReason.NOISE),
        (cell_pixels().mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8), NoAnswerReason.GREY),
        (cell_pixels()[..., [1, 0, 1]], NoAnswerReason.COLOURS),
    ],
)
def test_what_is_no_stained_cell_gets_no_probability(
    world: ServiceWorld, pixels: Pixels, reason: NoAnswerReason
) -> None:
    with pytest.raises(NoAnswer) as caught:
        world.services.predictions.predict(pixels)
    assert caught.value.reason == reason


def test_a_verified_model_serves_on_without_the_chain_and_says_so(world: ServiceWorld) -> None:
    before = world.services.predictions.model()
    world.stop_chain()
    during = world.services.predictions.predict(cell_pixels()).model
    assert during.verification.ledger.state == State.UNKNOWN
    assert (during.model_digest, during.verification.ledger.at) == (before.model_digest, before.verification.ledger.at)
    world.start_chain()
    assert world.services.predictions.model().verification.whole


def test_a_model_in_memory_serves_on_without_the_vault_and_says_so(world: ServiceWorld) -> None:
    before = world.services.predictions.model().verification
    assert before.whole
    world.lose_vault()
    during = world.services.predictions.predict(cell_pixels()).model.verification
    assert before.file is not None
    assert during.file is not None
    assert (during.file.state, during.file.at) == (State.UNKNOWN, before.file.at)
    assert during.ledger.state == State.CHECKED
    world.find_vault()
    assert world.services.predictions.model().verification.whole


def test_an_answer_of_an_outage_can_be_looked_up_later(world: ServiceWorld) -> None:
    model = world.services.predictions.model()
    world.stop_chain()
    assert world.services.predictions.again(model).ledger.state == State.UNKNOWN
    world.start_chain()
    assert world.services.predictions.again(model).ledger.state == State.CHECKED
    stranger = replace(model, envelope_digest=model.model_digest)
    assert world.services.predictions.again(stranger).contradicted


def test_nothing_serves_that_was_never_verified(world: ServiceWorld) -> None:
    world.stop_chain()
    with pytest.raises(UnavailableError):
        world.services.predictions.predict(cell_pixels())


def test_a_model_that_the_ledger_contradicts_is_not_used(world: ServiceWorld) -> None:
    world.replace_model()
    for _ in range(2):
        with pytest.raises(TamperedError):
            world.services.predictions.predict(cell_pixels())
    with pytest.raises(TamperedError):
        world.services.predictions.model()


def test_an_auditors_report_is_read_where_it_is_shown_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = real_world(tmp_path)
    predictions, read, get = world.services.predictions, set[Digest](), FolderVault.get

    def noted(vault: FolderVault, digest: Digest, cap: int) -> bytes:
        read.add(digest)
        return get(vault, digest, cap)

    monkeypatch.setattr(FolderVault, "get", noted)
    reports = set(world.reader.federation().rounds[-1].attestations.values())
    digest = predictions.predict(cell_pixels()).model.model_digest
    assert digest == predictions.model().model_digest
    assert reports
    assert not reports & read
    assert predictions.reported().model.model_digest == digest
    assert reports & read


def test_rounds_are_told_from_the_newest(world: ServiceWorld) -> None:
    rounds = world.services.audits.rounds()
    numbers = [view.number for view in rounds]
    assert numbers == sorted(numbers, reverse=True)
    final = next(view for view in rounds if view.phase == "final")
    model = world.services.predictions.model()
    assert (final.number, final.model_digest) == (model.round, model.model_digest)
    names = {phase.name.lower() for phase in Phase}
    for view in rounds:
        assert view.phase in names
        assert view.hospitals
        assert view.ended_at is None or view.ended_at >= view.opened_at
        assert bool(view.reason) == (view.phase == "aborted")


def test_a_recorded_file_is_found_and_one_changed_bit_is_not(world: ServiceWorld) -> None:
    data = world.recorded_file
    [place] = world.services.audits.look_up(sha256(data)).places
    assert place.what == "global model (sealed)"
    assert place.sender_name
    assert place.transaction
    changed = world.services.audits.look_up(sha256(bytes([data[0] ^ 1]) + data[1:]))
    assert changed.places == ()


def test_a_round_is_told_with_what_was_checked_of_it(world: ServiceWorld) -> None:
    audits = world.services.audits
    number = audits.rounds()[0].number
    unchecked = audits.explain(number, Results(), utc)
    assert unchecked.open_steps == len(unchecked.passages) > 1
    checked = audits.explain(number, audits.replay(number), utc)
    assert checked.open_steps < unchecked.open_steps
    assert checked.passages[0].outcome == CheckOutcome.RIGHT
    for call in (audits.replay, audits.obstacle):
        with pytest.raises(WrongRound):
            call(number + 1)


def test_a_silent_chain_is_not_an_empty_ledger(world: ServiceWorld) -> None:
    world.stop_chain()
    with pytest.raises(UnavailableError):
        world.services.audits.look_up(sha256(world.recorded_file))
    with pytest.raises(UnavailableError):
        world.services.audits.rounds()


def test_the_last_audit_says_how_much_it_checked(world: ServiceWorld) -> None:
    summary = world.services.audits.findings()
    assert summary is None or (summary.checks > 0 and summary.checked_at <= world.services.clock())
