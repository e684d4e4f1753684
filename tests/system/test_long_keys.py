"""`hemaledger ROLE long-key`, `rotate`, `password` and `doctor` on a real chain, and a round sealed to long keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from chain.embedded.chain import DevChain, DevChainSettings
from fl.crypto.envelope_form import CORE_BYTES, Header
from fl.events import Event
from fl.protocol.names import Suite
from fl.replay.ledger_view import LedgerView
from fl.replay.long_keys import lacking_long_keys
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.runner import Agent
from fl.storage.keyring import load_long_keys
from scripts.cli import main
from scripts.demo.together import AUDITOR, COORDINATOR, found_together
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.roles import open_ledger, open_ports
from tests.support.federation import CONFIG, initial, nudge, settle

PROJECT = Path(__file__).resolve().parents[2]
HOSPITALS = ("alpha", "beta")
ROLES = {COORDINATOR: "coordinator", AUDITOR: "auditor", **dict.fromkeys(HOSPITALS, "hospital")}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path / "run")
    with DevChain(DevChainSettings(PROJECT, tmp_path / "chain", now, port=0)) as chain:
        found_together(found, chain.url, HOSPITALS)
        yield found


def hemaledger(home: Home, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, [*words, "--home", str(home.folder)])
    assert result.exit_code == code, result.output
    return result.output


def long_key_line(home: Home, name: str) -> str:
    [line] = [each for each in hemaledger_doctor(home, name).splitlines() if " long key " in each]
    return line


def hemaledger_doctor(home: Home, name: str) -> str:
    return CliRunner().invoke(main, ["doctor", "--home", str(home.folder), "--name", name]).output


def lacking(home: Home) -> list[str]:
    federation = LedgerView(open_ledger(home)).refresh()
    return sorted(federation.book.name_of(each) for each in lacking_long_keys(federation, home.vault))


def agents(home: Home, events: list[Event]) -> list[Agent]:
    ports = {name: open_ports(home, home.member(name), lambda what, _facts: events.append(what)) for name in ROLES}
    plan = Plan(1, 2, 1, replace(CONFIG, suite=Suite.HYBRID), 600, 600, min_hospitals=2)
    hospitals = [Hospital(ports[name], nudge(name)) for name in HOSPITALS]
    auditor = Auditor(ports[AUDITOR], lambda _model, _config: Evaluation({"auroc": 0.5}))
    return [Coordinator(ports[COORDINATOR], plan, initial()), auditor, *hospitals]


def test_members_make_long_keys_and_a_round_is_sealed_to_them(home: Home) -> None:
    assert lacking(home) == sorted(ROLES)
    assert "none; it is needed only for rounds with --long-lived" in long_key_line(home, "alpha")
    for name, role in ROLES.items():
        assert "epoch 1 is on the ledger" in hemaledger(home, role, "long-key", "--name", name)
    hemaledger(home, "hospital", "long-key", "--name", "alpha")
    federation = LedgerView(open_ledger(home)).refresh()
    assert len(federation.statements) == len(ROLES)
    assert lacking(home) == []
    assert "models are not sealed for decades" in long_key_line(home, "alpha")

    hemaledger(home, "hospital", "rotate", "--name", "beta")
    assert sorted(load_long_keys(home.member("beta").folder, home.member("beta").password)) == [1, 2]
    assert lacking(home) == []

    events: list[Event] = []
    settle(*agents(home, events))
    assert Event.ROUND_FINAL in events
    [current] = LedgerView(open_ledger(home)).refresh().rounds
    assert current.proposal is not None
    for digest in (*current.commitments.values(), current.proposal.envelope_digest):
        assert Header.from_bytes(home.vault.get(digest, 10**7)[:CORE_BYTES]).suite == Suite.HYBRID
    assert (
        "models are sealed for decades; records are not sealed for decades (serve --long-lived). Still"
        in long_key_line(home, "beta")
    )
    audited = hemaledger(home, "audit", "--auditor", AUDITOR)
    assert "Nothing was found" in audited

    (home.member("alpha").folder / "long-1.pem").unlink()
    assert "FAIL" in long_key_line(home, "alpha")
    assert "it does not have the long key of epoch 1" in long_key_line(home, "alpha")
