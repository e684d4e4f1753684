from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fl.crypto.masking import (
    CHUNK_BYTES,
    Masks,
    accumulate,
    apply,
    from_bytes,
    hospital_masks,
    remaining_masks,
    to_bytes,
    to_signed,
)
from fl.crypto.round_keys import (
    Participant,
    RoundKeys,
    mask_context,
    pair_seed,
    self_seed,
)
from fl.crypto.sharing import Polynomial
from fl.protocol.errors import (
    EncodingError,
)
from fl.protocol.names import Address
from tests.support.crypto import masked_round as reference

pytestmark = pytest.mark.usefixtures("backend")

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "masking.json").read_text(encoding="utf-8")
)


def noise(words: int, width: int = 4) -> npt.NDArray[np.int32] | npt.NDArray[np.int64]:
    raw = np.frombuffer(os.urandom(words * width), np.uint8).copy()
    return raw.view(np.int32) if width == 4 else raw.view(np.int64)


# --- Vectors ---------------------------------------------------------------------------------------------------


def hospital(case: dict[str, Any]) -> tuple[RoundKeys, Participant]:
    f, g = (Polynomial(tuple(int(each, 16) for each in case[name])) for name in ("f", "g"))
    keys = RoundKeys(int(case["e"], 16), f, g)
    advert, dealing = bytes.fromhex(case["advert"]), bytes.fromhex(case["dealing"])
    assert keys.advert() == advert
    assert keys.dealing() == dealing
    assert keys.to_bytes() == bytes.fromhex(case["journal"])
    parsed = Participant.parse(
        case["index"], Address(bytes.fromhex(case["account"])), advert, dealing, VECTORS["threshold"]
    )
    return keys, parsed


def test_the_vectors_of_a_whole_round() -> None:
    """A round of four hospitals of which the last drops out, made by the slow reference."""
    cases = VECTORS["hospitals"]
    keys, participants = zip(*(hospital(case) for case in cases), strict=True)
    context = mask_context(bytes.fromhex(VECTORS["ctx"]), participants)
    assert context.hex() == VECTORS["ctx2"]
    total = np.zeros(VECTORS["words"], np.uint32)
    for case, own, holder in zip(cases, keys, participants, strict=True):
        assert self_seed(own.self_secret, holder, context).hex() == case["self_seed"]
        for other in participants:
            if other is not holder:
                seed = pair_seed(own.mask_secret, holder, other, context)
                assert seed.hex() == case["pair_seeds"][str(other.index)]
        words = np.array(case["x"], np.int32)
        masked = apply(words, hospital_masks(own, holder.account, participants, context))
        assert bytes(to_bytes(masked)).hex() == case["y"]
        if holder.index in VECTORS["survivors"]:
            accumulate(total, masked)
    owners = list(zip(participants, keys, strict=True))
    self_secrets = {each.account: own.self_secret for each, own in owners if each.index in VECTORS["survivors"]}
    mask_secrets = {each.account: own.mask_secret for each, own in owners if each.index not in VECTORS["survivors"]}
    masks = remaining_masks(participants, self_secrets, mask_secrets, context)
    assert to_signed(apply(total, masks)).tolist() == VECTORS["sum"]


def test_the_vectors_are_what_the_reference_makes() -> None:
    assert reference.example() == VECTORS


# --- The stream ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize("extra", [-1, 0, 1, 1000])
def test_chunks_do_not_show_in_the_stream(width: int, extra: int) -> None:
    count = CHUNK_BYTES // width + extra
    words = noise(count, width)
    seeds = [os.urandom(32) for _ in range(3)]
    rows = [np.array(reference.keystream(seed, count, width), f"u{width}") for seed in seeds]
    expected = words.view(f"u{width}") + rows[0] + rows[1] - rows[2]
    assert np.array_equal(apply(words, Masks((seeds[0], seeds[1]), (seeds[2],))), expected)


def test_masks_are_applied_in_place_and_nothing_is_copied() -> None:
    words = noise(1000)
    before = words.copy()
    masked = apply(words, Masks((os.urandom(32),), ()))
    assert np.shares_memory(words, masked)
    assert masked.dtype == np.uint32
    assert not np.array_equal(words, before)
    assert np.shares_memory(to_signed(masked), words)


@pytest.mark.parametrize("width", [4, 8])
def test_the_opposite_masks_take_masks_away(width: int) -> None:
    words = noise(5000, width)
    before = words.copy()
    masks = Masks((os.urandom(32), os.urandom(32)), (os.urandom(32),))
    apply(apply(words, masks), Masks(masks.taken, masks.added))
    assert np.array_equal(words, before)


def test_other_arrays_are_a_programmers_mistake() -> None:
    frozen = np.zeros(4, np.int32)
    frozen.flags.writeable = False
    hostile: list[Any] = [np.zeros(4, np.float32), np.zeros((2, 2), np.int32), np.zeros(8, np.int32)[::2], frozen]
    for words in hostile:
        with pytest.raises(TypeError, match="words"):
            apply(words, Masks((), ()))


@pytest.mark.parametrize("wide", [False, True])
def test_a_masked_body_comes_back_and_is_strict(wide: bool) -> None:
    width = 8 if wide else 4
    masked = apply(noise(10, width), Masks((os.urandom(32),), ()))
    body = bytes(to_bytes(masked))
    assert body == struct.pack("<10" + ("Q" if wide else "I"), *masked.tolist())
    assert np.array_equal(from_bytes(body, 10, wide=wide), masked)
    for broken in (body[:-1], body + b"\x00", b""):
        with pytest.raises(EncodingError):
            from_bytes(broken, 10, wide=wide)
    with pytest.raises(EncodingError):
        from_bytes(body, 10, wide=not wide)


def test_a_sum_takes_words_of_its_own_shape_only() -> None:
    total = np.zeros(4, np.uint32)
    accumulate(total, np.full(4, 2**32 - 1, np.uint32))
    accumulate(total, np.full(4, 3, np.uint32))
    assert total.tolist() == [2] * 4
    for strange in (np.zeros(5, np.uint32), np.zeros(4, np.uint64)):
        with pytest.raises(EncodingError):
            accumulate(total, strange)
