"""Endorsements: the bytes signed are EIP-712's, and a signature has one form. One suite for the real and the fake."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import pytest
from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from chain.transactions.eip712 import ORDER, AccountEndorser, statement_digest
from chain.transactions.keystore import AccountKey
from fl.protocol.errors import EncodingError, SignatureInvalid
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Endorser, SetStatement
from tests.support.contract_vectors import ADDRESSES, KEYS, VECTORS
from tests.support.ledger import MemoryEndorser

STATEMENT = SetStatement(
    consortium=b"\1" * 32,
    chain_id=31337,
    contract=Address(b"\2" * 20),
    round=7,
    mask_context=b"\3" * 32,
    set_digest=Digest(b"\4" * 32),
    freeze_block=b"\5" * 32,
)
OTHERS = {
    "consortium": b"\x11" * 32,
    "chain_id": 31338,
    "contract": Address(b"\x12" * 20),
    "round": 8,
    "mask_context": b"\x13" * 32,
    "set_digest": Digest(b"\x14" * 32),
    "freeze_block": b"\x15" * 32,
}


def real(name: str) -> Endorser:
    return AccountEndorser(KEYS[name])


def fake(name: str) -> Endorser:
    return MemoryEndorser(ADDRESSES[name])


@pytest.fixture(params=[real, fake])
def endorser(request: pytest.FixtureRequest) -> Callable[[str], Endorser]:
    make: Callable[[str], Endorser] = request.param
    return make


def with_field(name: str) -> SetStatement:
    return replace(STATEMENT, **{name: OTHERS[name]})  # type: ignore[arg-type]


def test_anybody_finds_the_account_behind_an_endorsement(endorser: Callable[[str], Endorser]) -> None:
    signature = endorser("h1").endorse(STATEMENT)
    assert len(signature) == 65
    assert endorser("h2").recover(STATEMENT, signature) == ADDRESSES["h1"]
    assert endorser("h2").endorse(STATEMENT) != signature


def test_an_endorsement_is_the_same_every_time(endorser: Callable[[str], Endorser]) -> None:
    assert endorser("h1").endorse(STATEMENT) == endorser("h1").endorse(replace(STATEMENT))


@pytest.mark.parametrize("name", [field.name for field in fields(SetStatement)])
def test_an_endorsement_is_of_one_statement_in_every_field(name: str, endorser: Callable[[str], Endorser]) -> None:
    own = endorser("h1")
    signature = own.endorse(STATEMENT)
    assert own.endorse(with_field(name)) != signature
    with suppress(SignatureInvalid):
        assert own.recover(with_field(name), signature) != ADDRESSES["h1"]


@pytest.mark.parametrize("length", [0, 1, 64, 66, 130])
def test_another_length_is_no_signature(length: int, endorser: Callable[[str], Endorser]) -> None:
    signature = (endorser("h1").endorse(STATEMENT) * 2)[:length]
    with pytest.raises(SignatureInvalid):
        endorser("h1").recover(STATEMENT, signature)


@pytest.mark.parametrize("last", [0, 1, 26, 29, 37, 255])
def test_another_v_is_no_signature(last: int, endorser: Callable[[str], Endorser]) -> None:
    signature = endorser("h1").endorse(STATEMENT)[:64] + bytes([last])
    with pytest.raises(SignatureInvalid):
        endorser("h1").recover(STATEMENT, signature)


def test_zeros_are_no_signature(endorser: Callable[[str], Endorser]) -> None:
    with pytest.raises(SignatureInvalid):
        endorser("h1").recover(STATEMENT, bytes(64) + b"\x1b")


@given(st.integers(0, 65 * 8 - 1))
def test_a_changed_signature_is_nobodys_or_anothers(bit: int) -> None:
    for make in (real, fake):
        own = make("h1")
        changed = bytearray(own.endorse(STATEMENT))
        changed[bit // 8] ^= 1 << bit % 8
        try:
            assert own.recover(STATEMENT, bytes(changed)) != ADDRESSES["h1"]
        except SignatureInvalid:
            continue


@given(st.binary(max_size=70))
def test_any_bytes_are_an_account_or_signature_invalid(raw: bytes) -> None:
    for make in (real, fake):
        try:
            assert len(make("h1").recover(STATEMENT, raw)) == 20
        except SignatureInvalid:
            continue


def parts(signature: bytes) -> tuple[int, int, int]:
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]


def joined(r: int, s: int, v: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])


def test_the_same_account_has_no_second_form_of_a_signature() -> None:
    """The mirror image (high s, other v) verifies everywhere else; here it would be a second endorsement."""
    r, s, v = parts(real("h1").endorse(STATEMENT))
    assert s <= ORDER // 2
    mirrored = joined(r, ORDER - s, 55 - v)
    digest = statement_digest(STATEMENT)
    assert Account._recover_hash(digest, signature=mirrored).lower() == "0x" + ADDRESSES["h1"].hex()
    with pytest.raises(SignatureInvalid, match="upper half of the range"):
        real("h1").recover(STATEMENT, mirrored)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (2**256 - 1, 1), (1, ORDER), (5, 1)])
def test_numbers_out_of_range_and_points_off_the_curve_are_no_signature(r: int, s: int) -> None:
    with pytest.raises(SignatureInvalid):
        real("h1").recover(STATEMENT, joined(r, s, 27))


def by_hand(statement: SetStatement) -> bytes:
    """Return what EIP-712 says is signed, from its text: hashes of the types, the domain and the struct."""
    domain_type = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    struct_type = (
        b"SetStatement(bytes32 consortium,uint64 round,bytes32 maskContext,bytes32 setDigest,bytes32 freezeBlock)"
    )
    words = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
    values = [keccak(domain_type), keccak(b"Hemaledger"), keccak(b"1"), statement.chain_id, statement.contract]
    domain = keccak(encode(words, values))
    words = ["bytes32", "bytes32", "uint64", "bytes32", "bytes32", "bytes32"]
    head = [keccak(struct_type), statement.consortium, statement.round]
    tail = [statement.mask_context, statement.set_digest, statement.freeze_block]
    return keccak(b"\x19\x01" + domain + keccak(encode(words, [*head, *tail])))


def test_what_is_signed_is_what_eip_712_says() -> None:
    assert statement_digest(STATEMENT) == by_hand(STATEMENT)


def test_a_wallet_shows_and_signs_the_same_statement() -> None:
    """The message as JSON, as a wallet gets it; judged by eth_account's own signing and recovery."""
    types = {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "SetStatement": [
            {"name": "consortium", "type": "bytes32"},
            {"name": "round", "type": "uint64"},
            {"name": "maskContext", "type": "bytes32"},
            {"name": "setDigest", "type": "bytes32"},
            {"name": "freezeBlock", "type": "bytes32"},
        ],
    }
    message = {
        "types": types,
        "primaryType": "SetStatement",
        "domain": {"name": "Hemaledger", "version": "1", "chainId": 31337, "verifyingContract": "0x" + "02" * 20},
        "message": {
            "consortium": "0x" + "01" * 32,
            "round": 7,
            "maskContext": "0x" + "03" * 32,
            "setDigest": "0x" + "04" * 32,
            "freezeBlock": "0x" + "05" * 32,
        },
    }
    signable = encode_typed_data(full_message=json.loads(json.dumps(message)))
    signature = real("h1").endorse(STATEMENT)
    assert bytes(Account.sign_message(signable, KEYS["h1"].secret).signature) == signature
    assert bytes.fromhex(Account.recover_message(signable, signature=signature)[2:]) == ADDRESSES["h1"]


