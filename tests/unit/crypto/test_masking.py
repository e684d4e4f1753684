from __future__ import annotations

import json
import os
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fl.crypto.curve import ORDER
from fl.crypto.group import encode_point, random_scalar
from fl.crypto.masking import (
    CHUNK_BYTES,
    Masked,
    Masks,
    accumulate,
    apply,
    from_bytes,
    hospital_masks,
    remaining_masks,
    to_bytes,
    to_signed,
)
from fl.crypto.reveal import Secret, answer, due, parse_answer, uncover
from fl.crypto.roundkeys import (
    Participant,
    RoundKeys,
    check_distinct,
    context2,
    pair_seed,
    parse_advert,
    self_seed,
)
from fl.crypto.sharing import Polynomial, Share
from fl.protocol.errors import (
    BelowThreshold,
    CommitmentMismatch,
    EncodingError,
    InvalidPoint,
    InvalidScalar,
    ReconstructMismatch,
    SetMismatch,
)
from fl.protocol.names import Address, Digest
from tests.unit.crypto import reference
from tests.unit.crypto.scene import CONTEXT, Scene, account, parse, round_of

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "masking.json").read_text(encoding="utf-8")
)
STRANGER = Address(b"\xee" * 20)


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
    context = context2(bytes.fromhex(VECTORS["ctx"]), participants)
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


# --- Seeds and keys --------------------------------------------------------------------------------------------


@pytest.fixture
def scene() -> Scene:
    return round_of(5, 3)


def test_both_sides_derive_one_seed_and_every_pair_another(scene: Scene) -> None:
    seeds = {}
    for a, (one, first) in enumerate(zip(scene.keys, scene.participants, strict=True)):
        for b, second in enumerate(scene.participants):
            if a != b:
                seeds[a, b] = pair_seed(one.mask_secret, first, second, scene.context)
    assert all(seeds[a, b] == seeds[b, a] for a, b in seeds)
    own = {
        self_seed(key.self_secret, each, scene.context)
        for key, each in zip(scene.keys, scene.participants, strict=True)
    }
    assert len(set(seeds.values()) | own) == 5 * 4 // 2 + 5


def test_another_round_or_another_set_gives_other_seeds(scene: Scene) -> None:
    keys, (first, second, *_) = scene.keys[0], scene.participants
    contexts = {
        scene.context,
        context2(bytes(32), scene.participants),
        context2(CONTEXT, scene.participants[:-1]),
        context2(CONTEXT, scene.participants[1:]),
    }
    assert len(contexts) == 4
    assert len({pair_seed(keys.mask_secret, first, second, each) for each in contexts}) == 4


def test_round_keys_come_back_from_the_journal_and_give_the_same_bytes() -> None:
    keys = RoundKeys.generate(3)
    again = RoundKeys.from_bytes(keys.to_bytes())
    assert again == keys
    assert (again.advert(), again.dealing()) == (keys.advert(), keys.dealing())
    assert [again.own.share(index) for index in range(1, 6)] == [keys.own.share(index) for index in range(1, 6)]


def test_a_restarted_hospital_sends_the_same_masked_bytes(scene: Scene) -> None:
    words = noise(100)
    again = RoundKeys.from_bytes(scene.keys[2].to_bytes())
    own = scene.participants[2].account
    masked = [
        bytes(to_bytes(apply(words.copy(), hospital_masks(keys, own, scene.participants, scene.context))))
        for keys in (scene.keys[2], again)
    ]
    assert masked[0] == masked[1]


def test_a_journal_entry_is_strict() -> None:
    data = RoundKeys.generate(2).to_bytes()
    at = len(b"BAFL/1/roundkeys")
    encodings = [
        b"",
        data[:-1],
        data + b"\x00",
        b"X" + data[1:],
        data[: at + 32] + b"\x00\x00" + data[at + 34 :],
        data[: at + 32] + b"\x00\x03" + data[at + 34 :],
        data[: at + 32] + b"\xff\xff" + data[at + 34 :],
    ]
    for broken in encodings:
        with pytest.raises(EncodingError):
            RoundKeys.from_bytes(broken)
    for bad in (bytes(32), ORDER.to_bytes(32, "big")):
        for place in (at, at + 34, len(data) - 32):
            with pytest.raises(InvalidScalar):
                RoundKeys.from_bytes(data[:place] + bad + data[place + 32 :])


def test_round_keys_do_not_show_in_representations() -> None:
    keys = RoundKeys(1234567890123, Polynomial((9876543210987,)), Polynomial((5555555555555,)))
    assert not any(secret in repr(keys) for secret in ("1234567890123", "9876543210987", "5555555555555"))
    assert "dead" not in repr(Masks((b"\xde\xad",), ()))


