"""The key file of a doctor who becomes a trustee."""

from __future__ import annotations

import json

import pytest

from chain.transactions.keystore import AccountKey
from fl.crypto.encrypted_keystore import Cost, KitChain, Lockbox
from fl.crypto.group import random_scalar, scalar_bytes
from fl.crypto.start_kit import StartKit, lock_start, open_start
from fl.protocol.errors import KeystoreUnreadable
from fl.protocol.names import Address

PASSWORD = "vier zufällige Wörter hier"
ACCOUNT = AccountKey(b"\7" * 32)
KIT = StartKit(
    ACCOUNT.address, KitChain(7357, Address(b"\xb2" * 20), bytes(32)), scalar_bytes(random_scalar()), ACCOUNT.secret
)
FILE = lock_start(KIT, PASSWORD)


def test_what_was_locked_opens_with_its_password() -> None:
    assert open_start(FILE, PASSWORD, "kit") == KIT


def test_the_file_shows_no_secret() -> None:
    for secret in (KIT.member_key.hex(), KIT.account_key.hex(), PASSWORD):
        assert secret.encode() not in FILE


@pytest.mark.parametrize(
    ("file", "password"),
    [
        (FILE, "another password"),
        (FILE.replace(ACCOUNT.address.hex().encode(), b"00" * 20), PASSWORD),
        (FILE.replace(b'"start"', b'"kit"'), PASSWORD),
        (FILE.replace(b'"passes":3', b'"passes":2'), PASSWORD),
        (FILE.replace(b'"passes":3', b'"passes":17'), PASSWORD),
        (FILE[:-1], PASSWORD),
        (FILE.replace(b":", b": "), PASSWORD),
        (b"", PASSWORD),
        (b" " * 5000, PASSWORD),
    ],
)
def test_anything_else_is_refused_by_name(file: bytes, password: str) -> None:
    with pytest.raises(KeystoreUnreadable, match="kit"):
        open_start(file, password, "kit")


def test_a_start_kit_is_no_share_and_no_approval_kit() -> None:
    with pytest.raises(KeystoreUnreadable):
        Lockbox.parse(FILE, "kit")


def test_a_weak_derivation_is_refused_before_it_is_computed() -> None:
    weak = lock_start(KIT, PASSWORD, Cost(memory_kib=64, passes=1, lanes=1))
    assert json.loads(weak)["kdf"]["memory_kib"] == 64
    with pytest.raises(KeystoreUnreadable, match="weaker"):
        open_start(weak, PASSWORD, "kit")
