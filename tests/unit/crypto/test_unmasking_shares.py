from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fl.crypto.group import encode_point, random_scalar
from fl.crypto.masking import (
    Masked,
    Masks,
    accumulate,
    apply,
    hospital_masks,
    remaining_masks,
    to_signed,
)
from fl.crypto.round_keys import (
    self_seed,
)
from fl.crypto.sharing import Share
from fl.crypto.unmasking_shares import Secret, answer, parse_answer, revealed_secret, uncover
from fl.protocol.errors import (
    BelowThreshold,
    EncodingError,
    InvalidScalar,
    ReconstructMismatch,
    SetMismatch,
)
from fl.protocol.names import Address, Digest
from tests.support.crypto import masked_round as reference
from tests.support.crypto.masked_scene import Scene, round_of

pytestmark = pytest.mark.usefixtures("backend")

STRANGER = Address(b"\xee" * 20)


@pytest.fixture
def scene() -> Scene:
    return round_of(5, 3)


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
        expected = held.own if revealed_secret(each, survivors) is Secret.OWN else held.pairwise
        assert shares[each] == expected
    everyone = {each.account for each in scene.participants}
    with pytest.raises(EncodingError):
        parse_answer(data, scene.participants[1], scene.participants, everyone)


def test_nothing_is_revealed_for_too_few_survivors(scene: Scene) -> None:
    survivors = {each.account for each in scene.participants[:2]}
    with pytest.raises(BelowThreshold) as caught:
        answer(scene.held[1], scene.participants, survivors)
    assert caught.value.facts() == {"actual": 2, "required": 3}


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
    assert found.mask_secrets == {gone.account: scene.keys[4].mask_secret}
    public = hospital_masks(scene.keys[4], gone.account, scene.participants, scene.context)
    left = apply(late, Masks(public.taken, public.added[1:]))  # its self mask stays on
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
