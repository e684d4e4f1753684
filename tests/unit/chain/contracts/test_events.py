"""Logs and records translate into each other without loss; what does not fit is EncodingError."""

from __future__ import annotations

from contextlib import suppress

import pytest
from eth_abi import encode
from eth_utils.abi import function_signature_to_4byte_selector
from hypothesis import given
from hypothesis import strategies as st

from chain.contracts import events
from chain.contracts import reverts as refusals
from fl.protocol.errors import ContractRefused, EncodingError, HemaledgerError, ModelDigestMismatch, WrongRound
from fl.protocol.names import NO_ADDRESS, Address, Digest, Protection, Role
from fl.protocol.records import (
    ConsortiumFounded,
    KeysAdvertised,
    MemberRegistered,
    PhaseClosed,
    Record,
    RoundAborted,
    RoundOpened,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    Terms,
    UpdateCommitted,
)
from tests.support.chain_logs import RECORD, encode_log

WHO = Address(b"\7" * 20)
BUNDLE = Digest(b"\5" * 32)


@given(RECORD)
def test_a_record_survives_the_way_through_its_log(record: Record) -> None:
    log = encode_log(record)
    assert events.decode_log(events.CONTRACT_OF[type(record)], log) == record


@given(RECORD, st.data())
def test_a_mangled_log_is_a_record_or_an_encoding_error(record: Record, data: st.DataObject) -> None:
    log = encode_log(record)
    raw = bytearray.fromhex(log["data"][2:])
    if raw:
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        del raw[data.draw(st.integers(0, len(raw))) :]
    with suppress(EncodingError):
        events.decode_log(events.CONTRACT_OF[type(record)], {**log, "data": "0x" + raw.hex()})


def test_an_unknown_event_is_no_record() -> None:
    assert events.decode_log("FederationLedger", {"topics": ["0x" + "77" * 32], "data": "0x"}) is None
    assert events.decode_log("FederationLedger", {"topics": [], "data": "0x"}) is None


def test_an_event_of_the_other_contract_is_no_record() -> None:
    log = encode_log(MemberRegistered(NO_ADDRESS, NO_ADDRESS, Role.HOSPITAL, "H"))
    assert events.decode_log("FederationLedger", log) is None


@pytest.mark.parametrize("round_number", [-1, 2**64])
def test_a_number_that_does_not_fit_is_named(round_number: int) -> None:
    with pytest.raises(EncodingError, match="UpdateCommitted"):
        events.encode_call(UpdateCommitted(NO_ADDRESS, round_number, Digest(bytes(32))))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_digest_of_another_length_is_named(length: int) -> None:
    with pytest.raises(EncodingError):
        events.encode_call(UpdateCommitted(NO_ADDRESS, 1, Digest(bytes(length))))
    terms = Terms(Protection.SEALED, 2, 1, 0, 10, Digest(bytes(length)), 0, 100, 200)
    with pytest.raises(EncodingError):
        events.encode_call(RoundOpened(NO_ADDRESS, 7, terms, (), Digest(bytes(32))))


def test_text_that_is_no_utf_8_does_not_stop_a_replay() -> None:
    """Any member may abort a stale round with any bytes as the reason."""
    log = encode_log(RoundAborted(NO_ADDRESS, 1, "aaaa"))
    log["data"] = log["data"].replace(b"aaaa".hex(), "ff00fe80")
    record = events.decode_log("FederationLedger", log)
    assert record == RoundAborted(NO_ADDRESS, 1, "\ufffd\0\ufffd\ufffd")


def test_deployment_alone_founds_a_consortium() -> None:
    with pytest.raises(EncodingError, match="deployment"):
        events.encode_call(ConsortiumFounded(NO_ADDRESS, bytes(32)))


def test_a_role_that_does_not_exist_is_named() -> None:
    log = encode_log(MemberRegistered(NO_ADDRESS, NO_ADDRESS, Role.HOSPITAL, "H"))
    log["data"] = "0x" + (9).to_bytes(32, "big").hex() + log["data"][66:]
    with pytest.raises(EncodingError, match="MemberRegistered"):
        events.decode_log("KeyAuthority", log)


def test_the_call_of_a_round_is_the_abi_encoding_of_its_fields() -> None:
    """Judged by a signature written by hand."""
    terms = Terms(Protection.MASKED, 3, 1, 2, 10, Digest(b"\1" * 32), 60, 100, 200)
    roster = (Address(b"\2" * 20), Address(b"\3" * 20))
    call = events.encode_call(RoundOpened(NO_ADDRESS, 7, terms, roster, Digest(b"\4" * 32)))
    types = ["uint64", "(uint8,uint16,uint16,uint16,uint64,bytes32,uint64,uint64,uint64)", "address[]", "bytes32"]
    assert call[4:] == encode(types, [7, (1, 3, 1, 2, 10, b"\1" * 32, 60, 100, 200), roster, b"\4" * 32])


@pytest.mark.parametrize(
    ("record", "signature", "values"),
    [
        (KeysAdvertised(WHO, 7, b"S", b"E"), "advertiseKeys(uint64,bytes,bytes)", [7, b"S", b"E"]),
        (
            SharesDealt(WHO, 7, b"A" * 66, b"B" * 66, BUNDLE),
            "dealShares(uint64,bytes,bytes,bytes32)",
            [7, b"A" * 66, b"B" * 66, BUNDLE],
        ),
        (SharesChecked(WHO, 7, b"c"), "checkShares(uint64,bytes)", [7, b"c"]),
        (PhaseClosed(WHO, 7, 3, (WHO,)), "closePhase(uint64,uint8,address[])", [7, 3, [WHO]]),
        (SetEndorsed(WHO, 7, BUNDLE, b"s"), "endorseSet(uint64,bytes32,bytes)", [7, BUNDLE, b"s"]),
        (SharesRevealed(WHO, 7, BUNDLE, BUNDLE), "revealShares(uint64,bytes32,bytes32)", [7, BUNDLE, BUNDLE]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_call_of_a_masked_step_is_the_abi_encoding_of_its_fields(
    record: Record, signature: str, values: list[object]
) -> None:
    """Judged by signatures written by hand."""
    types = signature[signature.index("(") + 1 : -1].split(",")
    assert events.encode_call(record) == function_signature_to_4byte_selector(signature) + encode(types, values)


def facts(error: HemaledgerError) -> tuple[str, list[object]]:
    return error.name, list(error.facts().values())


def test_revert_data_becomes_the_leaf_of_its_name() -> None:
    from eth_utils.crypto import keccak  # noqa: PLC0415 - the judge

    data = keccak(b"WrongRound(uint64,uint64)")[:4] + encode(["uint64", "uint64"], [3, 9])
    assert facts(refusals.leaf(data)) == facts(WrongRound(3, 9))
    data = keccak(b"ModelDigestMismatch(bytes32,bytes32)")[:4] + b"\1" * 32 + b"\2" * 32
    assert facts(refusals.leaf(data)) == facts(ModelDigestMismatch(b"\1" * 32, b"\2" * 32))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no reason given"),
        (bytes.fromhex("08c379a0") + encode(["string"], ["too late"]), "too late"),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]), "panic 0x11"),
        (b"\xde\xad\xbe\xef", "0xdeadbeef"),
        (bytes.fromhex("08c379a0") + b"\1", "0x08c379a001"),
    ],
)
def test_other_revert_data_is_told_as_it_is(data: bytes, reason: str) -> None:
    assert facts(refusals.leaf(data)) == facts(ContractRefused(reason))
