"""Nodes as they are: small ranges, no batches, pauses, lag; and nodes that answer in any shape."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from web3 import Web3

from chain import log_ranges as logs_module
from chain.contracts import artifacts
from chain.deploy import deploy
from chain.embedded.chain import DevChain, DevChainSettings
from chain.embedded.rpc_server import RpcServer
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.http import Provider
from chain.rpc.node import NEWS, Node, NodeRefusal, NodeSettings, connect
from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import TransactionSettings
from fl.protocol.errors import (
    AccountEmpty,
    ChainReorg,
    ChainUnavailable,
    FeeDemanded,
    HemaledgerError,
    NameTaken,
    RecordForged,
)
from fl.protocol.names import Role
from fl.protocol.records import MemberRegistered

PROJECT = Path(__file__).resolve().parents[2]
KEY = AccountKey(b"\x07" * 32)
MEMBERS = 40
Handler = Callable[[str, list[Any]], Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerSettings]:
    with DevChain(DevChainSettings(PROJECT, tmp_path_factory.mktemp("chain"), lambda: 1_800_000_000, port=0)) as chain:
        node = NodeSettings(chain.url)
        found = LedgerSettings(node, deploy(node, TransactionSettings(), KEY, bytes(32)))
        ledger = EthereumLedger(found, KEY)
        for number in range(MEMBERS):
            ledger.append(member(f"H{number}"))
        yield found


def member(name: str) -> MemberRegistered:
    return MemberRegistered(KEY.address, generate().address, Role.HOSPITAL, name)


@contextmanager
def served(handler: Handler, place: LedgerSettings, timeout_s: float = 10.0) -> Iterator[LedgerSettings]:
    server = RpcServer("127.0.0.1", 0, handler)
    server.start()
    try:
        yield replace(place, node=NodeSettings(f"http://127.0.0.1:{server.port}", timeout_s=timeout_s))
    finally:
        server.stop()


def foreign(place: LedgerSettings) -> Handler:
    """Return a node that knows Ethereum's methods only."""
    behind = connect(place.node)

    def handle(method: str, params: list[Any]) -> Any:
        if method == NEWS:
            raise NodeRefusal({"code": -32601, "message": "the method does not exist"})
        return behind.attempt(method, *params)

    return handle


def names(ledger: EthereumLedger) -> list[str]:
    return [entry.record.member_name for entry in ledger.replay() if isinstance(entry.record, MemberRegistered)]


@pytest.mark.parametrize("most", [1, 3, 7])
@pytest.mark.parametrize(
    "refusal",
    [
        {"code": -32005, "message": "query returned more than 10000 results"},
        {"code": -32600, "message": "Under the Free tier plan, you can make eth_getLogs requests with up to 10 block"},
        {"code": -32602, "message": "block range too large"},
        {"code": -32000, "message": "exceed maximum block range: 50"},
        {"code": 35, "message": ""},
    ],
)
def test_a_node_that_serves_few_blocks_at_a_time_is_read_whole(
    place: LedgerSettings, most: int, refusal: dict[str, Any]
) -> None:
    honest, refused = foreign(place), []

    def handle(method: str, params: list[Any]) -> Any:
        if method == "eth_getLogs" and "fromBlock" in params[0]:
            first, last = (int(params[0][name], 16) for name in ("fromBlock", "toBlock"))
            if last - first + 1 > most:
                refused.append(last)
                raise NodeRefusal(refusal)
        return honest(method, params)

    with served(handle, place) as narrow:
        assert names(EthereumLedger(narrow)) == names(EthereumLedger(place))
    assert refused


def test_a_node_that_refuses_one_block_is_unavailable_with_its_own_words(place: LedgerSettings) -> None:
    honest = foreign(place)

    def handle(method: str, params: list[Any]) -> Any:
        if method == "eth_getLogs":
            raise NodeRefusal({"code": -32601, "message": "eth_getLogs is not part of your plan"})
        return honest(method, params)

    with served(handle, place, 1.0) as closed, pytest.raises(ChainUnavailable, match="not part of your plan"):
        EthereumLedger(closed).replay()


