"""Key files: encrypted, never overwritten, and unreadable for a reason that is named."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from eth_account import Account

from chain.transactions import keystore
from chain.transactions.keystore import AccountKey
from chain.transactions.signed import of_raw
from fl.protocol.errors import KeystoreUnreadable, StorageFull

QUICK = 2
SECRET = b"\x11" * 32


def test_a_key_comes_back_and_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    keystore.create(path, "secret", AccountKey(SECRET), QUICK)
    assert keystore.load(path, "secret").secret == SECRET
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SECRET.hex() not in path.read_text()


def test_other_ethereum_programs_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    keystore.create(path, "päss", AccountKey(SECRET), QUICK)
    assert bytes(Account.decrypt(json.loads(path.read_text()), "päss")) == SECRET


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text("mine")
    with pytest.raises(KeystoreUnreadable, match="never overwritten"):
        keystore.create(path, "secret", AccountKey(SECRET), QUICK)
    assert path.read_text() == "mine"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageFull):
        keystore.create(tmp_path / "no" / "key.json", "secret", AccountKey(SECRET), QUICK)


def test_a_wrong_password_is_said_to_be_wrong(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    keystore.create(path, "secret", AccountKey(SECRET), QUICK)
    with pytest.raises(KeystoreUnreadable, match="password is wrong"):
        keystore.load(path, "Secret")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", '{"version":3,"crypto":{}}', '{"version":9}', "\0" * 20000])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)
    with pytest.raises(KeystoreUnreadable) as refusal:
        keystore.load(path, "secret")
    assert str(path) in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeystoreUnreadable, match="No such file"):
        keystore.load(tmp_path / "key.json", "secret")


def test_a_key_does_not_show_its_secret() -> None:
    assert SECRET.hex() not in repr(AccountKey(SECRET)) + str(AccountKey(SECRET))


def test_generated_keys_differ() -> None:
    assert keystore.generate().address != keystore.generate().address


@pytest.mark.parametrize("to", [b"", b"\x22" * 20])
@pytest.mark.parametrize("data", [b"", b"\x00", b"\x01" * 5000])
@pytest.mark.parametrize(("nonce", "fee"), [(0, 0), (7, 1), (2**40, 2**60)])
def test_a_transaction_is_signed_as_eth_account_signs_it(to: bytes, data: bytes, nonce: int, fee: int) -> None:
    fees = {"maxFeePerGas": 2 * fee, "maxPriorityFeePerGas": fee}
    transaction = {"chainId": 31337, "nonce": nonce, "gas": 2**24, "value": 0, "to": to, "data": data, **fees}
    expected = Account.sign_transaction(transaction, SECRET)
    raw, tx_hash = AccountKey(SECRET).sign(transaction)
    assert (raw, tx_hash) == (bytes(expected.raw_transaction), bytes(expected.hash))
    call = of_raw(raw)
    assert "0x" + call.account.hex() == Account.from_key(SECRET).address.lower()
    assert (call.chain_id, call.nonce, call.to or b"", call.data, call.hash) == (31337, nonce, to, data, tx_hash)


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x02\xc0", b"\xc0", b"\x7f" * 40])
def test_what_is_no_signed_transaction_has_no_sender(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a (signed|typed) transaction"):
        of_raw(raw)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n": 2**40, "r": 8, "p": 1},
        {"n": 2**18, "r": 8, "p": 2**20},
        {"n": "2", "r": 8, "p": 1},
        {"n": -2, "r": 8, "p": 1},
        {"c": 10**12, "prf": "hmac-sha256"},
        {"n": True, "r": 8, "p": 1},
        [],
        None,
    ],
)
def test_a_file_that_would_cost_more_than_any_wallets_is_refused_at_once(tmp_path: Path, parameters: object) -> None:
    path = tmp_path / "account.json"
    keystore.create(path, "word", AccountKey(SECRET), QUICK)
    document = json.loads(path.read_text())
    crypto = document["crypto"]
    if isinstance(parameters, dict):  # with its salt, without which nobody would compute anything
        crypto["kdf"] = "pbkdf2" if "c" in parameters else "scrypt"
        parameters = crypto["kdfparams"] | parameters
    crypto["kdfparams"] = parameters
    path.write_text(json.dumps(document))
    with pytest.raises(KeystoreUnreadable, match="damaged"):
        keystore.load(path, "word")


@pytest.mark.parametrize("text", ["[" * 15_000, '{"crypto":NaN}', '{"a":1,"a":2}', " " * 20_000])
def test_a_file_that_the_strict_reader_refuses_is_no_key_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "account.json"
    path.write_text(text)
    with pytest.raises(KeystoreUnreadable, match="not an Ethereum key file"):
        keystore.load(path, "word")
