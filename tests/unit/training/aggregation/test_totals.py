"""The document of totals is bounded, and a report with other totals is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fl.protocol.codec import sha256
from fl.protocol.errors import EncodingError, TotalsMismatch
from fl.protocol.names import show
from fl.training.aggregation.lanes import Lane, LanePlan
from fl.training.aggregation.totals import MAX_SHOWN, check_totals, total_lines, total_words, totals_document, totals_of

PLAN = LanePlan("test", (Lane("long", MAX_SHOWN, 0, 9, "Much."), Lane("short", 2, -9, 9, "Little.")))
TOTALS = {"long": np.arange(MAX_SHOWN, dtype=np.int64), "short": np.array([-1, 2], np.int64)}
DOCUMENT = totals_document(PLAN, TOTALS, 3)


def lanes() -> list[dict[str, Any]]:
    made: Any = DOCUMENT["lanes"]
    return list(made)


def test_what_does_not_fit_any_more_is_named_by_its_digest() -> None:
    long, short = lanes()
    assert long["sum"] == list(range(MAX_SHOWN))
    assert short["digest"] == show(sha256(np.array([-1, 2], "<i8").tobytes()))
    assert "sum" not in short
    assert (DOCUMENT["purpose"], DOCUMENT["hospitals"]) == ("test", 3)


def test_people_read_the_name_the_numbers_and_what_they_reveal() -> None:
    plan = LanePlan("test", PLAN.lanes[1:])
    assert total_lines(totals_document(plan, TOTALS, 3)) == ["short: -1 2. Little."]
    assert total_lines(DOCUMENT)[0].endswith(f" 14 15 and {MAX_SHOWN - 16} more. Much.")
    assert total_lines(DOCUMENT)[1].startswith("short: 2 numbers with the SHA-256 0x")


def test_in_sentences_only_a_few_counts_are_named_and_never_a_row_of_numbers() -> None:
    counts, fractions = Lane("patients", 2, 0, 600, "How many."), Lane("loss", 1, 0, 2**42, "How well.")
    plan = LanePlan("newton-step", (counts, fractions, Lane("own", 20, 0, 600, "Which scores.")))
    totals = {"patients": np.array([160, 7]), "loss": np.array([123456789]), "own": np.zeros(20, np.int64)}
    words = total_words(totals_document(plan, totals, 3))
    assert words == "How many. In this round: 160, 7. How well. (One number.) Which scores. (20 numbers.)"


def test_the_same_totals_pass() -> None:
    check_totals(DOCUMENT, DOCUMENT)


def test_another_number_is_found_by_its_lane() -> None:
    long, short = lanes()
    changed: dict[str, Any] = {**DOCUMENT, "lanes": [{**long, "sum": [1, *long["sum"][1:]]}, short]}
    with pytest.raises(TotalsMismatch, match="lane long"):
        check_totals(changed, DOCUMENT)
    with pytest.raises(TotalsMismatch, match="lane short"):
        check_totals({**DOCUMENT, "lanes": [long, {**short, "reveals": "Nothing."}]}, DOCUMENT)


@pytest.mark.parametrize("reported", [None, [], {}, {**DOCUMENT, "hospitals": 4}, {**DOCUMENT, "lanes": []}])
def test_a_report_without_totals_is_found(reported: Any) -> None:
    with pytest.raises(EncodingError):
        check_totals(reported, DOCUMENT)


def test_the_sums_of_a_short_document_are_read_again() -> None:
    plan = LanePlan("test", PLAN.lanes[1:])
    short = {"short": TOTALS["short"]}
    assert np.array_equal(totals_of(plan, totals_document(plan, short, 3))["short"], TOTALS["short"])


@pytest.mark.parametrize(
    "change", [{"sum": [1]}, {"sum": [1.5, 2]}, {"sum": [1, 2**60]}, {"name": "other"}, {"high": 8}]
)
def test_sums_of_another_lane_are_not_read(change: dict[str, Any]) -> None:
    plan = LanePlan("test", PLAN.lanes[1:])
    document: Any = totals_document(plan, {"short": TOTALS["short"]}, 3)
    document["lanes"][0] |= change
    with pytest.raises(EncodingError):
        totals_of(plan, document)


def test_a_lane_that_was_too_long_for_the_document_is_not_read() -> None:
    with pytest.raises(EncodingError):
        totals_of(PLAN, DOCUMENT)
    with pytest.raises(EncodingError):
        totals_of(PLAN, None)
