"""Orders of the site carried out on a real chain, the site's audit process, and the coordinator's holds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from chain.embedded.chain import DevChain, DevChainSettings
from fl.protocol.names import Role, show
from fl.replay.ledger_view import LedgerView
from scripts.cli import main
from scripts.commands.coordinator_holds import held_by
from scripts.demo.together import found_together
from scripts.server.audit_process import AuditProcess
from scripts.server.health import MachineHealth
from scripts.wiring.home import Home
from scripts.wiring.roles import create_member, open_ledger
from tests.support.processes import Process, until
from webui.ports.orders import Order, OrderKind

TERMS = {
    "protection": "masked",
    "hospitals": "3",
    "min_commitments": "",
    "attestations": "1",
    "commit_minutes": "90",
    "close_minutes": "60",
    "step_minutes": "10",
    "epsilon": "",
    "rounds": "1",
    "hold_back": "no",
}
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("orders")
    found = Home(folder / "run")
    with DevChain(DevChainSettings(PROJECT, folder / "chain", lambda: int(time.time()), port=0)) as chain:
        found_together(found, chain.url, ("alpha", "beta", "gamma"))
        yield found


def run(home: Home, *words: str, code: int = 0, typed: str = "") -> str:
    result = CliRunner().invoke(main, [*words, "--home", str(home.folder)], input=typed)
    assert result.exit_code == code, result.output
    return result.output


def order(home: Home, tmp_path: Path, facts: dict[str, str], consortium: bytes = b"", age: int = 0) -> str:
    anchor = home.deployment.anchor
    made = Order(OrderKind.REGISTER, facts, consortium or anchor.consortium, int(time.time()) - age, "Olga Perez")
    path = tmp_path / "order.json"
    path.write_bytes(made.to_bytes())
    return str(path)


def test_an_order_is_carried_out_after_a_yes_and_only_then(home: Home, tmp_path: Path) -> None:
    home.member("lake").create_password()
    account = show(create_member(home, "lake", Role.HOSPITAL))
    path = order(home, tmp_path, {"account": account, "role": "hospital", "name": "Lake Clinic"})
    said = run(home, "consortium", "carry-out", path, code=1, typed="n\n")
    assert "Prepared by Olga Perez on the site." in said
    assert f"Admit the account {account} as hospital with the name Lake Clinic." in said
    names = {member.name for member in LedgerView(open_ledger(home)).refresh().book.members.values()}
    assert "Lake Clinic" not in names
    assert "Lake Clinic is registered as hospital." in run(home, "consortium", "carry-out", path, typed="y\n")
    names = {member.name for member in LedgerView(open_ledger(home)).refresh().book.members.values()}
    assert "Lake Clinic" in names


def test_an_order_of_another_consortium_or_of_last_month_is_refused(home: Home, tmp_path: Path) -> None:
    facts = {"account": "0x" + "ab" * 20, "role": "hospital", "name": "X"}
    foreign = order(home, tmp_path, facts, consortium=bytes(32))
    assert "another consortium" in run(home, "consortium", "carry-out", "--yes", foreign, code=77)
    old = order(home, tmp_path, facts, age=31 * 86_400)
    assert "within the last 7 days" in run(home, "consortium", "carry-out", "--yes", old, code=77)
    Path(old).write_bytes(b'{"form":"other"}\n')
    run(home, "consortium", "carry-out", "--yes", old, code=65)


def test_the_coordinator_reads_a_hold_and_its_end(home: Home) -> None:
    why = held_by(home.member("coordinator").folder)
    assert why() == ""
    run(home, "coordinator", "hold", "--reason", "new images at alpha")
    assert why() == "new images at alpha"
    run(home, "coordinator", "go-on")
    assert why() == ""
    assert "no round is running" in run(home, "coordinator", "abort", "--reason", "late", code=78)
    run(home, "coordinator", "hold", "--name", "alpha", "--reason", "x", code=78)


def round_order(home: Home, tmp_path: Path, kind: OrderKind, **facts: str) -> str:
    made = Order(kind, facts, home.deployment.anchor.consortium, int(time.time()), "Olga Perez")
    path = tmp_path / f"order-{len(list(tmp_path.iterdir()))}.json"
    path.write_bytes(made.to_bytes())
    return str(path)


def test_orders_hold_rounds_back_and_let_them_go_on_and_each_works_once(home: Home, tmp_path: Path) -> None:
    why = held_by(home.member("coordinator").folder)
    held = round_order(home, tmp_path, OrderKind.HOLD_ROUNDS, reason="new images at alpha")
    assert "Open no further round" in run(home, "consortium", "carry-out", held, typed="n\n", code=1)
    assert why() == ""
    run(home, "consortium", "carry-out", "--yes", held)
    assert why() == "new images at alpha"
    run(home, "consortium", "carry-out", "--yes", round_order(home, tmp_path, OrderKind.GO_ON))
    assert why() == ""
    assert "was carried out before" in run(home, "consortium", "carry-out", "--yes", held, code=77)
    assert why() == ""
    elsewhere = ("--coordinator", "alpha", "--yes", round_order(home, tmp_path, OrderKind.HOLD_ROUNDS, reason="x"))
    run(home, "consortium", "carry-out", *elsewhere, code=78)


def test_an_order_opens_a_round_with_its_terms_and_another_ends_it(home: Home, tmp_path: Path) -> None:
    view = LedgerView(open_ledger(home))
    opening = round_order(home, tmp_path, OrderKind.OPEN_ROUNDS, **TERMS)
    early = round_order(home, tmp_path, OrderKind.ABORT_ROUND, round="1", reason="a power cut at beta")
    assert "no round is running" in run(home, "consortium", "carry-out", "--yes", early, code=78)
    process = Process("consortium", "carry-out", "--yes", opening, "--home", str(home.folder))
    try:
        until("a round", lambda: view.refresh().active_round is not None or not process.running)
        current = view.refresh().active_round
        assert current is not None, process.output
        assert (current.number, current.terms.protection.name) == (1, "MASKED")
        second = round_order(home, tmp_path, OrderKind.OPEN_ROUNDS, **{**TERMS, "rounds": "2"})
        for _ in range(2):
            assert "carried out before" not in run(home, "consortium", "carry-out", "--yes", second, code=77)
        wrong = round_order(home, tmp_path, OrderKind.ABORT_ROUND, round="7", reason="late")
        assert "round 7 is not running; round 1 is" in run(home, "consortium", "carry-out", "--yes", wrong, code=78)
        run(home, "consortium", "carry-out", "--yes", early)
        until("its end", lambda: view.refresh().rounds[0].reason == "a power cut at beta")
        assert "was carried out before" in run(home, "consortium", "carry-out", "--yes", opening, code=77)
    finally:
        process.kill()


def test_an_order_with_terms_that_no_site_prepares_is_refused(home: Home, tmp_path: Path) -> None:
    for changed in ({"rounds": "0"}, {"protection": "none"}, {"epsilon": "5; reboot"}, {"hospitals": "03"}):
        path = round_order(home, tmp_path, OrderKind.OPEN_ROUNDS, **{**TERMS, **changed})
        assert "none that a site can prepare" in run(home, "consortium", "carry-out", "--yes", path, code=65), changed


def test_the_sites_audit_is_the_commands_audit_and_the_machine_is_measured(home: Home) -> None:
    process = AuditProcess.of(home, "alpha")
    assert process.run(lambda _done, _of: None, lambda: False)
    document = json.loads(process.report("json") or b"")
    assert document["clean"] is True
    assert document["checks"]["records"] > 5
    machine = MachineHealth(home, home.vault, (home.folder,))
    assert machine.node().head >= document["checks"]["records"]
    assert machine.vault_ms() >= 0
    assert {disk.name for disk in machine.disks()} == {"vault"}
    assert machine.backups()[0].newest_at is not None
    assert b"consortium" in (machine.consortium_file() or b"")
