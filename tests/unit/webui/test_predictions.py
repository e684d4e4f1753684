"""Who may see a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.site_town import INES, JONAS, MAYA, NOOR, OMAR, Town, cell
from webui.store.predictions import served_model
from webui.store.refusals import NotFound


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture
def check(town: Town) -> int:
    prediction = town.federation.services.predictions.predict(cell(), "x")
    return town.site.predictions.add(town.members[MAYA].id, cell(), prediction)


def test_a_patient_sees_the_own_check_with_all_its_facts(town: Town, check: int) -> None:
    row = town.site.predictions.visible(town.members[MAYA], check)
    model = town.federation.verified_model()
    kept = served_model(row)
    assert (kept.round, kept.model_digest, kept.envelope_digest) == (7, model.model_digest, model.envelope_digest)
    assert (kept.attested_by, kept.coordinator_name, kept.verified) == (model.attested_by, model.coordinator_name, True)
    assert town.site.predictions.image(town.members[MAYA], check) == cell()


@pytest.mark.parametrize("email", [OMAR, INES, JONAS, NOOR])
def test_nobody_else_sees_it(town: Town, check: int, email: str) -> None:
    for read in (town.site.predictions.visible, town.site.predictions.image):
        with pytest.raises(NotFound):
            read(town.members[email], check)


def test_a_doctor_sees_it_while_an_appointment_stands(town: Town, check: int) -> None:
    booking = town.book(MAYA, INES)
    ines, jonas = town.members[INES], town.members[JONAS]
    assert town.site.predictions.visible(ines, check).id == check
    assert [row.id for row in town.site.predictions.patient_of(ines.id, town.members[MAYA].id)[1]] == [check]
    with pytest.raises(NotFound):
        town.site.predictions.visible(jonas, check)
    town.site.appointments.cancel(town.members[MAYA].id, booking)
    with pytest.raises(NotFound):
        town.site.predictions.visible(ines, check)
    with pytest.raises(NotFound):
        town.site.predictions.patient_of(ines.id, town.members[MAYA].id)


def test_a_past_appointment_keeps_the_treating_relation(town: Town, check: int) -> None:
    town.book(MAYA, INES)
    town.federation.clock.now += 90 * 86400
    assert town.site.predictions.visible(town.members[INES], check).id == check


def test_a_check_that_does_not_exist_looks_like_one_that_is_not_yours(town: Town) -> None:
    with pytest.raises(NotFound):
        town.site.predictions.visible(town.members[MAYA], 999)
