"""What a checked receipt says to people: never the number of the disease beside another answer."""

from __future__ import annotations

import pytest

from fl.proofs.words import lines_of_receipt
from fl.protocol.codec import JsonValue

SAID: list[tuple[JsonValue, list[str]]] = [
    (
        {"label": "HEM", "probability": 0.27, "shares": {"ALL": 0.27, "HEM": 0.73}},
        ["Answer: HEM.", "Share of each class: ALL 27.0%, HEM 73.0%."],
    ),
    ({"label": "HEM", "probability": 0.27, "shares": {"ALL": "x"}}, ["Answer: HEM."]),
    ({"label": "HEM", "probability": 0.27, "shares": None}, ["Answer: HEM."]),
    ({"probability": 0.27, "low": 0.2, "high": 0.4}, ["Risk: 27.0%, between 20.0% and 40.0%."]),
    ({"probability": 0.27}, []),
    ({}, []),
    ("HEM", []),
]


@pytest.mark.parametrize(("answer", "lines"), SAID)
def test_an_answer_is_said_with_the_share_of_each_class(answer: JsonValue, lines: list[str]) -> None:
    assert lines_of_receipt({"answer": answer}) == lines


def test_the_private_way_is_said() -> None:
    assert lines_of_receipt({"private": {}}) == ["The answer came by the private way."]
