"""EthereumLedger where the world does not play along: wrong, reset, dead or foreign chains; several processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from chain.contracts.discovery import discover
from chain.deploy import deploy, deploy_successor, hand_over
from chain.embedded.chain import DevChain, DevChainSettings
from chain.embedded.rpc_server import RpcServer
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import NEWS, NodeRefusal, NodeSettings, connect
from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import TransactionSettings
from fl.protocol.errors import (
    AccountEmpty,
    ChainReorg,
    ChainUnavailable,
    PredecessorMismatch,
    SettingInvalid,
    TransactionTimeout,
    WrongChain,
)
from fl.protocol.names import NO_ADDRESS, Address, Digest, Role
from fl.protocol.ports import Anchor
from fl.protocol.records import FederationOpened, LedgerHandedOver, MemberRegistered

PROJECT = Path(__file__).resolve().parents[2]
KEY = AccountKey(b"\x06" * 32)
COORDINATOR = AccountKey(b"\x07" * 32)
T0 = 1_800_000_000


def start(folder: Path, port: int = 0) -> DevChain:
    return DevChain(DevChainSettings(PROJECT, folder, lambda: T0, port=port))


def found(url: str, consortium: bytes = bytes(32)) -> LedgerSettings:
    anchor = deploy(NodeSettings(url), TransactionSettings(), KEY, consortium)
    return LedgerSettings(NodeSettings(url), anchor)


def member(name: str = "") -> MemberRegistered:
    account = generate().address
    return MemberRegistered(KEY.address, account, Role.HOSPITAL, name or account.hex())


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevChain]:
    with start(tmp_path_factory.mktemp("chain")) as running:
        yield running


@pytest.fixture
def settings(chain: DevChain) -> LedgerSettings:
    return found(chain.url)


def with_anchor(settings: LedgerSettings, **changes: object) -> LedgerSettings:
    return replace(settings, anchor=replace(settings.anchor, **changes))  # type: ignore[arg-type]


def test_a_dead_chain_is_unavailable_and_the_sentence_says_what_to_do(settings: LedgerSettings) -> None:
    dead = replace(settings, node=NodeSettings("http://127.0.0.1:9"))
    with pytest.raises(ChainUnavailable, match=r"http://127\.0\.0\.1:9 .*Start the chain, or check the RPC URL"):
        EthereumLedger(dead)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"chain_id": 1}, "chain id is 31337, not 1"),
        ({"authority": Address(b"\1" * 20)}, "no key authority"),
        ({"contract": Address(b"\1" * 20)}, "no ledger"),
        ({"consortium": b"\1" * 32}, "another consortium"),
    ],
)
def test_a_chain_of_somebody_else_is_the_wrong_chain(
    settings: LedgerSettings, changes: dict[str, object], why: str
) -> None:
    with pytest.raises(WrongChain, match=why):
        EthereumLedger(with_anchor(settings, **changes))


def test_contracts_that_are_something_else_are_the_wrong_chain(settings: LedgerSettings) -> None:
    swapped = with_anchor(settings, authority=settings.anchor.contract, contract=settings.anchor.authority)
    with pytest.raises(WrongChain, match="not a Hemaledger contract"):
        EthereumLedger(swapped)


def test_a_ledger_of_another_authority_is_the_wrong_chain(settings: LedgerSettings, chain: DevChain) -> None:
    other = found(chain.url).anchor
    with pytest.raises(WrongChain, match="another key authority"):
        EthereumLedger(with_anchor(settings, contract=other.contract))


def test_the_addresses_alone_give_the_anchor(settings: LedgerSettings) -> None:
    anchor = settings.anchor
    assert discover(NodeSettings(settings.node.url), anchor.authority, anchor.contract) == anchor


def test_a_ledger_without_a_key_reads_only(settings: LedgerSettings) -> None:
    reader = EthereumLedger(settings)
    assert reader.account == NO_ADDRESS
    assert len(reader.replay()) == 1
    with pytest.raises(SettingInvalid, match="read-only"):
        reader.append(member())


def test_a_chain_that_stops_and_comes_back_is_used_again(tmp_path: Path) -> None:
    with start(tmp_path) as first:
        ledger = EthereumLedger(found(first.url), KEY)
        ledger.append(member())
        port = int(first.url.rsplit(":", 1)[1])
    with pytest.raises(ChainUnavailable):
        ledger.append(member())
    with pytest.raises(ChainUnavailable):
        ledger.replay()
    with start(tmp_path, port):
        ledger.append(member())
        assert len(ledger.replay()) == 3


def test_a_reset_chain_is_noticed_by_who_read_the_old_one(tmp_path: Path) -> None:
    with start(tmp_path / "a") as first:
        settings = found(first.url)
        ledger = EthereumLedger(settings, KEY)
        ledger.append(member())
        ledger.replay()
        port = int(first.url.rsplit(":", 1)[1])
    with start(tmp_path / "b", port) as second:
        with pytest.raises(WrongChain, match="reset"):
            ledger.replay()
        again = found(second.url, b"\2" * 32).anchor
        assert (again.authority, again.contract) == (settings.anchor.authority, settings.anchor.contract)
        with pytest.raises(WrongChain, match="another consortium"):
            ledger.replay()


def test_a_history_that_changed_is_a_reorg(tmp_path: Path) -> None:
    """The same consortium with another transaction in the block that was read."""
    with start(tmp_path / "a") as first:
        settings = found(first.url)
        ledger = EthereumLedger(settings, KEY)
        ledger.append(member("one"))
        read = ledger.replay()[-1].position
        port = int(first.url.rsplit(":", 1)[1])
    with start(tmp_path / "b", port) as second:
        assert found(second.url).anchor == settings.anchor
        EthereumLedger(settings, KEY).append(member("two"))
        with pytest.raises(ChainReorg) as reorg:
            ledger.replay()
        assert reorg.value.block == read.block


def test_a_shorter_history_is_a_reorg(tmp_path: Path) -> None:
    with start(tmp_path / "a") as first:
        ledger = EthereumLedger(found(first.url), KEY)
        ledger.append(member())
        ledger.replay()
        port = int(first.url.rsplit(":", 1)[1])
    with start(tmp_path / "b", port) as second:
        found(second.url)
        with pytest.raises(ChainReorg):
            ledger.replay()


def test_confirmations_hold_back_what_is_too_new(settings: LedgerSettings) -> None:
    patient = replace(settings, transactions=TransactionSettings(confirmations=3, timeout_s=20.0))
    reader, ledger = EthereumLedger(patient), EthereumLedger(settings, KEY)
    entries = [ledger.append(member()).entry for _ in range(4)]
    assert list(reader.replay())[1:] == entries[:2]
    hurried = EthereumLedger(replace(patient, transactions=TransactionSettings(confirmations=3, timeout_s=0.1)), KEY)
    with pytest.raises(TransactionTimeout):
        hurried.append(member())
    done = threading.Event()

    def send() -> None:
        EthereumLedger(patient, KEY).append(member("slow"))
        done.set()

    sender = threading.Thread(target=send)
    sender.start()
    while not done.wait(0.05):
        ledger.append(member())
    sender.join()
    assert "slow" in [getattr(entry.record, "member_name", "") for entry in reader.replay()]


@pytest.mark.parametrize("tells", [True, False])
def test_news_come_from_nodes_that_tell_of_them_and_from_others(
    chain: DevChain, settings: LedgerSettings, *, tells: bool
) -> None:
    def handle(method: str, params: list[Any]) -> Any:
        asked.append(method)
        if method == NEWS and not tells:
            raise NodeRefusal({"code": -32601, "message": "the method does not exist"})
        return behind.attempt(method, *params)

    asked: list[str] = []
    behind = connect(NodeSettings(chain.url))
    server = RpcServer("127.0.0.1", 0, handle)
    server.start()
    try:
        reader = EthereumLedger(replace(settings, node=NodeSettings(f"http://127.0.0.1:{server.port}")))
        ledger = EthereumLedger(settings, KEY)
        known = reader.replay()[-1].position
        assert not reader.wait(known, 0.01)
        entries = [ledger.append(member(name)).entry for name in ("one", "two")]
        assert reader.wait(known, 20.0)
        assert list(reader.replay(known)) == entries
        assert not reader.wait(entries[-1].position, 0.01)
        third = threading.Thread(target=ledger.append, args=(member("three"),))
        third.start()
        assert reader.wait(entries[-1].position, 20.0)
        third.join()
        assert list(reader.replay())[-3:-1] == entries
    finally:
        server.stop()
    assert asked.count(NEWS) > 1 if tells else asked.count(NEWS) == 1


def test_market_fees_are_paid_where_gas_costs(settings: LedgerSettings) -> None:
    """On this chain the market's price is zero, so the path is walked without funds."""
    paying = replace(settings, transactions=TransactionSettings(free_gas=False))
    with pytest.raises(AccountEmpty, match=f"0x{KEY.address.hex()} cannot pay"):
        EthereumLedger(paying, KEY).append(member())


