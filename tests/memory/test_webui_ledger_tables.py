"""The ledger's tables: search, filters, order, pages, downloads, and a permanent page for each row."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from fl.protocol.names import Protection
from tests.support.site_federation import RealTown
from tests.support.site_history import MEMBERS, small_history
from tests.support.site_town import INES, MAYA, NOOR, Town
from webui.usecases.ledger_tables import TABLES

LEDGER = "/auditor/ledger/"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture
def masked(tmp_path: Path) -> RealTown:
    return RealTown(tmp_path, Protection.MASKED)


def test_every_table_of_a_real_ledger_has_a_page_and_a_page_for_each_row(masked: RealTown) -> None:
    auditor = masked.visitor(NOOR)
    assert auditor.get(LEDGER).status_code == 200
    for name in TABLES:
        assert auditor.get(LEDGER + name).status_code == 200, name
        for row in masked.site.ledger_tables.table(name).rows:
            answer = auditor.get(f"{LEDGER}{name}/{row.key}")
            assert answer.status_code == (302 if name == "rounds" else 200), (name, row.key)
            assert "programmer" not in answer.text


def test_the_page_of_a_record_says_what_it_means_and_where_it_is(masked: RealTown) -> None:
    history = masked.site.services.audits.history()
    entry = next(each for each in history.entries if type(each.record).__name__ == "RoundOpened")
    page = masked.visitor(NOOR)
    text = page.text(f"{LEDGER}records/{entry.position.block}-{entry.position.index}")
    assert "coordinator opened round 1 for 3 hospitals. Updates are masked, and at least" in text
    for fact in (entry.transaction.hex(), entry.block_hash.hex(), "Model it starts from", "alpha", "Updates until"):
        assert fact in text


def test_a_search_needs_every_word_and_finds_accounts_and_digests(masked: RealTown) -> None:
    auditor = masked.visitor(NOOR)
    current = masked.world._federation().round(2)
    account, digest = next(iter(current.commitments.items()))
    for words in (digest.hex(), "0x" + digest.hex().upper(), f"UpdateCommitted {account.hex()} {digest.hex()[:12]}"):
        rows = json.loads(auditor.get(f"{LEDGER}records.json?q={words}").text)["rows"]
        assert [row["record"] for row in rows] == ["UpdateCommitted"]
    assert "No row fits these filters" in auditor.text(f"{LEDGER}records?q=alpha+nothing")


def test_a_download_has_the_rows_that_the_page_counts(masked: RealTown) -> None:
    auditor = masked.visitor(NOOR)
    query = "?record=UpdateCommitted&sort=sender"
    page = auditor.text(f"{LEDGER}records{query}")
    rows = json.loads(auditor.get(f"{LEDGER}records.json{query}").text)["rows"]
    lines = list(csv.DictReader(io.StringIO(auditor.get(f"{LEDGER}records.csv{query}").text)))
    assert f"{len(rows)} in all." in page
    assert (
        [row["sender"] for row in rows] == [line["sender"] for line in lines] == sorted(row["sender"] for row in rows)
    )
    assert {row["record"] for row in rows} == {"UpdateCommitted"}
    assert lines[0]["recorded"].endswith("Z")


def test_the_order_is_that_of_numbers_and_turns_around(masked: RealTown) -> None:
    auditor = masked.visitor(NOOR)
    for sign, reverse in (("", False), ("-", True)):
        rows = json.loads(auditor.get(f"{LEDGER}records.json?sort={sign}block").text)["rows"]
        blocks = [row["block"] for row in rows]
        assert blocks == sorted(blocks, reverse=reverse)
        assert max(blocks) > 9


def test_a_long_table_has_pages_and_there_is_no_page_after_the_last(masked: RealTown) -> None:
    auditor = masked.visitor(NOOR)
    count = len(masked.site.services.audits.history().entries)
    assert count > 50
    first = auditor.get(f"{LEDGER}records").text
    assert f"page 1 of {-(-count // 50)}" in first
    assert "page=1" in first
    last = auditor.get(f"{LEDGER}records?page={-(-count // 50) - 1}")
    assert last.text.count('<th scope="row"') == (count % 50 or 50)
    assert auditor.get(f"{LEDGER}records?page={-(-count // 50)}").status_code == 404
    assert max(len(auditor.get(LEDGER + name).data) for name in TABLES) < 250_000


def test_the_days_of_a_filter_are_whole_days_in_utc(town: Town) -> None:
    entries = small_history().entries
    auditor = town.visitor(NOOR)
    for query, count in (("since=2026-11-18", len(entries)), ("until=2026-11-17", 0), ("since=never", len(entries))):
        assert len(json.loads(auditor.get(f"{LEDGER}records.json?{query}").text)["rows"]) == count


def test_no_cell_of_a_csv_file_is_a_formula(town: Town) -> None:
    text = town.visitor(NOOR).get(f"{LEDGER}members.csv").text
    names = [line["name"] for line in csv.DictReader(io.StringIO(text))]
    assert "'=HYPERLINK(1)" in names
    assert {name.removeprefix("'") for name in names} == {*MEMBERS, "operator"}


def test_members_have_a_state(town: Town) -> None:
    rows = json.loads(town.visitor(NOOR).get(f"{LEDGER}members.json?state=revoked").text)["rows"]
    assert [row["name"] for row in rows] == ["=HYPERLINK(1)"]
    assert rows[0]["admitted"] < small_history().entries[-1].timestamp


@pytest.mark.parametrize("path", ["", "records", "records.csv", "records/1-0", "members.json"])
def test_the_ledgers_tables_are_for_auditors_and_the_operator(town: Town, path: str) -> None:
    assert town.visitor(NOOR).get(LEDGER + path).status_code == 200
    for email in (MAYA, INES):
        assert town.visitor(email).get(LEDGER + path).status_code == 403
    assert town.visitor().get(LEDGER + path).status_code == 302


@pytest.mark.parametrize("path", ["nothing", "records/0-0", "records/x", "members/12", "rounds/99", "records.xml"])
def test_what_the_ledger_does_not_have_is_not_found(town: Town, path: str) -> None:
    assert town.visitor(NOOR).get(LEDGER + path).status_code == 404


def test_without_the_ledger_a_table_says_so(town: Town) -> None:
    auditor = town.visitor(NOOR)
    town.federation.stop_chain()
    assert auditor.get(f"{LEDGER}records").status_code == 503
