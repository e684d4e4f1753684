"""Transactions that get stuck, lost, or interrupted, on a real chain whose blocks we make."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chain.deploy import deploy
from chain.embedded.intervals import IntervalChain, Network, interval_chain
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import NodeSettings
from chain.transactions import sent_list, waiting
from chain.transactions.fees import GWEI
from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import TransactionSettings
from chain.transactions.signed import of_raw
from fl.protocol.errors import BidAtLimit, FeeAboveLimit, TransactionTimeout
from fl.protocol.names import Role
from fl.protocol.records import MemberRegistered
from scripts.bench._front import Front, Reply, front

PROJECT = Path(__file__).resolve().parents[2]
KEY = AccountKey(b"\x07" * 32)
ETHER = 10**18


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IntervalChain, LedgerSettings]]:
    with interval_chain(PROJECT, tmp_path_factory.mktemp("chain"), Network(0.05)) as (chain, url):
        node = NodeSettings(url)
        chain.fund(KEY.address, 1000 * ETHER)
        yield chain, LedgerSettings(node, deploy(node, TransactionSettings(), KEY, bytes(32)))


@pytest.fixture
def chain(network: tuple[IntervalChain, LedgerSettings]) -> Iterator[IntervalChain]:
    network[0].base_fee = 0
    yield network[0]
    network[0].base_fee = 0


@pytest.fixture
def paying(network: tuple[IntervalChain, LedgerSettings], tmp_path: Path) -> LedgerSettings:
    return replace(network[1], transactions=TransactionSettings(free_gas=False, unfinished=tmp_path / "sending"))


def member() -> MemberRegistered:
    account = generate().address
    return MemberRegistered(KEY.address, account, Role.HOSPITAL, account.hex())


def times(settings: LedgerSettings, record: MemberRegistered) -> int:
    return [each.record for each in EthereumLedger(settings).replay()].count(record)


def count(chain: IntervalChain) -> int:
    return int(chain.node.request("eth_getTransactionCount", "0x" + KEY.address.hex(), "latest"), 16)


@pytest.fixture
def proxy(paying: LedgerSettings) -> Iterator[tuple[Front, LedgerSettings]]:
    with front(paying.node.url) as (made, url):
        yield made, replace(paying, node=NodeSettings(url, timeout_s=5.0))


def sent(requests: list[dict[str, Any]]) -> list[bytes]:
    return [bytes.fromhex(each["params"][0][2:]) for each in requests if each["method"] == "eth_sendRawTransaction"]


def test_a_stuck_transaction_is_replaced_with_the_same_nonce_and_an_eighth_more(
    chain: IntervalChain, proxy: tuple[Front, LedgerSettings]
) -> None:
    made, settings = proxy
    offered: list[bytes] = []

    def watch(requests: list[dict[str, Any]]) -> None:
        if found := sent(requests):
            offered.extend(found)
            if len(offered) == 1:
                chain.base_fee = 5 * GWEI  # far above the first bid from now on

    made.fault = watch
    record, before = member(), count(chain)
    EthereumLedger(settings, KEY).append(record)
    assert times(settings, record) == 1
    assert count(chain) == before + 1
    assert {of_raw(raw).nonce for raw in offered} == {before}
    assert len(set(offered)) > 1


def test_a_price_above_the_limit_waits_with_a_sentence(chain: IntervalChain, paying: LedgerSettings) -> None:
    limited = replace(paying, transactions=replace(paying.transactions, max_fee=2 * GWEI))
    chain.base_fee = 3 * GWEI
    chain.mine()
    with pytest.raises(FeeAboveLimit, match=r"asks [0-9.]+ gwei for gas, and the limit of this folder is 2 gwei"):
        EthereumLedger(limited, KEY).append(member())
    chain.base_fee = GWEI
    chain.mine()
    EthereumLedger(limited, KEY).append(member())


def test_without_a_limit_the_price_may_be_a_multiple_of_the_usual_one_and_no_more(
    chain: IntervalChain, paying: LedgerSettings
) -> None:
    chain.base_fee = 1000 * GWEI  # the blocks before cost a few gwei at most
    chain.mine()
    with pytest.raises(FeeAboveLimit, match=r"the limit of this folder is [0-9]+ gwei"):
        EthereumLedger(paying, KEY).append(member())


@pytest.mark.usefixtures("chain")
def test_bids_for_a_transaction_that_nobody_includes_end_with_a_sentence(
    proxy: tuple[Front, LedgerSettings],
) -> None:
    """The pool takes every bid, and no block has room."""
    made, settings = proxy
    offered: list[int] = []

    def without_room(requests: list[dict[str, Any]]) -> Reply | None:
        if not (found := sent(requests)):
            return None
        offered.extend(of_raw(raw).nonce for raw in found)
        results = ["0x" + of_raw(found[0]).hash.hex(), None]
        return Reply(200, [{"id": each["id"], "result": r} for each, r in zip(requests, results, strict=True)])

    made.fault = without_room
    made.changed = lambda asked, found: {} if asked["method"] == "eth_getTransactionByHash" else found
    how = replace(settings.transactions, timeout_s=8.0, tip=6 * GWEI, max_fee=8 * GWEI)
    with pytest.raises(BidAtLimit, match=r"although it bids [0-9.]+ gwei for gas. Bids above [0-9]+ gwei are not made"):
        EthereumLedger(replace(settings, transactions=how), KEY).append(member())
    assert len(set(offered)) == 1
    assert len(offered) > 2


def test_a_node_that_hides_a_receipt_makes_nobody_send_a_record_twice(
    chain: IntervalChain, proxy: tuple[Front, LedgerSettings], paying: LedgerSettings
) -> None:
    made, settings = proxy
    made.changed = lambda asked, found: None if asked["method"] == "eth_getTransactionReceipt" else found
    two = replace(settings, node=replace(settings.node, others=(paying.node.url,)))
    record, before = member(), count(chain)
    EthereumLedger(two, KEY).append(record)
    assert times(paying, record) == 1
    assert count(chain) == before + 1


@pytest.mark.parametrize("mined", [True, False])
def test_a_restart_in_the_middle_of_a_send_does_not_send_again(
    chain: IntervalChain, proxy: tuple[Front, LedgerSettings], *, mined: bool
) -> None:
    """The first process loses its node right after the transaction arrived; the second one finds it."""
    made, settings = proxy
    record, before = member(), count(chain)

    def swallow(requests: list[dict[str, Any]]) -> Reply | None:
        for raw in sent(requests):
            chain.handle("eth_sendRawTransaction", ["0x" + raw.hex()])
            if mined:
                chain.mine()
            made.fault = lambda _requests: Reply(0)
            return Reply(0)
        return None

    made.fault = swallow
    with pytest.raises(Exception, match="connection was refused or broke"):
        EthereumLedger(settings, KEY).append(record)
    made.fault = lambda _requests: None
    receipt = EthereumLedger(settings, KEY).append(record)
    assert receipt.entry.record == record
    assert count(chain) == before + 1
    assert times(settings, record) == 1
    assert [path.name for path in settings.transactions.unfinished.iterdir()] == [sent_list.NAME]  # type: ignore[union-attr]


def test_a_transaction_that_its_node_forgot_is_offered_again(proxy: tuple[Front, LedgerSettings]) -> None:
    made, settings = proxy
    offered: list[bytes] = []

    def swallow(requests: list[dict[str, Any]]) -> Reply | None:
        found = sent(requests)
        offered.extend(found)
        if found and len(offered) == 1:
            results = ["0x" + of_raw(found[0]).hash.hex(), None]
            return Reply(200, [{"id": each["id"], "result": r} for each, r in zip(requests, results, strict=True)])
        return None

    made.fault = swallow
    record = member()
    EthereumLedger(settings, KEY).append(record)
    assert len(set(offered)) == 1
    assert times(settings, record) == 1


def test_a_gap_that_a_lost_transaction_left_is_closed(
    chain: IntervalChain, proxy: tuple[Front, LedgerSettings]
) -> None:
    """The node counts a waiting transaction of another program, and then loses it."""
    made, settings = proxy
    before = count(chain)

    def one_more(asked: dict[str, Any], found: Any) -> Any:
        if asked["method"] == "eth_getTransactionCount" and asked["params"][1] == "pending":
            made.changed = lambda _asked, real: real
            return hex(int(found, 16) + 1)
        return found

    made.changed = one_more
    record = member()
    EthereumLedger(settings, KEY).append(record)
    assert times(settings, record) == 1
    assert count(chain) == before + 2


def test_a_network_without_fees_of_eip_1559_gets_old_transactions(proxy: tuple[Front, LedgerSettings]) -> None:
    made, settings = proxy
    kinds: list[int] = []

    def old(requests: list[dict[str, Any]]) -> Reply | None:
        kinds.extend(raw[0] for raw in sent(requests))
        if any(raw[0] == 2 for raw in sent(requests)):
            error = {"code": -32000, "message": "transaction type not supported"}
            return Reply(200, [{"id": each["id"], "error": error} for each in requests])
        return None

    def without_fee(asked: dict[str, Any], found: Any) -> Any:
        if asked["method"] == "eth_getBlockByNumber" and found:
            return {name: value for name, value in found.items() if name != "baseFeePerGas"}
        return found

    made.fault, made.changed = old, without_fee
    for free in (False, True):
        record = member()
        how = replace(settings, transactions=replace(settings.transactions, free_gas=free))
        EthereumLedger(how, KEY).append(record)
        assert times(settings, record) == 1
    assert [kind == 2 for kind in kinds] == [False, True, False]


def test_a_node_without_a_pending_block_is_asked_for_its_newest_one(proxy: tuple[Front, LedgerSettings]) -> None:
    made, settings = proxy
    refused: list[str] = []

    def newest_only(requests: list[dict[str, Any]]) -> Reply | None:
        if not any("pending" in each["params"] for each in requests):
            return None
        refused.extend(each["method"] for each in requests)
        error = {"code": -32602, "message": '"pending" is not yet supported'}
        return Reply(200, [{"id": each["id"], "error": error} for each in requests])

    made.fault = newest_only
    ledger = EthereumLedger(replace(settings, transactions=TransactionSettings()), KEY)
    for record in (member(), member()):
        ledger.append(record)
        assert times(settings, record) == 1
    assert refused == ["eth_call", "eth_getTransactionCount"], "it is asked once"


def test_two_programs_of_one_account_that_send_at_once_lose_nothing(
    chain: IntervalChain, paying: LedgerSettings
) -> None:
    records = [member() for _ in range(6)]
    before = count(chain)

    def send(part: list[MemberRegistered]) -> None:
        ledger = EthereumLedger(paying, KEY)
        for record in part:
            ledger.append(record)

    running = [threading.Thread(target=send, args=(records[start::2],)) for start in range(2)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert [times(paying, record) for record in records] == [1] * 6
    assert count(chain) == before + 6


def test_a_transaction_that_nobody_includes_says_so_in_time(
    chain: IntervalChain, paying: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "STUCK_BLOCKS", 10**6)
    monkeypatch.setattr(waiting.Waiting, "_patience_s", lambda _self: 0.3)
    chain.base_fee = GWEI
    free = replace(paying, transactions=replace(paying.transactions, free_gas=True))
    with pytest.raises(TransactionTimeout):
        EthereumLedger(free, KEY).append(member())
