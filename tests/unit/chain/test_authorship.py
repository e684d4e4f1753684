"""A record is its sender's, whatever a node tells: the transaction behind it must be its call, of its account."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import rlp
from eth_abi import encode
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from chain.authorship import check_author, created_by
from chain.contracts import events
from chain.contracts.calldata import normalise
from chain.transactions.keystore import AccountKey
from chain.transactions.signed import SignedCall, of_json, of_raw
from fl.protocol.errors import RecordForged
from fl.protocol.names import Address, Digest
from fl.protocol.records import ConsortiumFounded, KeysAdvertised, Record, RoundAborted, RoundFrozen
from tests.support.chain_logs import RECORD

KEY, OTHER = AccountKey(b"\x06" * 32), AccountKey(b"\x07" * 32)
CONTRACT, CHAIN = Address(b"\x11" * 20), 31337
ADVERT = KeysAdvertised(KEY.address, 3, b"\x02" * 33, b"\x03" * 33)
GRANT = {"chainId": CHAIN, "address": "0x" + "cc" * 20, "nonce": 1}
FEES = {"gas": 2**24, "value": 0, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0}


def signed(data: bytes, to: bytes = CONTRACT, key: AccountKey = KEY, chain: int = CHAIN) -> SignedCall:
    raw, _ = key.sign({"chainId": chain, "nonce": 4, "to": to, "data": data, **FEES})
    return of_raw(raw)


@given(RECORD)
def test_the_senders_own_call_makes_its_record(record: Record) -> None:
    record = replace(record, sender=KEY.address)
    if isinstance(record, ConsortiumFounded):
        call = signed(b"code" + record.consortium, to=b"")
        check_author(record, created_by(call), call, CHAIN)
    else:
        check_author(record, CONTRACT, signed(events.encode_call(record)), CHAIN)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (signed(events.encode_call(ADVERT), key=OTHER), "another account"),
        (signed(events.encode_call(ADVERT), chain=1), "another chain"),
        (signed(events.encode_call(ADVERT), to=b"\x12" * 20), "does not make this record"),
        (signed(events.encode_call(ADVERT), to=b""), "does not make this record"),
        (signed(events.encode_call(replace(ADVERT, round=4))), "does not make this record"),
        (signed(events.encode_call(replace(ADVERT, transport_key=b"\x02" * 33))), "does not make this record"),
        (signed(events.encode_call(RoundAborted(KEY.address, 3, "why"))), "does not make this record"),
        (signed(events.encode_call(ADVERT)[:-32]), "does not make this record"),
        (signed(b""), "does not make this record"),
    ],
)
def test_another_call_does_not_make_it(call: SignedCall, why: str) -> None:
    with pytest.raises(RecordForged, match=why):
        check_author(ADVERT, CONTRACT, call, CHAIN)


def test_what_the_contract_computes_is_not_in_the_call() -> None:
    frozen = RoundFrozen(KEY.address, 1, (CONTRACT,), Digest(b"\x09" * 32))
    check_author(frozen, CONTRACT, signed(events.encode_call(replace(frozen, set_digest=Digest(bytes(32))))), CHAIN)


@pytest.mark.parametrize("change", ["consortium", "place", "call"])
def test_a_consortium_is_founded_by_the_transaction_that_deploys_it(change: str) -> None:
    founded = ConsortiumFounded(KEY.address, b"\x05" * 32)
    call = signed(b"code" + (bytes(32) if change == "consortium" else founded.consortium), to=b"")
    if change == "call":
        call = replace(call, to=CONTRACT)
    with pytest.raises(RecordForged, match="deploys another contract"):
        check_author(founded, CONTRACT if change == "place" else created_by(call), call, CHAIN)


@pytest.mark.parametrize(
    "fields",
    [
        {"gasPrice": 7},
        {"gasPrice": 7, "type": 1, "accessList": [{"address": "0x" + "aa" * 20, "storageKeys": ["0x" + "01" * 32]}]},
        {"maxFeePerGas": 9, "maxPriorityFeePerGas": 1, "type": 2, "accessList": []},
        {
            "maxFeePerGas": 9,
            "maxPriorityFeePerGas": 1,
            "type": 4,
            "accessList": [],
            "authorizationList": [Account.sign_authorization(GRANT, OTHER.secret)],
        },
    ],
    ids=["EIP-155", "EIP-2930", "EIP-1559", "EIP-7702"],
)
def test_every_type_of_transaction_names_its_account(fields: dict[str, Any]) -> None:
    sent = {"chainId": CHAIN, "nonce": 300, "gas": 2**24, "value": 5, "to": "0x" + CONTRACT.hex(), "data": "0x0102"}
    made = Account.sign_transaction({**sent, **fields}, KEY.secret)
    shown = {name: value if isinstance(value, list | str) else hex(value) for name, value in {**sent, **fields}.items()}
    shown["authorizationList"] = [
        {
            "chainId": hex(each.chain_id),
            "address": "0x" + each.address.hex(),
            "nonce": hex(each.nonce),
            "yParity": hex(each.y_parity),
            "r": hex(each.r),
            "s": hex(each.s),
        }
        for each in fields.get("authorizationList", [])
    ]
    call = of_json({**shown, "input": shown["data"], "v": hex(made.v), "r": hex(made.r), "s": hex(made.s)})
    expected = SignedCall(KEY.address, CHAIN, 300, CONTRACT, b"\x01\x02", bytes(made.hash))
    assert call == expected
    if "type" in fields:
        assert of_raw(bytes(made.raw_transaction)) == expected


def oldest(v: int, key: AccountKey = KEY) -> dict[str, Any]:
    """Return a transaction from before EIP-155 as JSON-RPC shows it: what is signed names no chain."""
    data = events.encode_call(ADVERT)
    signature = key.sign_digest(keccak(rlp.encode([b"\x04", b"", b"\x09", CONTRACT, b"", data])))
    sent = {"nonce": "0x4", "gasPrice": "0x0", "gas": "0x9", "value": "0x0", "to": "0x" + CONTRACT.hex()}
    r, s = (hex(int.from_bytes(part, "big")) for part in (signature[:32], signature[32:64]))
    return {**sent, "input": "0x" + data.hex(), "v": hex(v or signature[64]), "r": r, "s": s}


def test_a_transaction_from_before_eip_155_is_its_accounts_on_every_chain() -> None:
    """Blocks may hold one, and no contract can see it: whoever sends it must not stop who reads."""
    call = of_json(oldest(0))
    assert (call.account, call.chain_id, call.nonce) == (KEY.address, None, 4)
    check_author(ADVERT, CONTRACT, call, CHAIN)


@pytest.mark.parametrize("v", [1, 26, 29, 34])
def test_a_parity_that_no_transaction_has_is_refused(v: int) -> None:
    with pytest.raises(ValueError, match="not a signed transaction"):
        of_json(oldest(v))


@pytest.mark.parametrize("field", ["nonce", "gas", "v", "r"])
def test_a_negative_number_is_no_transaction(field: str) -> None:
    with pytest.raises(ValueError, match="not a signed transaction"):
        of_json({**oldest(0), field: "-0x1"})


def test_lists_in_lists_without_end_are_no_transaction() -> None:
    nested = b""
    for _ in range(3000):
        nested = rlp.codec.length_prefix(len(nested), 0xC0) + nested
    with pytest.raises(ValueError, match="not a signed transaction"):
        of_raw(b"\x02" + nested)


@pytest.mark.parametrize(
    "transaction",
    [None, {}, {"type": "0x9"}, {"type": "0x2", "chainId": "0x1"}, {"type": "two"}, [], {"type": "0x0", "nonce": None}],
)
def test_what_is_no_transaction_has_no_account(transaction: Any) -> None:
    with pytest.raises(ValueError, match=r"transaction|invalid literal"):
        of_json(transaction)


@given(st.binary(max_size=80), st.binary(max_size=300))
def test_bytes_that_are_no_transaction_are_a_value_error(head: bytes, tail: bytes) -> None:
    for raw in (head, b"\x02" + tail, b"\x02" + rlp.encode([head] * 12), b"\x02" + rlp.encode([[tail]] * 12)):
        try:
            of_raw(raw)
        except ValueError:
            continue


TYPES = ["uint64", "bytes", "address[]", "bytes"]
VALUES = (7, b"first" * 9, ["0x" + "ab" * 20] * 2, b"")
PLAIN = encode(TYPES, VALUES)


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_call_data_of_an_encoder_is_in_its_normal_form() -> None:
    assert normalise(TYPES, PLAIN) == PLAIN


def test_tails_that_lie_in_another_order_or_together_have_the_same_normal_form() -> None:
    first = word(45) + b"first" * 9 + b"\xff" * 19  # filled up with something else, too
    people = word(2) + (bytes(12) + b"\xab" * 20) * 2
    heads = [word(7), word(128 + len(people)), word(128), word(128 + len(people) + len(first))]
    assert normalise(TYPES, b"".join((*heads, people, first, word(0), b"nobody reads this"))) == PLAIN
    shared = b"".join((word(1), word(96), word(96), word(2), b"ab" + bytes(30)))
    assert normalise(["uint64", "bytes", "bytes"], shared) == encode(["uint64", "bytes", "bytes"], (1, b"ab", b"ab"))


@pytest.mark.parametrize("data", [PLAIN[:100], PLAIN[:32] + word(2**255) + PLAIN[64:], PLAIN[:-32]])
def test_what_ends_too_early_is_not_read(data: bytes) -> None:
    with pytest.raises(ValueError, match="too early"):
        normalise(TYPES, data)
