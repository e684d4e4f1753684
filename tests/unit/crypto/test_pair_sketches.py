"""Tags, sealed sketches and openings of masks: what is right passes, and every changed bit is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.crypto.mask_sketch import SketchMap, sketch_to_bytes
from fl.crypto.pair_sketches import (
    OPENING_BYTES,
    PairSketch,
    Tags,
    body_bytes,
    body_of,
    map_seed,
    open_pair,
    pair_sketches,
    parse_body,
    read_opening,
    tags_bytes,
)
from fl.crypto.round_keys import Participant, RoundKeys, mask_context, pair_seed
from fl.protocol.errors import EncodingError, InvalidPoint, ProofInvalid, SetMismatch
from fl.protocol.names import Address, Digest

PAIR = json.loads((Path(__file__).parents[2] / "vectors" / "mask_sketch.json").read_text())["pair"]
CONTEXT, CHOSEN, BLOCK = (bytes.fromhex(PAIR[name]) for name in ("context", "set_digest", "freeze_block"))
ACCOUNTS = [Address(bytes([number]) * 20) for number in (1, 2, 3)]
KEYS = [RoundKeys.generate(2) for _ in ACCOUNTS]
PARTS = [
    Participant.parse(index, account, keys.advert(), keys.dealing(), 2)
    for index, (account, keys) in enumerate(zip(ACCOUNTS, KEYS, strict=True), 1)
]
KNOWN = {part.account: part for part in PARTS}
ROUND = mask_context(bytes(32), PARTS)


def test_the_published_seed_salt_and_tag() -> None:
    seed = map_seed(CONTEXT, Digest(CHOSEN), BLOCK)
    assert seed.hex() == PAIR["map_seed"]
    mask = bytes.fromhex(PAIR["mask_seed"])
    (pair,) = pair_sketches([mask], SketchMap(seed, 64, 300), CONTEXT, Digest(CHOSEN))
    low, high = (Address(bytes.fromhex(PAIR[name])) for name in ("low", "high"))
    assert pair.salt.hex() == PAIR["salt"]
    assert pair.tag(high, low) == pair.tag(low, high) == bytes.fromhex(PAIR["tag"])
    assert pair.sketch == sketch_to_bytes(SketchMap(seed, 64, 300).of([mask])[0])


def test_every_part_of_a_tag_counts() -> None:
    pair = PairSketch(bytes(32), bytes(8))
    others = [PairSketch(b"\1" + bytes(31), bytes(8)), PairSketch(bytes(32), b"\1" + bytes(7))]
    tags = {each.tag(*ACCOUNTS[:2]) for each in (pair, *others)} | {pair.tag(*ACCOUNTS[1:])}
    assert len(tags) == 4


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5), st.data())
def test_files_and_tags_have_one_form(count: int, data: st.DataObject) -> None:
    who = sorted(Address(bytes([number]) * 20) for number in range(count))
    words = st.binary(min_size=24, max_size=24)
    pairs = {each: PairSketch(data.draw(st.binary(min_size=32, max_size=32)), data.draw(words)) for each in who}
    body = body_of(pairs)
    assert len(body) == body_bytes(count, 24)
    assert parse_body(body, who, 24) == pairs
    tags = Tags({each: pairs[each].tag(each, ACCOUNTS[0]) for each in who}, Digest(b"f" * 32))
    rest, parsed = Tags.split(b"shares" + tags.to_bytes(), who)
    assert (rest, parsed, len(tags.to_bytes())) == (b"shares", tags, tags_bytes(count))
    for broken in (body + b"\0", body[:-1]):
        with pytest.raises(EncodingError):
            parse_body(broken, who, 24)
    with pytest.raises(EncodingError):
        Tags.split(tags.to_bytes(), [*who, Address(b"\xff" * 20)])
    if count:
        stranger = [*who[:-1], Address(b"\xee" * 20)]
        with pytest.raises(EncodingError):
            parse_body(body, stranger, 24)
        with pytest.raises(EncodingError):
            Tags.split(tags.to_bytes(), stranger)


def test_an_opening_shows_the_seed_of_one_mask() -> None:
    one, other = PARTS[:2]
    opening = open_pair(KEYS[0].mask_secret, one, other, ROUND)
    assert len(opening) == OPENING_BYTES
    opened = read_opening(opening, KNOWN, ROUND)
    assert (opened.opener, opened.partner) == (one.account, other.account)
    assert opened.seed == pair_seed(KEYS[1].mask_secret, other, one, ROUND)
    assert read_opening(open_pair(KEYS[1].mask_secret, other, one, ROUND), KNOWN, ROUND).seed == opened.seed


def test_every_changed_byte_of_an_opening_is_seen() -> None:
    opening = open_pair(KEYS[0].mask_secret, PARTS[0], PARTS[1], ROUND)
    for place in range(len(opening)):
        changed = bytearray(opening)
        changed[place] ^= 1
        with pytest.raises((EncodingError, SetMismatch, ProofInvalid, InvalidPoint)):
            read_opening(bytes(changed), KNOWN, ROUND)
    for context in (Digest(bytes(32)), mask_context(b"x" * 32, PARTS)):
        with pytest.raises(EncodingError):
            read_opening(opening, KNOWN, context)
    with pytest.raises(EncodingError):
        read_opening(opening + b"\0", KNOWN, ROUND)


def test_nobody_opens_a_mask_of_two_others() -> None:
    """Who knows neither secret cannot give a point with a proof."""
    forged = open_pair(KEYS[2].mask_secret, PARTS[0], PARTS[1], ROUND)
    with pytest.raises(ProofInvalid):
        read_opening(forged, KNOWN, ROUND)
    own = open_pair(KEYS[0].mask_secret, PARTS[0], PARTS[0], ROUND)
    with pytest.raises(SetMismatch):
        read_opening(own, KNOWN, ROUND)