def test_a_range_grows_again(place: LedgerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_module, "CALM", 1)
    honest, asked = foreign(place), []

    def handle(method: str, params: list[Any]) -> Any:
        if method == "eth_getLogs" and "fromBlock" in params[0]:
            asked.append(int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1)
            if len(asked) < 8 and asked[-1] > 1:
                raise NodeRefusal({"code": -32005, "message": "block range too large"})
        return honest(method, params)

    with served(handle, place) as narrow:
        EthereumLedger(narrow).replay()
    assert max(asked[asked.index(1) :]) > 1


def test_a_node_that_wants_pauses_gets_them(place: LedgerSettings) -> None:
    honest, calls = foreign(place), []

    def handle(method: str, params: list[Any]) -> Any:
        calls.append(method)
        if len(calls) % 5 == 0:
            raise NodeRefusal({"code": 429, "message": "Too Many Requests"})
        return honest(method, params)

    with served(handle, place) as busy:
        assert names(EthereumLedger(busy)) == names(EthereumLedger(place))


def test_a_node_that_wants_pauses_for_ever_is_unavailable(place: LedgerSettings) -> None:
    def handle(_method: str, _params: list[Any]) -> Any:
        raise NodeRefusal({"code": -32005, "message": "daily request limit exceeded"})

    with served(handle, place, 1.0) as busy, pytest.raises(ChainUnavailable, match="daily request limit"):
        EthereumLedger(busy)


