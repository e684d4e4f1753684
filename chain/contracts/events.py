"""Translates between the contracts' events and calls and the protocol's records.

Invariant: pure and table-driven. A record class and the event of its name have the same fields in the same order
(camelCase there, snake_case here), so one generic translation serves all.

Source: Solidity ABI specification (events); fl/protocol/records.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import IntEnum
from functools import cache
from types import MappingProxyType
from typing import Any, get_type_hints

from eth_abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_abi.exceptions import EncodingError as AbiError
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic, function_abi_to_4byte_selector

from chain.contracts import artifacts, calldata
from fl.protocol.errors import EncodingError
from fl.protocol.names import Address
from fl.protocol.records import (
    KEY_RECORDS,
    LEDGER_RECORDS,
    CeremonyAborted,
    CeremonyChecked,
    CeremonyCommitted,
    CeremonyConfirmed,
    CeremonyDealt,
    CeremonyPhaseClosed,
    CeremonyStarted,
    CheckpointAnchored,
    DecryptionApproved,
    DecryptionFulfilled,
    DecryptionRefused,
    DecryptionRequested,
    Entry,
    FederationOpened,
    KeyRegistered,
    KeyRotated,
    KeysAdvertised,
    LedgerHandedOver,
    MemberRegistered,
    MemberRevoked,
    ModelAttested,
    ModelGranted,
    ModelProposed,
    ModelReverted,
    OperatorChanged,
    OperatorProposed,
    PhaseClosed,
    Position,
    Record,
    RecordsAnchored,
    ReplacementProposed,
    ReplacementVetoed,
    ReplacementVoted,
    RoundAborted,
    RoundFinalised,
    RoundFrozen,
    RoundOpened,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    StatementMade,
    StepsAnchored,
    Terms,
    UpdateCommitted,
    WideFinalised,
    WideProposed,
    WideRoundOpened,
)

WORD = 32

FUNCTIONS: Mapping[type[Record], str] = MappingProxyType(
    {
        MemberRegistered: "registerMember",
        KeyRegistered: "registerKey",
        KeyRotated: "rotateKey",
        MemberRevoked: "revokeMember",
        OperatorProposed: "proposeOperator",
        ReplacementProposed: "proposeReplacement",
        ReplacementVoted: "voteReplacement",
        ReplacementVetoed: "vetoReplacement",
        OperatorChanged: "takeOffice",
        CeremonyStarted: "startCeremony",
        CeremonyCommitted: "commitDealing",
        CeremonyDealt: "deal",
        CeremonyChecked: "checkDealings",
        CeremonyPhaseClosed: "closeCeremonyPhase",
        CeremonyConfirmed: "confirmCeremony",
        CeremonyAborted: "abortCeremony",
        DecryptionRequested: "requestDecryption",
        DecryptionApproved: "approveDecryption",
        DecryptionRefused: "refuseDecryption",
        DecryptionFulfilled: "fulfilDecryption",
        RecordsAnchored: "anchorRecords",
        FederationOpened: "openFederation",
        RoundOpened: "openRound",
        KeysAdvertised: "advertiseKeys",
        SharesDealt: "dealShares",
        SharesChecked: "checkShares",
        PhaseClosed: "closePhase",
        UpdateCommitted: "commitUpdate",
        RoundFrozen: "freezeRound",
        ModelGranted: "grantModel",
        SetEndorsed: "endorseSet",
        SharesRevealed: "revealShares",
        ModelProposed: "proposeModel",
        ModelAttested: "attestModel",
        RoundFinalised: "finaliseRound",
        RoundAborted: "abortRound",
        WideRoundOpened: "openWideRound",
        StepsAnchored: "anchorSteps",
        WideProposed: "proposeWide",
        WideFinalised: "finaliseWide",
        StatementMade: "makeStatement",
        CheckpointAnchored: "anchorCheckpoint",
        ModelReverted: "revertModel",
        LedgerHandedOver: "handOver",
    }
)
"""The call that makes each record; its arguments are the record's fields of the same names."""

CONTRACT_OF: Mapping[type[Record], str] = MappingProxyType(
    dict.fromkeys(KEY_RECORDS, "KeyAuthority") | dict.fromkeys(LEDGER_RECORDS, "FederationLedger")
)


