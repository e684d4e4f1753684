"""What the site says of ledger, file and memory."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from fl.roles.serving.model_facts import Fact, State, Verification
from tests.support.site_services import NOON, FakeFederation
from webui.ports.federation import ServedModel
from webui.presentation.model_wording import facts_of, seal_of, verification

UTC = ZoneInfo("UTC")


@pytest.fixture
def model() -> ServedModel:
    return FakeFederation().verified_model()


def test_a_verified_model_names_round_sender_auditor_and_time(model: ServedModel) -> None:
    saying = verification(model, UTC)
    assert saying.tone == "good"
    assert saying.title == "Verified on the ledger, 23 Nov 2026, 12:00 UTC"
    for fact in ("round 7", "North Coordination Office", "National Audit Laboratory", "22 Nov 2026"):
        assert fact in saying.text


def test_an_unverified_model_says_since_when(model: ServedModel) -> None:
    ledger = Fact(State.UNKNOWN, NOON - 600, "the ledger does not answer")
    model = replace(model, verification=replace(model.verification, ledger=ledger))
    saying = verification(model, UTC)
    assert saying.tone == seal_of(model.verification).tone == "wait"
    assert saying.title == "Unverified since 23 Nov 2026, 11:50 UTC"
    assert "the ledger does not answer" in saying.text


def test_each_fact_has_its_own_time(model: ServedModel) -> None:
    ledger, file, memory = (Fact(State.CHECKED, NOON - 60 * minutes) for minutes in (1, 2, 3))
    facts = Verification(ledger, file, memory, block=1284)
    reported = facts_of(replace(model, verification=facts), UTC)
    assert [saying.title for saying in reported] == ["The ledger", "The file in the vault", "The model in memory"]
    for saying, time in zip(reported, ("11:59", "11:58", "11:57"), strict=True):
        assert time in saying.text
        assert saying.tone == "good"
    assert "block 1,284" in reported[0].text


def test_a_file_that_cannot_be_looked_at_is_never_called_verified(model: ServedModel) -> None:
    file = Fact(State.UNKNOWN, NOON - 600, "the file is not in the vault")
    model = replace(model, verification=replace(model.verification, file=file))
    saying, pill = verification(model, UTC), seal_of(model.verification)
    assert (saying.tone, pill.tone, pill.title) == ("wait", "wait", "file not checked")
    reported = facts_of(model, UTC)
    assert [fact.tone for fact in reported] == ["good", "wait", "good"]
    assert "11:50" in reported[1].text
    assert "cannot be checked now: the file is not in the vault" in reported[1].text


def test_what_contradicts_is_not_to_be_used(model: ServedModel) -> None:
    file = Fact(State.CONTRADICTED, NOON)
    model = replace(model, verification=replace(model.verification, file=file))
    assert verification(model, UTC).tone == seal_of(model.verification).tone == "bad"
    assert "Do not use" in verification(model, UTC).title
    assert "Do not use" in facts_of(model, UTC)[1].text


def test_a_record_of_one_fact_claims_no_more_than_it_kept(model: ServedModel) -> None:
    model = replace(model, verification=Verification(Fact(State.CHECKED, NOON), None, None))
    assert len(facts_of(model, UTC)) == 1
    assert "memory" not in verification(model, UTC).text


def test_a_model_without_attestations_says_so(model: ServedModel) -> None:
    assert "Nobody has computed it again" in verification(replace(model, attested_by=()), UTC).text
