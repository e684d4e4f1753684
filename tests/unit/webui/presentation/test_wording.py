"""What the site says."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.task import TaskKind
from fl.protocol.task_catalogue import LEUKEMIA
from webui.presentation import wording as words
from webui.presentation.numbers_and_dates import percent, when
from webui.presentation.verdict_wording import verdict

BOTH = LEUKEMIA.classes


def test_a_sealed_round_says_what_the_coordinator_could_read() -> None:
    assert "could read each hospital's update" in words.protection("sealed").text
    assert "not even the coordinator" in words.protection("masked").text


@pytest.mark.parametrize(
    ("label", "probability", "tone"),
    [("leukemia", 0.97, "bad"), ("leukemia", 0.6, "wait"), ("healthy", 0.4, "wait"), ("healthy", 0.02, "good")],
)
def test_the_verdict_follows_the_probability(label: str, probability: float, tone: str) -> None:
    assert verdict(LEUKEMIA, label, probability).tone == tone


@pytest.mark.parametrize(
    ("kept", "probability", "tone"),
    [
        (("healthy",), 0.01, "good"),
        (("leukemia",), 0.99, "bad"),
        (("healthy",), 0.46, "wait"),
        (("leukemia",), 0.54, "wait"),
        (("healthy",), 0.99, "wait"),
        (("leukemia",), 0.01, "wait"),
        *(((), probability, "wait") for probability in (0.01, 0.5, 0.99)),
        *((("healthy", "leukemia"), probability, "wait") for probability in (0.01, 0.5, 0.99)),
    ],
)
def test_a_calibrated_model_is_sure_only_if_its_set_and_its_probability_agree(
    kept: tuple[str, ...], probability: float, tone: str
) -> None:
    assert verdict(LEUKEMIA, "leukemia", probability, kept).tone == tone


def test_a_doubt_between_classes_without_disease_names_them() -> None:
    task = replace(LEUKEMIA, kind=TaskKind.CLASSES, reported="", classes=tuple(replace(c, disease=False) for c in BOTH))
    assert verdict(task, "healthy", None, ("healthy",)).tone == "plain"
    doubt = verdict(task, "healthy", None, ("healthy", "leukemia"))
    assert doubt.tone == "wait"
    assert all(one.name in doubt.text for one in BOTH)


def test_no_verdict_claims_a_diagnosis() -> None:
    assert "not a diagnosis" in verdict(LEUKEMIA, "leukemia", 0.99).text
    assert "cannot rule out" in verdict(LEUKEMIA, "healthy", 0.01).text


@given(st.floats(0, 1))
def test_a_probability_is_never_shown_as_certainty(share: float) -> None:
    assert percent(share) not in {"0 %", "100 %"}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("accuracy", 0.8721, "87.2 %"), ("auroc", 0.9312, "0.931"), ("images", 861.0, "861"), ("loss", 0.25, "0.250")],
)
def test_metrics_are_shown_in_their_own_unit(name: str, value: float, shown: str) -> None:
    assert words.metric_value(name, value) == shown


def test_an_overview_shows_the_chief_metrics_only_in_the_order_of_their_weight() -> None:
    reported = {"samples": 861.0, "auroc": 0.9, "f1": 0.8, "recall": 0.88, "specificity": 0.75}
    assert list(words.chief_metrics(reported)) == ["recall", "specificity", "auroc"]
    assert words.chief_metrics(None) == {}
    assert words.metric_name("recall") == "Sensitivity"


@given(st.binary(min_size=32, max_size=32))
def test_the_picture_of_a_digest_shows_every_byte(raw: bytes) -> None:
    bars = words.bars(raw)
    assert len(bars) == 32
    assert all(4 <= height <= 28 for _, height in bars)
    assert "".join(words.grouped(raw)) == raw.hex()


def test_names_are_listed_as_english_does() -> None:
    assert words.listing(["A"]) == "A"
    assert words.listing(["A", "B", "C"]) == "A, B and C"


def test_an_unknown_phase_still_has_a_name() -> None:
    assert words.phase("revealed").title == "Revealed"


def test_a_deadline_behind_all_calendars_is_shown() -> None:
    assert "9999" in when(2**64 - 1, ZoneInfo("Pacific/Kiritimati"))
