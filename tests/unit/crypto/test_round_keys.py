from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from fl.crypto.curve import ORDER
from fl.crypto.masking import (
    Masks,
    apply,
    hospital_masks,
    to_bytes,
)
from fl.crypto.round_keys import (
    Participant,
    RoundKeys,
    check_distinct,
    mask_context,
    pair_seed,
    parse_advert,
    self_seed,
)
from fl.crypto.sharing import Polynomial
from fl.protocol.errors import (
    CommitmentMismatch,
    EncodingError,
    InvalidPoint,
    InvalidScalar,
)
from tests.support.crypto.masked_scene import CONTEXT, Scene, account, parse, round_of

pytestmark = pytest.mark.usefixtures("backend")


def noise(words: int, width: int = 4) -> npt.NDArray[np.int32] | npt.NDArray[np.int64]:
    raw = np.frombuffer(os.urandom(words * width), np.uint8).copy()
    return raw.view(np.int32) if width == 4 else raw.view(np.int64)


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
        mask_context(bytes(32), scene.participants),
        mask_context(CONTEXT, scene.participants[:-1]),
        mask_context(CONTEXT, scene.participants[1:]),
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


def test_keys_that_the_ledger_does_not_record_make_no_masks(scene: Scene) -> None:
    own = scene.participants[0]
    recorded, other = scene.keys[0], RoundKeys.generate(3)
    for keys in (replace(recorded, pairwise=other.pairwise), replace(recorded, own=other.own)):
        with pytest.raises(CommitmentMismatch) as caught:
            hospital_masks(keys, own.account, scene.participants, scene.context)
        assert caught.value.facts() == {"dealer": own.account}


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
            mask_context(CONTEXT, broken)
    copied = parse(1, scene.keys[0], 3)
    with pytest.raises(InvalidPoint):
        mask_context(CONTEXT, (first, copied))