def test_fresh_keys_are_always_others() -> None:
    one, two = RoundKeys.generate(2), RoundKeys.generate(2)
    secrets = {one.transport, two.transport, *one.pairwise.coefficients, *one.own.coefficients}
    secrets |= {*two.pairwise.coefficients, *two.own.coefficients}
    assert len(secrets) == 10


def test_what_a_hospital_records_is_parsed_strictly() -> None:
    keys, other = RoundKeys.generate(2), RoundKeys.generate(2)
    advert, dealing = keys.advert(), keys.dealing()
    for broken in (advert[:-1], advert + b"\x00", bytes(66), advert[:33] * 2):
        with pytest.raises(InvalidPoint):
            parse_advert(broken)
    for broken in (b"", dealing[:-1], dealing + b"\x00", dealing + dealing, bytes(len(dealing)), dealing[:66]):
        with pytest.raises(InvalidPoint):
            Participant.parse(1, account(0), advert, broken, 2)
    with pytest.raises(InvalidPoint):
        Participant.parse(1, account(0), advert, dealing, 3)
    for wrong in (other.dealing(), dealing[66:] + dealing[:66]):
        with pytest.raises(CommitmentMismatch):
            Participant.parse(1, account(0), advert, wrong, 2)


def test_participants_ascend_and_share_no_key(scene: Scene) -> None:
    check_distinct(scene.participants)
    first, second, *_ = scene.participants
    for broken in ((second, first), (first, first)):
        with pytest.raises(EncodingError):
            context2(CONTEXT, broken)
    copied = parse(1, scene.keys[0], 3)
    with pytest.raises(InvalidPoint):
        context2(CONTEXT, (first, copied))


# --- Unmasking -------------------------------------------------------------------------------------------------


def test_only_a_participant_masks(scene: Scene) -> None:
    with pytest.raises(SetMismatch):
        hospital_masks(scene.keys[0], STRANGER, scene.participants, scene.context)


def test_of_no_hospital_both_secrets_are_accepted(scene: Scene) -> None:
    own = {each.account: key.self_secret for each, key in zip(scene.participants, scene.keys, strict=True)}
    pairwise = {each.account: key.mask_secret for each, key in zip(scene.participants, scene.keys, strict=True)}
    first = scene.participants[0].account
    for self_secrets, mask_secrets in (
        (own, {first: pairwise[first]}),
        ({each: secret for each, secret in own.items() if each != first}, {}),
        ({**own, STRANGER: 5}, {}),
    ):
        with pytest.raises(SetMismatch):
            remaining_masks(scene.participants, self_secrets, mask_secrets, scene.context)


@pytest.mark.parametrize("gone", [False, True])
def test_a_secret_that_is_not_the_advertised_one_is_a_mismatch(scene: Scene, gone: bool) -> None:
    own = {each.account: key.self_secret for each, key in zip(scene.participants, scene.keys, strict=True)}
    last = scene.participants[-1].account
    mask_secrets = {last: random_scalar()} if gone else {}
    if gone:
        del own[last]
    else:
        own[last] += 1
    with pytest.raises(ReconstructMismatch) as caught:
        remaining_masks(scene.participants, own, mask_secrets, scene.context)
    assert caught.value.facts() == {"dealer": last}


def test_an_answer_holds_exactly_one_secret_of_every_hospital(scene: Scene) -> None:
    survivors = {each.account for each in scene.participants[:4]}
    data = answer(scene.held[1], scene.participants, survivors)
    assert len(data) == 2 + 53 * 5
    shares = parse_answer(data, scene.participants[1], scene.participants, survivors)
    for each, held in scene.held[1].items():
        expected = held.own if due(each, survivors) is Secret.OWN else held.pairwise
        assert shares[each] == expected
    everyone = {each.account for each in scene.participants}
    with pytest.raises(EncodingError):
        parse_answer(data, scene.participants[1], scene.participants, everyone)


def test_an_answer_is_parsed_strictly(scene: Scene) -> None:
    survivors = {each.account for each in scene.participants[:4]}
    revealer = scene.participants[1]
    data = answer(scene.held[1], scene.participants, survivors)
    broken = [
        b"",
        data[:-1],
        data + b"\x00",
        b"\x00\x04" + data[2:],
        data[:22] + b"\x02" + data[23:],
        data[:22] + b"\x00" + data[23:],
        data[:2] + STRANGER + data[22:],
        data[:2] + data[55:108] + data[2:55] + data[108:],
    ]
    for each in broken:
        with pytest.raises(EncodingError):
            parse_answer(each, revealer, scene.participants, survivors)
    with pytest.raises(InvalidScalar):
        parse_answer(data[:-32] + b"\xff" * 32, revealer, scene.participants, survivors)
    with pytest.raises(SetMismatch):
        parse_answer(data, scene.participants[4], scene.participants, survivors)
    with pytest.raises(SetMismatch):
        parse_answer(data, revealer, scene.participants, survivors | {STRANGER})
    with pytest.raises(SetMismatch):
        answer(scene.held[1], scene.participants, survivors | {STRANGER})
    with pytest.raises(SetMismatch):
        answer({}, scene.participants, survivors)


