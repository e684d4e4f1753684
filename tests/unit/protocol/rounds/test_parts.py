"""Lists of parts have one form, and a vector is cut in one way."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.crypto.masking import Masked, Masks, apply
from fl.protocol import errors
from fl.protocol.codec import parse_document, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.names import Digest
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.parts import LIST_CAP, LONGEST_PART, MAX_PARTS, PartList, cuts, list_bytes, named_in
from tests.support.federation import CONFIG
from tests.support.protocol.make_parts_vectors import make_vectors

TEXT = (Path(__file__).parents[3] / "vectors" / "parts.json").read_text(encoding="utf-8")
VECTORS: dict[str, Any] = json.loads(TEXT)


def test_the_vectors_are_what_their_program_prints() -> None:
    assert make_vectors() == TEXT


@pytest.mark.parametrize("case", VECTORS["lists"])
def test_a_list_has_these_bytes(case: dict[str, Any]) -> None:
    context, digests = bytes.fromhex(case["context"]), tuple(Digest(bytes.fromhex(each)) for each in case["digests"])
    made = PartList(context, case["part_words"], digests)
    assert (made.to_bytes().hex(), made.digest.hex()) == (case["file"], case["digest"])
    assert PartList.from_bytes(made.to_bytes(), context, case["words"]) == made
    assert named_in(made.to_bytes()) == digests
    assert len(made.to_bytes()) == list_bytes(len(digests))
    assert [[cut.start, cut.stop] for cut in cuts(case["words"], case["part_words"])] == case["places"]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["why"])
def test_another_list_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(getattr(errors, case["error"])):
        PartList.from_bytes(bytes.fromhex(case["file"]), bytes.fromhex(case["context"]), case["words"])


@pytest.mark.parametrize("case", VECTORS["keystream"])
def test_a_part_begins_inside_its_mask(case: dict[str, Any]) -> None:
    words: Masked = np.zeros(len(case["words"]), np.uint32)
    if case["bits"] == 64:
        words = np.zeros(len(case["words"]), np.uint64)
    apply(words, Masks((bytes.fromhex(case["seed"]),), ()), case["first"])
    assert words.tolist() == [int(each) for each in case["words"]]


@given(words=st.integers(1, 2**40), part_words=st.integers(1, 2**17).map(lambda steps: 1024 * steps))
def test_parts_cover_every_word_once(words: int, part_words: int) -> None:
    if -(-words // part_words) > MAX_PARTS:
        with pytest.raises(EncodingError, match="too short"):
            cuts(words, part_words)
        return
    found = cuts(words, part_words)
    assert [found[0].start, found[-1].stop] == [0, words]
    assert all(one.stop == other.start for one, other in pairwise(found))
    assert {cut.stop - cut.start for cut in found[:-1]} <= {part_words}
    assert list_bytes(len(found)) <= LIST_CAP


def test_a_configuration_without_parts_has_the_bytes_of_before() -> None:
    assert "part_words" not in parse_document(CONFIG.to_bytes(), "round configuration")
    longest = replace(CONFIG, part_words=LONGEST_PART)
    assert RoundConfig.from_bytes(longest.to_bytes()) == longest


@pytest.mark.parametrize("part_words", [0, -1024, 1, 1023, 1025, LONGEST_PART + 1024, True, "1024", 1024.0])
def test_other_lengths_of_a_part_are_refused(part_words: Any) -> None:
    document = parse_document(CONFIG.to_bytes(), "round configuration") | {"part_words": part_words}
    with pytest.raises(EncodingError):
        RoundConfig.from_bytes(write_document(document))
