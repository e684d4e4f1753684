"""Several URLs of one chain: real proxies that break, lag or lie in front of a real chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from chain.deploy import deploy
from chain.embedded.intervals import IntervalChain, Network, interval_chain
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc import endpoints
from chain.rpc.node import NodeSettings
from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import TransactionSettings
from fl.events import Event
from fl.protocol.errors import ChainReorg, ChainUnavailable, FinalityUnknown, WrongChain
from fl.protocol.names import Role
from fl.protocol.records import ConsortiumFounded, MemberRegistered
from scripts.bench._front import Front, Reply, busy_each, down, front, narrow, small_batches
from scripts.demo.together import found_together
from scripts.server.followed import followed
from scripts.wiring.home import Home

PROJECT = Path(__file__).resolve().parents[2]
KEY = AccountKey(b"\x07" * 32)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IntervalChain, LedgerSettings]]:
    with interval_chain(PROJECT, tmp_path_factory.mktemp("chain"), Network(0)) as (chain, url):
        node = NodeSettings(url)
        found = LedgerSettings(node, deploy(node, TransactionSettings(), KEY, bytes(32)))
        for number in range(12):
            EthereumLedger(found, KEY).append(member(f"old-{number}"))
        yield chain, found


@pytest.fixture
def place(network: tuple[IntervalChain, LedgerSettings]) -> LedgerSettings:
    return network[1]


def member(name: str = "") -> MemberRegistered:
    account = generate().address
    return MemberRegistered(KEY.address, account, Role.HOSPITAL, name or account.hex())


@contextmanager
def fronts(
    place: LedgerSettings, number: int = 2, confirmations: int = 1
) -> Iterator[tuple[list[Front], LedgerSettings, list[tuple[str, str, str]]]]:
    """Run proxies; yield them, settings that name all of them, and what is said about changes."""
    said: list[tuple[str, str, str]] = []
    with ExitStack() as stack:
        made = [stack.enter_context(front(place.node.url)) for _ in range(number)]
        urls = [url for _, url in made]
        node = NodeSettings(
            urls[0], timeout_s=2.0, others=tuple(urls[1:]), moved=lambda left, why, now: said.append((left, why, now))
        )
        how = TransactionSettings(confirmations=confirmations, timeout_s=20.0)
        yield [proxy for proxy, _ in made], replace(place, node=node, transactions=how), said


def names(ledger: EthereumLedger) -> list[str]:
    return [each.record.member_name for each in ledger.replay() if isinstance(each.record, MemberRegistered)]


def refused(_requests: list[dict[str, Any]]) -> Reply:
    return Reply(500, b"<html>oops</html>")


def busy(_requests: list[dict[str, Any]]) -> Reply:
    return Reply(429, {"error": "slow down"}, (("Retry-After", "120"),))


@pytest.mark.parametrize("fault", [down, refused, busy])
def test_a_url_that_fails_is_left_for_the_next_and_this_is_said_once(place: LedgerSettings, fault: Any) -> None:
    with fronts(place) as ((first, second), settings, said):
        ledger = EthereumLedger(settings, KEY)
        first.fault = fault
        sent = member()
        ledger.append(sent)
        assert sent.member_name in names(ledger)
        ledger.append(member())
        assert first.faults == 1
        assert second.asked
    assert [(left, now) for left, _, now in said] == [settings.node.urls]


def test_a_url_that_failed_is_used_again_after_its_rest(place: LedgerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "FIRST_REST_S", 0.0)
    with fronts(place) as ((first, _), settings, said):
        ledger = EthereumLedger(settings)
        first.fault = down
        ledger.replay()
        first.fault = lambda _requests: None
        for endpoint in endpoints.endpoints_of(settings.node.urls)._all:
            endpoint.rests_until = 0.0
        first.asked.clear()
        ledger.replay()
        assert "eth_chainId" in first.asked
    assert [now for _, _, now in said] == [settings.node.others[0], settings.node.url]


def test_urls_of_another_chain_are_never_read(place: LedgerSettings) -> None:
    with fronts(place) as ((first, second), settings, said):
        first.changed = second.changed = lambda asked, found: "0x1" if asked["method"] == "eth_chainId" else found
        with pytest.raises(WrongChain, match="chain id is 1"):
            EthereumLedger(settings)
        assert "eth_getLogs" not in first.asked + second.asked
        assert not said


def test_when_no_url_answers_the_sentence_names_each_with_its_reason(place: LedgerSettings) -> None:
    with fronts(place) as ((first, second), settings, _):
        ledger = EthereumLedger(settings)
        first.fault, second.fault = down, refused
        with pytest.raises(ChainUnavailable, match=r"connection was refused or broke; .* answered HTTP 500"):
            ledger.replay()


def lagging(front: Front, blocks: int) -> None:
    """Let a proxy hide the newest blocks from now on."""
    newest: list[int] = []

    def changed(asked: dict[str, Any], found: Any) -> Any:
        if asked["method"] == "eth_blockNumber":
            newest[:] = newest or [int(found, 16) - blocks]
            return hex(newest[0])
        if asked["method"] == "eth_getBlockByNumber" and found and int(found["number"], 16) > newest[0]:
            return None
        return found

    front.changed = changed


def test_a_url_that_lacks_what_was_read_is_neither_used_nor_taken_for_a_reorg(place: LedgerSettings) -> None:
    with fronts(place) as ((first, second), settings, said):
        ledger = EthereumLedger(settings, KEY)
        ledger.append(member())
        known = names(ledger)
        lagging(second, 3)
        first.fault = down
        with pytest.raises(ChainUnavailable, match="behind"):
            ledger.replay()
        assert not said
        second.changed = lambda _asked, found: found
        assert names(ledger) == known


def test_a_url_that_falls_behind_is_left_without_reading_back(place: LedgerSettings) -> None:
    with fronts(place) as ((first, _), settings, said):
        ledger = EthereumLedger(settings, KEY)
        ledger.append(member())
        known = names(ledger)
        lagging(first, 2)
        assert names(ledger) == known
        EthereumLedger(place, KEY).append(member("newer"))
        assert names(ledger) == [*known, "newer"]
    assert "does not have block" in said[0][1]


def test_a_url_that_is_alone_with_its_history_is_no_reorg_and_all_of_them_together_are(place: LedgerSettings) -> None:
    def other(asked: dict[str, Any], found: Any) -> Any:
        return {**found, "hash": "0x" + "ab" * 32} if asked["method"] == "eth_getBlockByNumber" and found else found

    with fronts(place) as ((first, second), settings, said):
        ledger = EthereumLedger(settings)
        ledger.replay()
        first.changed = other
        ledger.replay()
        assert "shows another block" in said[0][1]
        second.changed = other
        with pytest.raises(ChainReorg):
            ledger.replay()


def test_a_transaction_whose_answer_was_lost_is_found_through_the_other_url(
    network: tuple[IntervalChain, LedgerSettings],
) -> None:
    chain, place = network
    with fronts(place) as ((first, _), settings, said):
        ledger = EthereumLedger(settings, KEY)
        before = chain.head

        def swallow(requests: list[dict[str, Any]]) -> Reply | None:
            for each in requests:
                if each["method"] == "eth_sendRawTransaction":
                    chain.handle(each["method"], each["params"])
                    first.fault = down
                    return Reply(0)
            return None

        first.fault = swallow
        receipt = ledger.append(member("once"))
        assert chain.head == before + 1 == receipt.entry.position.block
        assert names(ledger).count("once") == 1
    assert len(said) == 1


@pytest.mark.parametrize(
    "fault",
    [
        busy_each(4, ("Retry-After", "0")),
        busy_each(4, ("Retry-After", formatdate(0, usegmt=True)), status=503),
        narrow(3),
        narrow(2, "limit exceeded: eth_getLogs block range is capped at 2"),
        small_batches(1),
        small_batches(3),
    ],
)
def test_the_limits_of_providers_are_found_and_kept(place: LedgerSettings, fault: Any) -> None:
    with fronts(place, number=1) as ((only,), settings, _):
        only.fault = fault
        ledger = EthereumLedger(replace(settings, node=replace(settings.node, timeout_s=10.0)), KEY)
        ledger.append(member())
        assert names(ledger) == names(EthereumLedger(place))
        assert only.faults


def test_a_pause_that_a_provider_wants_is_kept_between_requests(place: LedgerSettings) -> None:
    with fronts(place, number=1) as ((only,), settings, _):
        ledger = EthereumLedger(settings)
        ledger.replay()
        only.fault = busy
        only.asked.clear()
        for _ in range(3):
            with pytest.raises(ChainUnavailable, match="fewer requests"):
                ledger.replay()
        assert len(only.asked) <= 2


@pytest.mark.parametrize("depth", [2, 3])
def test_a_real_reorg_below_the_confirmations_is_invisible_and_a_deeper_one_that_lost_a_record_is_said(
    network: tuple[IntervalChain, LedgerSettings], depth: int
) -> None:
    chain, place = network
    patient = replace(place, transactions=TransactionSettings(confirmations=3))
    lost = member()
    EthereumLedger(place, KEY).append(lost)
    reader = EthereumLedger(patient)
    for _ in range(2):
        chain.mine()
    assert lost.member_name in names(reader)
    chain.reorg(depth, drop=True)
    if depth < 3:
        assert lost.member_name in names(reader)
    else:
        with pytest.raises(ChainReorg, match="all members use more --confirmations, or finalized"):
            reader.replay()


def test_finalized_records_count_and_a_node_without_the_tag_says_what_to_do(
    network: tuple[IntervalChain, LedgerSettings],
) -> None:
    chain, place = network
    EthereumLedger(place, KEY).append(member("final soon"))
    with fronts(place, number=1, confirmations=0) as ((only,), settings, _):
        reader = EthereumLedger(settings)
        assert "final soon" not in names(reader)
        for _ in range(chain.network.final_depth):
            chain.mine()
        assert "final soon" in names(reader)

        def unknown(requests: list[dict[str, Any]]) -> Reply | None:
            if requests[0]["params"][:1] != ["finalized"]:
                return None
            error = {"code": -39001, "message": "unknown block"}
            return Reply(200, [{"id": each["id"], "error": error} for each in requests])

        only.fault = unknown
        with pytest.raises(FinalityUnknown, match="does not say which blocks are finalized"):
            reader.replay()


def test_the_site_says_that_it_asks_another_node(place: LedgerSettings, tmp_path: Path) -> None:
    home, said = Home(tmp_path), list[tuple[Event, Mapping[str, object]]]()
    found_together(home, place.node.url, ["alpha"])
    with fronts(place) as ((first, _), settings, _said):
        urls = settings.node.urls
        home.save(replace(home.deployment, url=urls[0], more_urls=urls[1:]))
        ledger = followed(home, home.member("alpha"), lambda what, facts: said.append((what, facts)))
        first.fault = down
        assert next(type(each.record) for each in ledger.replay()) is ConsortiumFounded
    assert [(what, facts["left"], facts["now"]) for what, facts in said] == [(Event.NODE_CHANGED, *urls)]