def test_one_flipped_share_is_named_and_the_sum_is_still_right() -> None:
    scene = round_of(5, 3)
    survivors = {each.account for each in scene.participants[:4]}
    answers: dict[Address, dict[Address, Share]] = {}
    for place in range(4):
        revealer = scene.participants[place]
        data = answer(scene.held[place], scene.participants, survivors)
        answers[revealer.account] = parse_answer(data, revealer, scene.participants, survivors)
    liar, victim = scene.participants[2].account, scene.participants[4].account
    answers[liar][victim] = Share(3, answers[liar][victim].value ^ 1)
    found = uncover(answers, scene.participants, survivors)
    assert found.wrong == ((liar, victim),)
    assert found.mask_secrets == {victim: scene.keys[4].mask_secret}
    assert found.self_secrets == {
        scene.participants[place].account: scene.keys[place].self_secret for place in range(4)
    }


def test_fewer_answers_than_t_uncover_nothing(scene: Scene) -> None:
    with pytest.raises(BelowThreshold) as caught:
        scene.uncover(range(5), [0, 1])
    assert caught.value.facts() == {"actual": 2, "required": 3}


def spread(words: Masked) -> float:
    """Return chi-square of the top byte over 256 cells; about 255 ± 23 for uniform words."""
    counts = Counter((words >> 24).tolist())
    expected = len(words) / 256
    return sum((counts.get(cell, 0) - expected) ** 2 / expected for cell in range(256))


def test_a_masked_vector_looks_uniform_and_a_plain_one_does_not(scene: Scene) -> None:
    words = np.zeros(200_000, np.int32)
    assert spread(scene.mask(0, words)) < 255 + 6 * 23
    assert spread(words.view(np.uint32)) > 1000


def test_the_late_vector_of_a_dropped_hospital_stays_noise(scene: Scene) -> None:
    """All that unmasking revealed, its s included, takes the pair masks off it; the self mask stays."""
    words = np.arange(200_000, dtype=np.int32)
    late = scene.mask(4, words)
    found = scene.uncover(range(4), range(4))
    gone = scene.participants[4]
    assert gone.account not in found.self_secrets
    known = RoundKeys(1, Polynomial((found.mask_secrets[gone.account],)), Polynomial((1,)))
    public = hospital_masks(known, gone.account, scene.participants, scene.context)
    left = apply(late, Masks(public.taken, public.added[1:]))  # without the self seed of the invented b
    assert spread(left) < 255 + 6 * 23
    whole = Masks((), (self_seed(scene.keys[4].self_secret, gone, scene.context),))
    assert np.array_equal(to_signed(apply(left, whole)), words)  # b alone was missing


def test_the_wrong_set_leaves_noise(scene: Scene) -> None:
    words = np.zeros(200_000, np.int32)
    summed = scene.mask(0, words)
    for place in (1, 2):
        accumulate(summed, scene.mask(place, words))
    found = scene.uncover(range(4), range(4))  # hospital 4 counted as a survivor, but its vector is not in the sum
    masks = remaining_masks(scene.participants, found.self_secrets, found.mask_secrets, scene.context)
    assert spread(apply(summed, masks)) < 255 + 6 * 23


def test_masks_of_another_ctx2_leave_noise(scene: Scene) -> None:
    words = np.zeros(200_000, np.int32)
    summed = scene.mask(0, words)
    for place in range(1, 5):
        accumulate(summed, scene.mask(place, words))
    found = scene.uncover(range(5), range(3))
    masks = remaining_masks(scene.participants, found.self_secrets, {}, Digest(bytes(32)))
    assert spread(apply(summed, masks)) < 255 + 6 * 23


def test_shares_that_travelled_sealed_unmask() -> None:
    scene = round_of(4, 3, sealed=True)
    words = [np.arange(10, dtype=np.int32) * place for place in range(4)]
    assert scene.total(words, [0, 1, 3], [3, 1, 0]) == [4 * number for number in range(10)]


def test_the_public_keys_are_those_of_the_secrets(scene: Scene) -> None:
    for keys, each in zip(scene.keys, scene.participants, strict=True):
        assert encode_point(each.self_key) == reference.sec1(reference.times(keys.self_secret))
        assert encode_point(each.mask_key) == reference.sec1(reference.times(keys.mask_secret))
