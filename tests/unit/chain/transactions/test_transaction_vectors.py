"""The transactions that the browser's script must make (tests/unit/webui/client) are those of eth_account."""

from __future__ import annotations

import json

import pytest
from eth_account import Account

from chain.transactions.keystore import AccountKey
from tests.support.make_transaction_vectors import FILE, make_vectors

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))


def test_the_file_is_what_eth_account_makes() -> None:
    assert make_vectors() == VECTORS


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["name"]))
def test_each_is_signed_by_its_account(case: dict[str, str]) -> None:
    assert bytes.fromhex(Account.recover_transaction(case["raw"])[2:]).hex() == case["account"]
    assert AccountKey(bytes.fromhex(case["key"])).address.hex() == case["account"]


def test_short_numbers_are_among_them() -> None:
    lengths = {len(case["raw"]) for case in VECTORS["cases"] if case["name"].startswith(("short", "terms 1"))}
    assert len(lengths) > 1
