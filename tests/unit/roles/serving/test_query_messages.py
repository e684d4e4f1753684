"""What travels inside a sealed question and its answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.codec import Writer, write_document
from fl.protocol.errors import EncodingError, NoAnswer
from fl.protocol.names import Digest
from fl.roles.serving.query_messages import PictureAnswer, PictureQuestion, parse_answer, refusal_bytes

ANSWER = PictureAnswer(7, Digest(b"d" * 32), "all", {"all": 0.75, "hem": 0.25}, ("all", "hem"), bytes(range(16)))


def test_a_picture_survives() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (9, 9, 3), np.uint8)
    found = PictureQuestion.from_bytes(PictureQuestion(pixels).to_bytes())
    assert np.array_equal(found.pixels, pixels)


@pytest.mark.parametrize("side", [0, 1025])
def test_a_picture_of_no_size_or_too_large_is_refused(side: int) -> None:
    with pytest.raises(EncodingError):
        PictureQuestion.from_bytes(Writer().u16(side).bytes() + bytes(3 * side * side))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_picture_or_an_encoding_error(data: bytes) -> None:
    try:
        PictureQuestion.from_bytes(data)
    except EncodingError:
        return


@pytest.mark.parametrize("answer", [ANSWER, PictureAnswer(7, Digest(b"d" * 32), "all", {"all": 1.0})])
def test_an_answer_survives_to_the_last_digit(answer: PictureAnswer) -> None:
    assert parse_answer(answer.to_bytes(), 4) == answer


def test_a_refusal_is_the_same_error_at_the_site() -> None:
    refused = NoAnswer("foreign", "This is no cell", "it is unlike the cells of the training")
    with pytest.raises(NoAnswer) as found:
        parse_answer(refusal_bytes(refused), 4)
    assert str(found.value) == str(refused)


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "other"},
        {"shares": {}},
        {"shares": {"all": 1.5, "hem": 0.0}},
        {"shares": {"all": "much"}},
        {"kept": ["other"]},
        {"kept": [7]},
        {"kept": "all"},
        {"round": "7"},
        {"model_digest": "00"},
        {"format": "hemaledger-answer-2"},
    ],
)
def test_an_answer_that_does_not_fit_together_is_refused(changes: dict[str, object]) -> None:
    whole = {
        "format": "hemaledger-answer-1",
        "round": 7,
        "model_digest": "64" * 32,
        "label": "all",
        "shares": {"all": 0.75, "hem": 0.25},
    }
    parse_answer(framed(whole), 4)
    with pytest.raises(EncodingError):
        parse_answer(framed(whole | changes), 4)


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(EncodingError):
        parse_answer(ANSWER.to_bytes(), 5)


def framed(document: dict[str, object]) -> bytes:
    return Writer().text(write_document(document)).text(b"").bytes()  # type: ignore[arg-type]
