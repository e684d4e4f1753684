"""A raw log and the record in it give the same entry of the log, unless decoding lost something."""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import given

from chain.contracts import events, log_entry
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Anchor
from fl.protocol.records import CheckpointAnchored, Record, RoundAborted
from fl.protocol.tlog.entry import parse_entry
from tests.support.chain_logs import RECORD, encode_log

ANCHOR = Anchor(b"\1" * 32, 7357, Address(b"\2" * 20), Address(b"\3" * 20))
SENDER = Address(b"\4" * 20)
TIME = 1_800_000_000


def raw(record: Record) -> dict[str, Any]:
    place = {
        "address": "0x" + ANCHOR.contract.hex(),
        "blockNumber": "0x05",
        "logIndex": "0x2",
        "blockHash": "0x" + "06" * 32,
        "transactionHash": "0x" + "07" * 32,
    }
    return place | encode_log(record)


@given(RECORD)
def test_record_and_raw_log_give_the_same_leaf(record: Record) -> None:
    log = raw(record)
    made = log_entry.of_log(ANCHOR, log, TIME)
    entry = events.entry(record, log, TIME, made.leaf())
    assert log_entry.of_entry(ANCHOR, entry) == made
    assert log_entry.with_leaf(ANCHOR, entry) == entry
    assert parse_entry(made.encoded(), made.data if made.data_are_hashed else b"") == made


def test_the_bytes_are_those_of_the_published_layout() -> None:
    log = raw(CheckpointAnchored(SENDER, 9, Digest(b"\5" * 32)))
    topic = events.topic(CheckpointAnchored)
    words = bytes(12) + SENDER, (9).to_bytes(32, "big")
    by_hand = b"BAFL/1/logentry" + ANCHOR.consortium + (7357).to_bytes(8, "big") + ANCHOR.contract
    by_hand += (5).to_bytes(8, "big") + (2).to_bytes(4, "big") + TIME.to_bytes(8, "big") + b"\6" * 32 + b"\7" * 32
    by_hand += b"\3" + topic + b"".join(words) + b"\0" + (32).to_bytes(4, "big") + b"\5" * 32
    made = log_entry.of_log(ANCHOR, log, TIME)
    assert made.encoded() == by_hand
    assert made.leaf() == hashlib.sha256(b"\0" + by_hand).digest()


def test_a_text_that_is_no_utf8_is_in_the_raw_entry_alone() -> None:
    log = raw(RoundAborted(SENDER, 1, "x"))
    broken = log | {"data": log["data"].replace("78" + "00" * 31, "ff" + "00" * 31)}
    record = events.decode_log("FederationLedger", broken)
    assert record == RoundAborted(SENDER, 1, "\N{REPLACEMENT CHARACTER}")
    made = log_entry.of_log(ANCHOR, broken, TIME)
    assert made.leaf() != log_entry.of_entry(ANCHOR, events.entry(record, broken, TIME)).leaf()


def test_a_record_too_long_for_an_entry_is_there_by_its_digest() -> None:
    log = raw(RoundAborted(SENDER, 1, "x" * 70_000))
    made = log_entry.of_log(ANCHOR, log, TIME)
    assert made.data_are_hashed
    assert len(made.encoded()) < 65_535
