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
from webui.ports.orders import Order, OrderKind

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