@pytest.mark.parametrize("row", VECTORS["endorsements"], ids=lambda row: str(row["by"]))
def test_the_vectors(row: dict[str, Any]) -> None:
    raw = {name: bytes.fromhex(value[2:]) for name, value in row["statement"].items() if value.startswith("0x")}
    statement = SetStatement(
        consortium=raw["consortium"],
        chain_id=int(row["statement"]["chainId"]),
        contract=Address(raw["contract"]),
        round=int(row["statement"]["round"]),
        mask_context=raw["maskContext"],
        set_digest=Digest(raw["setDigest"]),
        freeze_block=raw["freezeBlock"],
    )
    signature = bytes.fromhex(row["signature"][2:])
    assert by_hand(statement).hex() == statement_digest(statement).hex() == row["digest"][2:]
    assert real(row["by"]).endorse(statement) == signature
    assert real("a1").recover(statement, signature) == ADDRESSES[row["by"]]


@pytest.mark.parametrize(
    "changes",
    [
        {"round": 2**64},
        {"round": -1},
        {"chain_id": -1},
        {"contract": bytes(19)},
        {"consortium": bytes(31)},
        {"set_digest": bytes(33)},
        {"mask_context": b""},
        {"freeze_block": bytes(31)},
    ],
)
def test_a_statement_that_does_not_fit_its_type_is_named(changes: dict[str, Any], endorser: Any) -> None:
    with pytest.raises(EncodingError):
        endorser("h1").endorse(replace(STATEMENT, **changes))
    with pytest.raises(EncodingError):
        endorser("h1").recover(replace(STATEMENT, **changes), bytes(64) + b"\x1b")


def test_an_endorser_does_not_show_its_secret() -> None:
    assert AccountKey(b"\x11" * 32).secret.hex() not in repr(AccountEndorser(AccountKey(b"\x11" * 32)))
