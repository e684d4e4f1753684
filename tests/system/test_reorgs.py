"""Blocks that are replaced: what is followed, and what is said.

A node in front of the embedded chain shows some of its blocks under other hashes, as after a reorg that includes the
same transactions again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from chain.deploy import deploy
from chain.embedded.chain import DevChain, DevChainSettings
from chain.embedded.rpc_server import RpcServer
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import HEADER_ONLY, NEWS, Node, NodeRefusal, NodeSettings, connect
from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import Sender, TransactionSettings
from fl.failures import FATAL
from fl.protocol.errors import ChainReorg
from fl.protocol.names import Role
from fl.protocol.records import MemberRegistered
from fl.replay.ledger_view import LedgerView
from scripts.wiring.home import Deployment, Home
from scripts.wiring.roles import create_member, register_key
from tests.support.processes import Process, until

PROJECT = Path(__file__).resolve().parents[2]
KEY = AccountKey(b"\x07" * 32)
NO_CODE = bytes.fromhex("00")
"""Creates a contract without code."""


@dataclass
class Fork:
    """Shows blocks from `first` on under other hashes."""

    behind: Node
    first: int = 2**63
    tells: bool = False
    """Whether it knows hemaledger_news."""

    def __call__(self, method: str, params: list[Any]) -> Any:
        if method == NEWS and not self.tells:
            raise NodeRefusal({"code": -32601, "message": "the method does not exist"})
        if method == "eth_getLogs" and "blockHash" in params[0]:
            params = [{**params[0], "blockHash": self._other(params[0]["blockHash"], self._number(params[0]))}]
        return self._shown(self.behind.attempt(method, *params))

    def _number(self, where: dict[str, Any]) -> int:
        """Return the number of the block of that hash, under either name."""
        for name in (where["blockHash"], _turned(where["blockHash"])):
            found = self.behind.attempt("eth_getBlockByHash", name, HEADER_ONLY)
            if found is not None:
                return int(found["number"], 16)
        raise NodeRefusal({"message": "unknown block"})

    def _other(self, name: str, number: int) -> str:
        return _turned(name) if number >= self.first else name

    def _shown(self, value: Any) -> Any:
        """Return an answer with the hashes of this fork, in blocks, logs and receipts."""
        if isinstance(value, list):
            return [self._shown(each) for each in value]
        if not isinstance(value, dict):
            return value
        shown = {name: self._shown(each) for name, each in value.items()}
        if "blockHash" in value:
            shown["blockHash"] = self._other(value["blockHash"], int(value["blockNumber"], 16))
        elif "hash" in value and "number" in value:
            shown["hash"] = self._other(value["hash"], int(value["number"], 16))
        return shown


def _turned(name: str) -> str:
    return "0x" + bytes(255 - each for each in bytes.fromhex(name[2:])).hex()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerSettings]:
    with DevChain(DevChainSettings(PROJECT, tmp_path_factory.mktemp("chain"), lambda: 1_800_000_000, port=0)) as chain:
        node = NodeSettings(chain.url)
        yield LedgerSettings(node, deploy(node, TransactionSettings(), KEY, bytes(32)))


@contextmanager
def forked(place: LedgerSettings, *, tells: bool = False, confirmations: int = 1) -> Iterator[tuple[Fork, LedgerView]]:
    fork = Fork(connect(place.node), tells=tells)
    server = RpcServer("127.0.0.1", 0, fork)
    server.start()
    try:
        node = NodeSettings(f"http://127.0.0.1:{server.port}", timeout_s=2.0)
        settings = replace(place, node=node, transactions=TransactionSettings(confirmations=confirmations))
        yield fork, LedgerView(EthereumLedger(settings))
    finally:
        server.stop()


def append(place: LedgerSettings) -> int:
    """Append a record and return its block."""
    member = generate().address
    record = MemberRegistered(KEY.address, member, Role.HOSPITAL, "0x" + member.hex())
    return EthereumLedger(place, KEY).append(record).entry.position.block


def pass_by(place: LedgerSettings) -> int:
    """Make a block without a record and return its number."""
    sender = Sender(connect(place.node), place.anchor.chain_id, KEY, TransactionSettings())
    return int(sender.send(None, NO_CODE)["blockNumber"], 16)


def agrees(view: LedgerView, place: LedgerSettings) -> bool:
    """Return whether the view knows the members that the chain has now."""
    return dict(view.refresh().book.members) == dict(LedgerView(EthereumLedger(place)).refresh().book.members)


@pytest.mark.parametrize("tells", [True, False])
def test_blocks_without_records_may_be_replaced(place: LedgerSettings, *, tells: bool) -> None:
    with forked(place, tells=tells) as (fork, view):
        append(place)
        first = pass_by(place)
        pass_by(place)
        view.refresh()
        fork.first = first
        assert agrees(view, place)
        append(place)
        assert agrees(view, place)
        positions = [entry.position for entry in view.ledger.replay()]
        assert positions == sorted(set(positions))


@pytest.mark.parametrize("depth", [1, 2])
def test_a_reorg_of_fewer_blocks_than_the_confirmations_is_followed(place: LedgerSettings, depth: int) -> None:
    with forked(place, confirmations=3) as (fork, view):
        newest = [append(place) for _ in range(4)][-1]
        view.refresh()
        known = view.federation.position
        fork.first = newest - depth + 1
        append(place)
        append(place)
        view.refresh()
        assert known is not None
        assert view.federation.position is not None
        assert view.federation.position.block == newest > known.block
        hashes = [entry.block_hash for entry in view.ledger.replay() if entry.position.block >= fork.first]
        real = [
            entry.block_hash for entry in EthereumLedger(place).replay() if fork.first <= entry.position.block <= newest
        ]
        assert hashes == [bytes(255 - each for each in name) for name in real]


@pytest.mark.parametrize("tells", [True, False])
def test_a_record_that_was_acted_on_and_is_gone_is_said_with_what_to_do(place: LedgerSettings, *, tells: bool) -> None:
    with forked(place, tells=tells) as (fork, view):
        gone = append(place)
        pass_by(place)
        view.refresh()
        fork.first = gone
        with pytest.raises(ChainReorg, match="--confirmations") as reorg:
            view.refresh()
        assert reorg.value.block == gone
        assert isinstance(reorg.value, FATAL)


def test_a_reorg_deeper_than_the_confirmations_is_said_too(place: LedgerSettings) -> None:
    with forked(place, confirmations=2) as (fork, view):
        gone = append(place)
        append(place)
        view.refresh()
        fork.first = gone
        with pytest.raises(ChainReorg) as reorg:
            view.refresh()
        assert reorg.value.block == gone


def test_a_running_agent_goes_on_when_all_records_are_back(place: LedgerSettings, tmp_path: Path) -> None:
    fork, calls = Fork(connect(place.node)), list[str]()

    def handle(method: str, params: list[Any]) -> Any:
        calls.append(method)
        return fork(method, params)

    server = RpcServer("127.0.0.1", 0, handle)
    server.start()
    home = Home(tmp_path)
    home.member("alpha").create_password()
    home.save(Deployment(f"http://127.0.0.1:{server.port}", place.anchor, free_gas=True))
    try:
        alpha = create_member(home, "alpha", Role.HOSPITAL)
        EthereumLedger(place, KEY).append(MemberRegistered(KEY.address, alpha, Role.HOSPITAL, "alpha"))
        register_key(home, "alpha")
        agent = Process("hospital", "run", "--name", "alpha", "--uploads-only", "--home", str(tmp_path))
        agent.wait_for("alpha: ready")
        calls.clear()
        until("the agent's second look", lambda: "eth_blockNumber" in calls[_first(calls, "eth_getLogs") :])
        fork.first = EthereumLedger(place).replay()[-1].position.block
        agent.wait_for("the chain took back records")
        agent.wait_for("alpha: all records are back")
        assert agent.stop() == 0, agent.output
    finally:
        server.stop()


def _first(calls: list[str], method: str) -> int:
    return calls.index(method) if method in calls else len(calls)


def test_a_transaction_that_a_reorg_took_out_of_its_block_is_offered_again(place: LedgerSettings) -> None:
    behind, offered, asked = connect(place.node), 0, 0

    def handle(method: str, params: list[Any]) -> Any:
        nonlocal offered, asked
        if method == "eth_sendRawTransaction":
            offered += 1
        if method == "eth_getTransactionReceipt":
            asked += 1
            if asked == 2:
                return None
            pass_by(place)
        return behind.attempt(method, *params)

    server = RpcServer("127.0.0.1", 0, handle)
    server.start()
    try:
        patient = TransactionSettings(confirmations=4, timeout_s=20.0)
        settings = replace(place, node=NodeSettings(f"http://127.0.0.1:{server.port}"), transactions=patient)
        before = len(EthereumLedger(place).replay())
        append(settings)
    finally:
        server.stop()
    assert offered == 2
    assert len(EthereumLedger(place).replay()) == before + 1
