from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fl.crypto.curve import ORDER
from fl.crypto.encrypted_keystore import LOCKBOX_CAP, Cost, HeldShare, Kit, KitChain, Lockbox, Seat, _lock_with, lock
from fl.protocol.errors import HemaledgerError, KeystoreUnreadable
from fl.protocol.names import Address, KeyUse

VECTORS = Path(__file__).parents[2] / "vectors" / "threshold.json"
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))["lockboxes"]
SHARE = HeldShare(Seat(Address(b"\x31" * 20), KeyUse.MODEL, 3, 2), ORDER - 1)
KIT = Kit(SHARE, KitChain(2**64 - 1, Address(b"\x32" * 20), b"\x33" * 32), b"\x34" * 32)


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_lockbox_of_the_vectors(case: dict[str, Any]) -> None:
    file = case["file"].encode()
    if "error" in case:
        with pytest.raises(HemaledgerError) as refusal:
            Lockbox.parse(file, "share.json").unlock(case["password"])
        assert refusal.value.name == case["error"]
        return
    public = case["public"]
    seat = Seat(Address(raw(public["account"])), KeyUse(public["use"]), public["epoch"], public["index"])
    content: HeldShare | Kit = HeldShare(seat, int(case["share"], 16))
    if "account_key" in case:
        site = KitChain(public["chain_id"], Address(raw(public["authority"])), raw(public["consortium"]))
        content = Kit(HeldShare(seat, int(case["share"], 16)), site, raw(case["account_key"]))
    box = Lockbox.parse(file, "share.json")
    assert box.unlock(case["password"]) == content
    assert _lock_with(box.salt, box.nonce, content, case["password"], box.cost) == file


@pytest.mark.parametrize("content", [SHARE, KIT])
def test_what_was_locked_comes_back(content: HeldShare | Kit) -> None:
    file = lock(content, "four random words here")
    assert len(file) <= LOCKBOX_CAP
    box = Lockbox.parse(file, "share.json")
    assert box.seat == SHARE.seat
    assert box.site == (KIT.site if content is KIT else None)
    assert box.unlock("four random words here") == content


def test_two_lockboxes_of_one_share_have_nothing_secret_in_common() -> None:
    one, two = (Lockbox.parse(lock(SHARE, "a password"), "share.json") for _ in range(2))
    assert (one.salt, one.nonce, one.sealed) != (two.salt, two.nonce, two.sealed)
    assert len({one.salt, two.salt, one.nonce, two.nonce, one.sealed, two.sealed}) == 6


def test_a_wrong_password_and_a_changed_file_look_alike() -> None:
    box = Lockbox.parse(lock(SHARE, "a password"), "share.json")
    changed = replace(box, sealed=box.sealed[:-1] + bytes([box.sealed[-1] ^ 1]))
    found = []
    for each, password in ((box, "another"), (changed, "a password")):
        with pytest.raises(KeystoreUnreadable) as refusal:
            each.unlock(password)
        found.append(refusal.value.facts())
    assert found[0] == found[1]


def test_costs_out_of_bounds_are_refused_before_a_password_is_asked_for() -> None:
    files = [
        _lock_with(bytes(16), bytes(12), SHARE, "p", cost)
        for cost in (Cost(8192, 3, 4), Cost(65536, 1, 4), Cost(65536, 3, 1), Cost(65536, 17, 4), Cost(65536, 3, 17))
    ]
    files.append(lock(SHARE, "p").replace(b"65536", b"4294967295"))
    for file in files:
        with pytest.raises(KeystoreUnreadable, match="weaker or more costly"):
            Lockbox.parse(file, "share.json")


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: b"\xff" + file,
        lambda file: file[: len(file) // 2],
        lambda file: file.replace(b'"epoch":3', b'"epoch":true'),
        lambda file: file.replace(b'"epoch":3', b'"epoch":3.5'),
        lambda file: file.replace(b'"use":2', b'"use":9'),
        lambda file: file.replace(b'"nonce":"', b'"nonce":"00'),
        lambda file: file + b" " * LOCKBOX_CAP,
        lambda _: b"[" * 4000,
    ],
)
def test_what_is_no_lockbox_is_refused_by_name(damage: Any) -> None:
    with pytest.raises(KeystoreUnreadable, match=r"share\.json"):
        Lockbox.parse(damage(lock(SHARE, "p")), "share.json")


def test_an_empty_password_is_refused() -> None:
    with pytest.raises(ValueError, match="password"):
        lock(SHARE, "")


def test_no_secret_is_shown() -> None:
    assert str(SHARE.share) not in repr(SHARE)
    assert KIT.account_key.hex() not in repr(KIT)
    assert repr(KIT.account_key) not in repr(KIT)


def test_several_keys_are_derived_side_by_side() -> None:
    found: list[bytes] = []
    threads = [Thread(target=lambda: found.append(Cost().derive("a password", bytes(16)))) for _ in range(3)]
    for thread in threads:
        thread.daemon = True
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == len(threads), "OpenSSL's threads wait for each other"
    assert len(set(found)) == 1