@cache
def snake(name: str) -> str:
    """Return a Solidity name as Python spells it: `modelDigest` and `modelDigest_` become `model_digest`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower().strip("_")


def event_abi(kind: type[Record]) -> dict[str, Any]:
    return artifacts.load(CONTRACT_OF[kind]).entry("event", kind.__name__)


def topic(kind: type[Record]) -> bytes:
    """Return the first topic of a record's event, 32 bytes."""
    return event_abi_to_log_topic(event_abi(kind))  # type: ignore[arg-type]


def encode_call(record: Record) -> bytes:
    """Return the call data that makes `record`; fields that the contract computes are not in it.

    Raises:
        EncodingError: a field does not fit its Solidity type, or deployment makes this record.
    """
    kind = type(record)
    if kind not in FUNCTIONS:
        raise EncodingError(kind.__name__, "deployment makes this record")
    function = artifacts.load(CONTRACT_OF[kind]).entry("function", FUNCTIONS[kind])
    values = [to_abi(getattr(record, snake(item["name"]))) for item in function["inputs"]]
    return _selector(CONTRACT_OF[kind], FUNCTIONS[kind]) + _encode(kind, function["inputs"], values)


def decode_call(kind: type[Record], data: bytes) -> dict[str, Any]:
    """Return the fields of a record of `kind` that call data sets.

    Raises:
        EncodingError: it is another call, or one that the contract would not accept.
    """
    function = artifacts.load(CONTRACT_OF[kind]).entry("function", FUNCTIONS[kind])
    selector = _selector(CONTRACT_OF[kind], FUNCTIONS[kind])
    if data[: len(selector)] != selector:
        raise EncodingError(kind.__name__, "the data are of another call")
    inputs, hints = function["inputs"], _HINTS[kind]
    try:
        plain = calldata.normalise([item["type"] for item in _flat(inputs)], data[len(selector) :])
        values = zip(_names(inputs), _decode(kind, inputs, plain), strict=True)
        return {name: _field(hints[name], value) for name, value in values}
    except ValueError as error:
        raise EncodingError(kind.__name__, "its call cannot be read") from error


def kind_of_call(contract: str, data: bytes) -> type[Record]:
    """Return which record a call to "KeyAuthority" or "FederationLedger" makes, or raise EncodingError."""
    for kind, name in FUNCTIONS.items():
        if CONTRACT_OF[kind] == contract and data.startswith(_selector(contract, name)):
            return kind
    raise EncodingError("transaction", "its call makes no record")


@cache
def _selector(contract: str, name: str) -> bytes:
    """Return the first four bytes of a call."""
    selector: bytes = function_abi_to_4byte_selector(artifacts.load(contract).entry("function", name))  # type: ignore[arg-type]
    return selector


def decode_log(contract: str, log: Mapping[str, Any]) -> Record | None:
    """Return the record in one JSON-RPC log of `contract` ("KeyAuthority" or "FederationLedger"); None if unknown.

    Raises:
        EncodingError: the log does not fit the ABI.
    """
    topics = [bytes.fromhex(item[2:]) for item in log["topics"]]
    kind = _KINDS.get((contract, topics[0])) if topics else None
    if kind is None:
        return None
    indexed, plain = _LAYOUTS[kind]
    if len(topics) != len(indexed) + 1:
        raise EncodingError(kind.__name__, "its log has the wrong number of topics")
    words = b"".join(topics[1:])
    body = bytes.fromhex(log["data"][2:])
    values = dict(zip(_names(indexed), _decode(kind, indexed, words), strict=True))
    values |= dict(zip(_names(plain), _decode(kind, plain, body), strict=True))
    record: Record = from_abi(kind, [values[item.name] for item in fields(kind)])
    return record


def encode_log(record: Record) -> tuple[tuple[bytes, ...], bytes]:
    """Return topics and data of the log that the contract emits for `record`.

    Raises:
        EncodingError: a field does not fit its Solidity type.
    """
    kind = type(record)
    indexed, plain = _LAYOUTS[kind]
    words, data = (
        _encode(kind, part, [to_abi(getattr(record, name)) for name in _names(part)]) for part in (indexed, plain)
    )
    return (topic(kind), *(words[start : start + WORD] for start in range(0, len(words), WORD))), data