PROCESS = """
import sys
from chain.contracts.discovery import discover
from chain.transactions.keystore import AccountKey, generate
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import NEWS, NodeRefusal, NodeSettings, connect
from chain.embedded.rpc_server import RpcServer
from fl.protocol.names import Role
from fl.protocol.records import MemberRegistered
node = NodeSettings(sys.argv[1])
anchor = discover(node, bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3]))
key = AccountKey(b"\\x06" * 32)
ledger = EthereumLedger(LedgerSettings(node, anchor), key)
for number in range(15):
    ledger.append(MemberRegistered(key.address, generate().address, Role.HOSPITAL, f"{sys.argv[4]}-{number}"))
"""


def test_several_processes_of_one_account_lose_nothing(settings: LedgerSettings) -> None:
    anchor = settings.anchor
    arguments = [settings.node.url, anchor.authority.hex(), anchor.contract.hex()]
    running = [subprocess.Popen([sys.executable, "-c", PROCESS, *arguments, name], cwd=PROJECT) for name in "abc"]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    names = [entry.record.member_name for entry in EthereumLedger(settings).replay()[1:]]  # type: ignore[union-attr]
    assert sorted(names) == sorted(f"{name}-{number}" for name in "abc" for number in range(15))


def opened(settings: LedgerSettings) -> EthereumLedger:
    operator = EthereumLedger(settings, KEY)
    operator.append(MemberRegistered(KEY.address, COORDINATOR.address, Role.COORDINATOR, "C"))
    model = Digest(b"\7" * 32)
    EthereumLedger(settings, COORDINATOR).append(
        FederationOpened(COORDINATOR.address, NO_ADDRESS, 0, model, Digest(bytes(32)), Digest(bytes(32)))
    )
    return operator