def test_a_node_without_batches_gets_single_requests(place: LedgerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain.embedded.rpc_server.MAX_BATCH", 0)
    with served(foreign(place), place) as single:
        ledger = EthereumLedger(single, KEY)
        receipt = ledger.append(member("single"))
        assert ledger.replay()[-1] == receipt.entry


def test_a_node_that_lags_now_and_then_is_asked_again(place: LedgerSettings) -> None:
    honest, asked = foreign(place), 0

    def handle(method: str, params: list[Any]) -> Any:
        nonlocal asked
        if method in ("eth_getBlockByNumber", "eth_blockNumber") or (
            method == "eth_getLogs" and "blockHash" in params[0]
        ):
            asked += 1
            if asked % 3 == 0:
                if method == "eth_getLogs":
                    raise NodeRefusal({"code": -32000, "message": "unknown block"})
                return None if method == "eth_getBlockByNumber" else hex(int(honest(method, params), 16) - 3)
        return honest(method, params)

    with served(handle, place) as lagging:
        ledger = EthereumLedger(lagging)
        ledger.replay()
        EthereumLedger(place, KEY).append(member("late"))
        for _ in range(4):  # a head that went back shows nothing new, and takes nothing away
            known = names(ledger)
        assert known == names(EthereumLedger(place))


def test_a_block_that_stays_away_is_no_reorg_and_another_hash_is(place: LedgerSettings) -> None:
    honest = foreign(place)
    change: Callable[[dict[str, Any]], Any] = lambda block: block  # noqa: E731 - replaced below

    def handle(method: str, params: list[Any]) -> Any:
        answer = honest(method, params)
        return change(answer) if method == "eth_getBlockByNumber" and answer else answer

    with served(handle, place, 0.5) as odd:
        ledger = EthereumLedger(odd)
        ledger.replay()
        change = lambda _block: None  # noqa: E731 - as above
        with pytest.raises(ChainUnavailable, match="does not have block"):
            ledger.replay()
        change = lambda block: {**block, "hash": "0x" + "ab" * 32}  # noqa: E731 - as above
        with pytest.raises(ChainReorg):
            ledger.replay()


@pytest.mark.parametrize(
    ("message", "free", "leaf", "says"),
    [
        ("transaction underpriced: tip needed 1, tip permitted 0", True, FeeDemanded, "--paid-gas"),
        ("max fee per gas less than block base fee: maxFeePerGas: 0, baseFee: 7", True, FeeDemanded, "--paid-gas"),
        ("FeeTooLow, Gas price too low", True, FeeDemanded, "free_gas to false"),
        ("insufficient funds for gas * price + value: balance 0", False, AccountEmpty, "0x" + KEY.address.hex()),
        ("Sender doesn't have enough funds to send tx. The max upfront cost is: 5", False, AccountEmpty, "wei or more"),
    ],
)
def test_fees_and_empty_accounts_say_what_to_do(
    place: LedgerSettings, message: str, free: bool, leaf: type[HemaledgerError], says: str
) -> None:
    honest = foreign(place)

    def handle(method: str, params: list[Any]) -> Any:
        if method == "eth_sendRawTransaction":
            raise NodeRefusal({"code": -32000, "message": message})
        return honest(method, params)

    with served(handle, place) as paid:
        ledger = EthereumLedger(replace(paid, transactions=TransactionSettings(free_gas=free)), KEY)
        with pytest.raises(leaf) as refusal:
            ledger.append(member("poor"))
    assert says in str(refusal.value)
    assert "No Ethereum node answers" not in str(refusal.value)


MISSING = "a field that is missing"
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, -1, 0, 2**70, 1.5, [], {}, ["x"], ["a", "b"], {"a": 1}, [None], [[]], MISSING),
        *("", "x", "12", "latest", "0x", "0xz", "0x0", "0x1", "0x" + "f" * 65, "0x" + "0" * 63, "0x" + "ab" * 32),
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, part in inner for found in places(part, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    whole = copy.deepcopy(value)
    spot = whole
    for key in path[:-1]:
        spot = spot[key]
    if odd == MISSING and isinstance(spot, dict):
        del spot[path[-1]]
    else:
        spot[path[-1]] = odd
    return whole


@hypothesis_settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_shape_of_an_answer_is_one_of_our_errors(place: LedgerSettings, data: st.DataObject) -> None:
    behind, strange, tells = connect(place.node), data.draw(st.integers(0, 25)), data.draw(st.booleans())
    pick, value, count = data.draw(st.integers(0, 2**16)), data.draw(ODD), 0

    def handle(method: str, params: list[Any]) -> Any:
        nonlocal count
        if method == NEWS and not tells:
            raise NodeRefusal({"code": -32601, "message": "the method does not exist"})
        answer = behind.attempt(method, *params)
        count += 1
        if count - 1 != strange:
            return answer
        found = places(answer)
        return changed(answer, found[pick % len(found)], value)

    with served(handle, place, 0.3) as odd:
        try:
            ledger = EthereumLedger(replace(odd, transactions=TransactionSettings(timeout_s=0.3)), KEY)
            ledger.replay()
            ledger.append(member("odd"))
            ledger.replay()
        except HemaledgerError:
            return


@pytest.mark.parametrize("odd", ["x", ["a", "b"], 5, None, {"a": 1}, [None], [[]], [{}]])
def test_logs_of_another_shape_are_unavailable(place: LedgerSettings, odd: Any) -> None:
    honest = foreign(place)

    def strange_logs(method: str, params: list[Any]) -> Any:
        return odd if method == "eth_getLogs" else honest(method, params)

    with (
        served(strange_logs, place, 0.5) as strange,
        pytest.raises(ChainUnavailable),
    ):
        EthereumLedger(strange).replay()


def test_logs_that_do_not_fit_the_contracts_are_unavailable(place: LedgerSettings) -> None:
    honest = foreign(place)

    def handle(method: str, params: list[Any]) -> Any:
        answer = honest(method, params)
        return [{**log, "data": "0x"} for log in answer] if method == "eth_getLogs" else answer

    with served(handle, place) as short, pytest.raises((ChainUnavailable, RecordForged)):
        EthereumLedger(short).replay()


def test_the_url_of_no_node_is_unavailable() -> None:
    with pytest.raises(ChainUnavailable, match="not a URL"):
        Node(NodeSettings("ftp://127.0.0.1")).check_chain()


def test_a_ledger_behind_a_key_in_the_url_is_read_and_written_by_web3(place: LedgerSettings) -> None:
    remote = replace(place, node=NodeSettings(place.node.url + "/?key=1"))
    ledger = EthereumLedger(remote, KEY)
    receipt = ledger.append(member("remote"))
    assert ledger.replay()[-1] == receipt.entry
    assert ledger.replay() == EthereumLedger(place).replay()
    with pytest.raises(NameTaken):
        ledger.append(member("remote"))


def test_web3_reads_our_contracts_as_we_do(place: LedgerSettings) -> None:
    web3 = Web3(Provider(place.node.url, trust_env=False))
    abi = [dict(item) for item in artifacts.load("KeyAuthority").abi]
    contract = web3.eth.contract(web3.to_checksum_address("0x" + place.anchor.authority.hex()), abi=abi)
    assert contract.functions.consortium().call() == place.anchor.consortium
    found = [event["args"]["memberName"] for event in contract.events.MemberRegistered().get_logs(from_block=0)]
    assert found == names(EthereumLedger(place))