def entry(record: Record, log: Mapping[str, Any], timestamp: int, leaf: bytes = b"") -> Entry:
    """Return `record` with its position, taken from its JSON-RPC log, and its `leaf` in the log of all records."""
    return Entry(
        record=record,
        position=Position(int(log["blockNumber"], 16), int(log["logIndex"], 16)),
        block_hash=bytes.fromhex(log["blockHash"][2:]),
        timestamp=timestamp,
        transaction=bytes.fromhex(log["transactionHash"][2:]),
        contract=Address(bytes.fromhex(log["address"][2:])),
        leaf=leaf,
    )


def to_abi(value: object) -> object:
    """Return a field for eth_abi: Terms as a tuple, enums as numbers, other values unchanged."""
    if isinstance(value, Terms):
        return tuple(to_abi(getattr(value, item.name)) for item in fields(value))
    return int(value) if isinstance(value, IntEnum) else value


def from_abi(kind: type[Any], values: Sequence[Any]) -> Any:  # noqa: ANN401 - a record class or Terms
    """Return a `kind` from its fields as eth_abi decoded them, or raise EncodingError."""
    hints = _HINTS[kind]
    try:
        return kind(**{item.name: _field(hints[item.name], v) for item, v in zip(fields(kind), values, strict=True)})
    except ValueError as error:
        raise EncodingError(kind.__name__, "a field of its log is out of range") from error


def _field(hint: Any, value: Any) -> Any:  # noqa: ANN401 - by type hint
    if hint is Terms:
        return from_abi(Terms, value)
    if hint is Address:
        return Address(bytes.fromhex(value[2:]))
    if isinstance(value, tuple):
        return tuple(Address(bytes.fromhex(item[2:])) for item in value)
    if hint is str:
        return value.decode("utf-8", "replace")  # a member may write any bytes; they must not stop a replay
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return hint(value)
    return value


def _names(inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [snake(item["name"]) for item in inputs]


def _flat(inputs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the inputs with each struct replaced by its fields, as structs without bytes or lists are encoded."""
    return [part for item in inputs for part in (_flat(item["components"]) if "components" in item else [item])]


def _types(inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [collapse_if_tuple(dict(item)) for item in inputs]


def _encode(kind: type[Record], inputs: Sequence[Mapping[str, Any]], values: Sequence[object]) -> bytes:
    try:
        for item, value in zip(inputs, values, strict=True):
            _check_lengths(item, value)
        return encode(_types(inputs), values)
    except (AbiError, ValueError, TypeError, OverflowError) as error:
        raise EncodingError(kind.__name__, "a field does not fit its type on the chain") from error


def _check_lengths(item: Mapping[str, Any], value: Any) -> None:  # noqa: ANN401 - by ABI type
    """Raise ValueError for a digest of the wrong length; eth_abi would pad a short one with zeros."""
    if item["type"] == "bytes32" and len(value) != WORD:
        raise ValueError("a digest has 32 bytes")
    for part, inner in zip(item.get("components", ()), value if "components" in item else (), strict=True):
        _check_lengths(part, inner)


def _decode(kind: type[Record], inputs: Sequence[Mapping[str, Any]], data: bytes) -> tuple[Any, ...]:
    try:
        return decode([name.replace("string", "bytes") for name in _types(inputs)], data)
    except (DecodingError, ValueError, OverflowError) as error:
        raise EncodingError(kind.__name__, "its log does not fit the ABI") from error


def _layout(kind: type[Record]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return an event's indexed inputs and the others."""
    inputs = event_abi(kind)["inputs"]
    return [item for item in inputs if item["indexed"]], [item for item in inputs if not item["indexed"]]


_RECORDS: tuple[type[Record], ...] = (*KEY_RECORDS, *LEDGER_RECORDS)
_HINTS: Mapping[type[Any], dict[str, Any]] = MappingProxyType(
    {kind: get_type_hints(kind) for kind in (*_RECORDS, Terms)}
)
_LAYOUTS = MappingProxyType({kind: _layout(kind) for kind in _RECORDS})
_KINDS: Mapping[tuple[str, bytes], type[Record]] = MappingProxyType(
    {(CONTRACT_OF[kind], topic(kind)): kind for kind in _RECORDS}
)