def test_a_hand_over_keeps_one_history(settings: LedgerSettings) -> None:
    before = list(opened(settings).replay())
    successor = deploy_successor(settings, KEY)
    hand_over(settings, KEY, successor)
    later = replace(settings, anchor=successor)
    first, model = settings.anchor.contract, Digest(b"\7" * 32)
    EthereumLedger(later, COORDINATOR).append(
        FederationOpened(COORDINATOR.address, first, 0, model, Digest(bytes(32)), Digest(bytes(32)))
    )
    history = list(EthereumLedger(later).replay())
    assert history[: len(before)] == before
    assert [type(entry.record) for entry in history[len(before) :]] == [LedgerHandedOver, FederationOpened]
    assert [entry.contract for entry in history[len(before) :]] == [first, successor.contract]


def test_nothing_is_handed_over_to_a_contract_that_does_not_succeed(settings: LedgerSettings) -> None:
    operator = opened(settings)
    stranger = deploy_successor(replace(settings, anchor=deploy_successor(settings, KEY)), KEY)
    with pytest.raises(PredecessorMismatch):
        hand_over(settings, KEY, stranger)
    with pytest.raises(WrongChain):
        hand_over(settings, KEY, replace(settings.anchor, contract=Address(b"\1" * 20)))
    operator.append(member())


class Impostor(BaseHTTPRequestHandler):
    """A web server that is no Ethereum node."""

    status, body = 200, b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"7"),
        (200, b"{}"),
        (200, b'{"id":1,"jsonrpc":"2.0","result":null}'),
        (200, b'{"id":1,"jsonrpc":"2.0","result":"zz"}'),
        (200, b'{"id":1,"jsonrpc":"2.0","result":[1]}'),
        (200, b'{"id":1,"jsonrpc":"2.0","error":"no"}'),
        (200, b'{"id":1,"jsonrpc":"2.0","error":{"code":-32601,"message":"method not found"}}'),
        (404, b"not found"),
        (503, b"busy"),
    ],
)
def test_what_is_no_node_is_unavailable(status: int, body: bytes) -> None:
    impostor = type("Impostor", (Impostor,), {"status": status, "body": body})
    with HTTPServer(("127.0.0.1", 0), impostor) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        anchor = Anchor(bytes(32), 31337, Address(b"\1" * 20), Address(b"\2" * 20))
        try:
            with pytest.raises(ChainUnavailable) as failure:
                EthereumLedger(LedgerSettings(NodeSettings(url, timeout_s=2.0), anchor))
        finally:
            server.shutdown()
            thread.join()
    assert failure.value.url == url
