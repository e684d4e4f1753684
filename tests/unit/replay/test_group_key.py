"""The group key of a wide round: its files have the bytes of PROTOCOL.md 5W.3 (tests/vectors/group_key.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from fl.crypto.envelope import open_file
from fl.crypto.envelope_form import Core, Kind, Parts
from fl.crypto.hpke_keys import PrivateKey
from fl.protocol.codec import sha256
from fl.protocol.errors import RecipientNotFound, StaleRound, WrongContext
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Anchor
from fl.replay.group_key import Opening, core_of, draw

VECTOR: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "group_key.json").read_text(encoding="ascii")
)
FILES: list[dict[str, Any]] = VECTOR["files"]


def raw(name: str) -> bytes:
    return bytes.fromhex(VECTOR[name])


def opening(model: bytes = b"") -> Opening:
    anchor = Anchor(raw("consortium"), VECTOR["chainId"], Address(bytes(20)), Address(raw("contract")))
    return Opening(
        anchor, Address(raw("sender")), VECTOR["epoch"], VECTOR["round"], Digest(model or raw("previousModel"))
    )


def private(secret: str) -> PrivateKey:
    return PrivateKey(1, ec.derive_private_key(int(secret, 16), ec.SECP256R1()))


def test_every_reader_of_the_vectors_opens_the_group_key_and_no_other_file_names_it() -> None:
    assert private(VECTOR["secret"]).public_key == raw("groupKey")
    named: list[bytes] = []
    for each in FILES:
        file, core = bytes.fromhex(each["file"]), core_of(opening(), raw("groupKey"), each["seq"])
        assert (core.context, core.kind, sha256(file)) == (raw("context"), Kind.GROUP, bytes.fromhex(each["digest"]))
        assert [key.hex() for key in Parts.of(file).wraps] == [reader["keyId"] for reader in each["readers"]]
        named += Parts.of(file).wraps
        for reader in each["readers"]:
            assert open_file(file, core, private(reader["secret"])) == raw("secret")
        with pytest.raises(RecipientNotFound):
            open_file(file, core, private(FILES[1 - each["seq"]]["readers"][0]["secret"]))
    assert named == sorted(named)


def test_a_key_file_opens_in_no_other_round_place_or_after_another_model() -> None:
    file, key = bytes.fromhex(FILES[0]["file"]), private(FILES[0]["readers"][0]["secret"])
    right = core_of(opening(), raw("groupKey"), 0)
    for core, error in (
        (core_of(opening(), raw("groupKey"), 1), WrongContext),
        (core_of(opening(bytes(32)), raw("groupKey"), 0), WrongContext),
        (Core(right.kind, right.anchor, right.sender, right.round + 1, right.epoch, right.context), StaleRound),
    ):
        with pytest.raises(error):
            open_file(file, core, key)


def test_a_drawn_key_has_files_of_the_form_of_the_vectors() -> None:
    readers = [private(reader["secret"]) for each in FILES for reader in each["readers"]]
    drawn = draw(opening(), [each.member_key for each in reversed(readers)])
    (file,) = drawn.files
    opened = {open_file(bytes(file), core_of(opening(), drawn.public_key, 0), each) for each in readers}
    assert {private(each.hex()).public_key for each in opened} == {drawn.public_key}
    assert len(file) == len(bytes.fromhex(FILES[0]["file"])) + 131 * (len(readers) - len(FILES[0]["readers"]))
