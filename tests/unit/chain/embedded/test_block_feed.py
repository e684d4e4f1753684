"""A client that waits for a block hears of it at once, and of every block after the last one that it knows."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from chain.embedded import block_feed as news_module
from chain.embedded.block_feed import KEPT, FeedBlock, News
from chain.rpc.node import NodeRefusal

MINE, OTHER = "0x" + "aB" * 20, "0x" + "cd" * 20
PATIENCE_S = 120.0


def block(number: int, *addresses: str) -> FeedBlock:
    return FeedBlock(
        number, f"0xhash{number}", 1000 + number, [{"address": each, "block": number} for each in addresses]
    )


def asked_of_node(first: int, last: int) -> list[dict[str, Any]]:
    return [{"address": MINE, "block": number} for number in range(first, last + 1)]


def chain_of(*blocks: FeedBlock) -> News:
    news = News(lambda number: {"hash": f"0xnode{number}"}, asked_of_node)
    for each in blocks:
        news.add(each)
    return news


def blocks_of(answer: dict[str, Any]) -> list[int]:
    return [log["block"] for log in answer["logs"]]


def test_an_answer_holds_the_logs_behind_the_known_block_of_the_contracts_asked_for() -> None:
    news = chain_of(block(5), block(6, MINE, OTHER), block(7, OTHER), block(8, MINE, MINE))
    answer = news.answer(["0x6", [MINE.lower()], 0])
    assert blocks_of(answer) == [8, 8]
    assert answer["last"]["hash"] == "0xhash6"
    assert answer["newest"] == {"number": "0x8", "hash": "0xhash8", "timestamp": hex(1008)}
    assert blocks_of(news.answer(["0x5", [MINE, OTHER], 0])) == [6, 6, 7, 8, 8]


def test_what_is_older_than_what_is_kept_is_asked_of_the_node() -> None:
    answer = chain_of(block(5), block(6, MINE)).answer(["0x2", [MINE], 0])
    assert blocks_of(answer) == [3, 4, 5, 6]
    assert answer["last"]["hash"] == "0xnode2"


def test_only_so_many_blocks_are_kept() -> None:
    news = chain_of(*(block(number, MINE) for number in range(KEPT + 5)))
    assert news.answer(["0x5", [MINE], 0])["last"]["hash"] == "0xhash5"
    assert news.answer(["0x4", [MINE], 0])["last"]["hash"] == "0xnode4"
    assert len(news.answer(["0x5", [MINE], 0])["logs"]) == KEPT - 1


def test_a_block_that_this_chain_does_not_have_is_told_as_missing() -> None:
    answer = chain_of(block(5)).answer(["0x9", [MINE], 0])
    assert (answer["last"], answer["newest"]["number"], answer["logs"]) == (None, "0x5", [])


def test_who_waits_is_told_when_the_block_comes() -> None:
    news, waiting = chain_of(block(5)), threading.Event()
    heard: list[dict[str, Any]] = []

    def wait() -> None:
        waiting.set()
        while not heard or heard[-1]["newest"]["number"] == "0x5":
            heard.append(news.answer(["0x5", [MINE], 5000]))

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert waiting.wait(PATIENCE_S)
    news.add(block(6, MINE))
    waiter.join(PATIENCE_S)
    assert blocks_of(heard[-1]) == [6]


def test_who_waits_is_let_go_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news_module, "LONGEST_S", 10 * PATIENCE_S)
    news = chain_of(block(5))
    waiter = threading.Thread(target=news.answer, args=(["0x5", [MINE], 10**9],))
    waiter.start()
    news.end()
    waiter.join(PATIENCE_S)
    assert not waiter.is_alive()


@pytest.mark.parametrize(
    "params", [[], ["0x1"], ["0x1", [MINE]], ["one", [MINE], 0], ["0x1", 5, 0], [1, [MINE], 0], ["0x1", [MINE], "soon"]]
)
def test_a_question_of_another_form_is_refused(params: list[Any]) -> None:
    with pytest.raises(NodeRefusal, match="a block's number"):
        chain_of(block(5)).answer(params)
