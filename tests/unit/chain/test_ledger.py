"""What a receipt proves: the record that was sent, or nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chain.ledger import receipt_of
from chain.rpc.node import Node, NodeSettings
from fl.protocol.errors import ContractRefused, RecordForged
from fl.protocol.names import Address, Digest, Refusal
from fl.protocol.ports import Anchor
from fl.protocol.records import DecryptionApproved, DecryptionRefused, Record
from tests.support.chain_logs import encode_log

NODE = Node(NodeSettings("http://127.0.0.1:1"))
ANCHOR = Anchor(bytes(32), 1, Address(b"\x03" * 20), Address(b"\x06" * 20))
SENT = DecryptionApproved(Address(b"\x01" * 20), 7, Digest(b"\x02" * 32))
PLACE = {
    "address": "0x" + "03" * 20,
    "blockNumber": "0x5",
    "logIndex": "0x0",
    "blockHash": "0x" + "04" * 32,
    "transactionHash": "0x" + "05" * 32,
    "blockTimestamp": "0x6",
}


def receipt(record: Record) -> dict[str, Any]:
    return {"logs": [PLACE | encode_log(record)], "gasUsed": 9}


def test_the_record_that_was_sent_comes_with_its_place() -> None:
    found = receipt_of(NODE, ANCHOR, SENT, receipt(SENT))
    assert (found.entry.record, found.entry.position.block, found.entry.timestamp, found.gas_used) == (SENT, 5, 6, 9)


@pytest.mark.parametrize("change", [{"sender": Address(b"\x09" * 20)}, {"request": 8}, {"digest": Digest(bytes(32))}])
def test_another_record_than_was_sent_is_forged(change: dict[str, Any]) -> None:
    with pytest.raises(RecordForged, match="another record than the one sent"):
        receipt_of(NODE, ANCHOR, SENT, receipt(replace(SENT, **change)))


def test_a_record_of_another_kind_is_none() -> None:
    with pytest.raises(ContractRefused, match="no DecryptionApproved"):
        receipt_of(NODE, ANCHOR, SENT, receipt(DecryptionRefused(SENT.sender, 7, Refusal(1))))
