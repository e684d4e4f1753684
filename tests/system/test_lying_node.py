"""A node that lies about who did what: records are their senders', or they are refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chain.contracts import events
from chain.deploy import deploy
from chain.embedded.chain import DevChain, DevChainSettings
from chain.embedded.rpc_server import RpcServer
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import NEWS, NodeRefusal, NodeSettings, connect
from chain.rpc.shapes import RAW
from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import Sender, TransactionSettings
from fl.protocol.errors import RecordForged
from fl.protocol.names import Role
from fl.protocol.records import MemberRegistered, MemberRevoked
from tests.support.chain_logs import encode_log

PROJECT = Path(__file__).resolve().parents[2]
KEY = AccountKey(b"\x06" * 32)
Log = dict[str, Any]
Change = Callable[[Log], Log]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerSettings]:
    with DevChain(DevChainSettings(PROJECT, tmp_path_factory.mktemp("chain"), lambda: 1_800_000_000, port=0)) as chain:
        node = NodeSettings(chain.url)
        yield LedgerSettings(node, deploy(node, TransactionSettings(), KEY, bytes(32)))


def member() -> MemberRegistered:
    account = generate().address
    return MemberRegistered(KEY.address, account, Role.HOSPITAL, account.hex())


@contextmanager
def liar(settings: LedgerSettings, change: Change, *, tells: bool) -> Iterator[LedgerSettings]:
    """Serve the chain with every log of a member changed; `tells` of news with the transactions, or as any node."""
    behind = connect(settings.node)

    def handle(method: str, params: list[Any]) -> Any:
        if method == NEWS and not tells:
            raise NodeRefusal({"code": -32601, "message": "the method does not exist"})
        answer = behind.attempt(method, *params)
        if method == NEWS:
            return {**answer, "logs": [change(log) for log in answer["logs"]]}
        return [change(log) for log in answer] if method == "eth_getLogs" and not tells else answer

    server = RpcServer("127.0.0.1", 0, handle)
    server.start()
    try:
        yield replace(settings, node=NodeSettings(f"http://127.0.0.1:{server.port}"))
    finally:
        server.stop()


def another_role(log: dict[str, Any]) -> dict[str, Any]:
    record = events.decode_log("KeyAuthority", log)
    return {**log, **encode_log(replace(record, role=Role.AUDITOR))} if isinstance(record, MemberRegistered) else log


def another_kind(log: dict[str, Any]) -> dict[str, Any]:
    record = events.decode_log("KeyAuthority", log)
    if not isinstance(record, MemberRegistered):
        return log
    return {**log, **encode_log(MemberRevoked(KEY.address, record.member, "it was bad"))}


def another_sender(log: dict[str, Any]) -> dict[str, Any]:
    record = events.decode_log("KeyAuthority", log)
    if not isinstance(record, MemberRegistered):
        return log
    return {**log, **encode_log(replace(record, sender=generate().address))}


def another_transaction(log: dict[str, Any]) -> dict[str, Any]:
    """As if a call to this contract by somebody else had made it."""
    if not isinstance(events.decode_log("KeyAuthority", log), MemberRegistered):
        return log
    fees = {"gas": 2**24, "value": 0, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
    call = {"chainId": 31337, "nonce": 0, "to": bytes.fromhex(log["address"][2:]), "data": b"", **fees}
    raw, tx_hash = generate().sign(call)
    return {**log, "transactionHash": "0x" + tx_hash.hex(), RAW: "0x" + raw.hex()}


def test_a_transaction_makes_its_record_once(settings: LedgerSettings) -> None:
    ledger = EthereumLedger(settings)
    ledger.replay()
    EthereumLedger(settings, KEY).append(member())
    behind = connect(settings.node)
    reported: list[Log] = []

    def handle(method: str, params: list[Any]) -> Any:
        """As if the same transaction had made its record in a later block once more."""
        answer = behind.attempt(method, *params)
        if method != "eth_getLogs" or not answer:
            return answer
        reported.extend(answer)
        place = {name: answer[-1][name] for name in ("blockNumber", "blockHash")}
        return [*answer, {**reported[0], **place, "logIndex": "0xff"}]

    server = RpcServer("127.0.0.1", 0, handle)
    server.start()
    try:
        with pytest.raises(RecordForged, match="showed its transaction before"):
            EthereumLedger(replace(settings, node=NodeSettings(f"http://127.0.0.1:{server.port}"))).replay()
    finally:
        server.stop()


@pytest.mark.parametrize("change", [another_role, another_kind, another_sender, another_transaction])
@pytest.mark.parametrize("tells", [True, False])
def test_a_record_that_its_sender_did_not_sign_is_refused(
    settings: LedgerSettings, change: Change, *, tells: bool
) -> None:
    with liar(settings, change, tells=tells) as lying:
        ledger = EthereumLedger(lying)
        if tells:
            ledger.replay()  # its lies are in what it tells later
        EthereumLedger(settings, KEY).append(member())
        with pytest.raises(RecordForged):
            ledger.replay()


def test_an_honest_node_that_knows_no_news_is_believed(settings: LedgerSettings) -> None:
    with liar(settings, lambda log: log, tells=False) as honest:
        assert list(EthereumLedger(honest).replay()) == list(EthereumLedger(settings).replay())


@pytest.mark.parametrize("reason", ["plain", "\udcff\udcfe odd"])
def test_a_call_that_no_encoder_makes_stops_nobody(settings: LedgerSettings, reason: str) -> None:
    """The contract takes tails anywhere and any bytes as a reason; what it takes, everybody must be able to read."""
    registered = member()
    EthereumLedger(settings, KEY).append(registered)
    record = MemberRevoked(KEY.address, registered.member, "x" * 40)
    data = events.encode_call(record)
    head, tail = data[: 4 + 2 * 32], data[4 + 2 * 32 :]
    raw = reason.encode("utf-8", "surrogateescape").ljust(40, b"_")
    odd = head[:-32] + (3 * 32).to_bytes(32, "big") + bytes(32) + tail.replace(b"x" * 40, raw) + b"nobody reads this"
    sender = Sender(connect(settings.node), settings.anchor.chain_id, KEY, TransactionSettings())
    sender.send(settings.anchor.authority, odd)
    newest = EthereumLedger(settings).replay()[-1].record
    assert newest == replace(record, reason=raw.decode("utf-8", "replace"))
