"""Which rounds can be checked under their masks, and the form of a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl.protocol.codec import JsonValue, parse_document, write_document
from fl.protocol.errors import CheckUnusable, EncodingError
from fl.protocol.names import Address, Digest, Protection
from fl.protocol.rounds.config import Check, RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.check_verdicts import check_usable
from fl.replay.verdict import Verdict, differences, lifted

CONFIG = RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA, check=Check(1, 64))
A, B = (Address(bytes([number]) * 20) for number in (1, 2))
VERDICT = Verdict(B, 3, Digest(bytes(32)), {A: "UpdateTooLong"}, {B: "SketchDisputed"}, (A, B), (), 1.25, {A: 2.5})
RULES = [
    ({}, Protection.SEALED, 1 << 20, 1),
    ({}, Protection.WIDE, 1 << 20, 1),
    ({"release": True}, Protection.MASKED, 1 << 20, 1),
    ({"training": {"aggregation": {"rule": "scaffold"}}}, Protection.MASKED, 1 << 20, 1),
    ({"l2_bound": 64.5}, Protection.MASKED, 1 << 20, 1),
    ({}, Protection.MASKED, 256 * 64 - 1, 1),
    ({}, Protection.MASKED, 1 << 20, 0),
]


@pytest.mark.parametrize(("changes", "protection", "weights", "auditors"), RULES)
def test_which_rounds_cannot_be_checked(
    changes: dict[str, object], protection: Protection, weights: int, auditors: int
) -> None:
    config = replace(CONFIG, **changes)  # type: ignore[arg-type]
    with pytest.raises(CheckUnusable):
        check_usable(config, protection, weights, auditors)
    check_usable(replace(config, check=None), protection, weights, auditors)
    check_usable(CONFIG, Protection.MASKED, 256 * 64, 1)
    check_usable(replace(CONFIG, word_bits=64, l2_bound=1000.0), Protection.MASKED, 256 * 64, 1)


def test_a_verdict_has_one_form() -> None:
    assert Verdict.from_bytes(VERDICT.to_bytes()) == VERDICT
    assert not VERDICT.clean
    assert VERDICT.disputed
    assert b"directions" not in VERDICT.to_bytes()
    pointing = replace(VERDICT, directions={A: -1024, B: 7})
    assert Verdict.from_bytes(pointing.to_bytes()) == pointing
    document = parse_document(VERDICT.to_bytes(), "verdict")
    wrong: list[dict[str, JsonValue]] = [
        {"absent": ["0x" + B.hex(), "0x" + A.hex()]},
        {"absent": [1]},
        {"named": {"0x" + A.hex(): "not a name"}},
        {"named": {"0x01": "UpdateTooLong"}},
        {"set": "0x00"},
        {"more": 1},
        {"directions": {"0x" + A.hex(): 1025}},
        {"directions": {"0x" + A.hex(): 0.5}},
    ]
    for changes in wrong:
        with pytest.raises(EncodingError):
            Verdict.from_bytes(write_document({**document, **changes}))


def test_whom_a_person_lifts_is_named_no_more() -> None:
    again = lifted(VERDICT, A)
    assert (again.named, again.lifted) == ({}, (A,))
    assert differences(again, VERDICT) == differences(VERDICT, VERDICT) == ""
    assert differences(replace(VERDICT, named={}), VERDICT) == "it names others"
    assert differences(replace(VERDICT, unclear={}), VERDICT) == "other hospitals are unclear"
    assert differences(replace(VERDICT, directions={A: 1}), VERDICT) == "the directions are others"
    assert differences(replace(VERDICT, usual=1.0), VERDICT) == "the usual length is another one"
