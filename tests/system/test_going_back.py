"""A hospital withdraws on a real chain: the commands, the rounds that follow, and what an audit says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from chain.embedded.chain import DevChain, DevChainSettings
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.ledger_view import LedgerView
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Plan
from scripts.cli import main
from scripts.demo.together import AUDITOR, COORDINATOR, Work, found_together, gather
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.roles import open_ledger
from tests.support.federation import CONFIG, initial, nudge

PROJECT = Path(__file__).resolve().parents[2]
HOSPITALS = ("alpha", "beta", "gamma")


def hemaledger(home: Home, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, [*words, "--home", str(home.folder)])
    assert result.exit_code == code, result.output
    return result.output


def run(home: Home, rounds: int, hospitals: tuple[str, ...]) -> None:
    config: RoundConfig = replace(CONFIG, training={"seed": 1}, task=LEUKEMIA)
    plan = Plan(rounds, len(hospitals), 1, config, 600, 600, len(hospitals))
    train = {name: nudge(name) for name in hospitals}
    work = Work(plan, initial(), train, lambda _model, _config: Evaluation())
    everybody = dict.fromkeys((COORDINATOR, AUDITOR, *hospitals), lambda _what, _facts: None)
    gather(home, work, everybody).run(lambda _what, _facts: None)


def test_the_commands_take_a_hospital_back_and_the_audit_says_what_followed(tmp_path: Path) -> None:
    home = Home(tmp_path / "run")
    with DevChain(DevChainSettings(PROJECT, tmp_path / "chain", now, port=0)) as chain:
        found_together(home, chain.url, HOSPITALS)
        run(home, 1, HOSPITALS)
        assert "no hospital took back" in hemaledger(home, "coordinator", "go-back", "--yes", code=78)
        assert "Withdrawn: this hospital" in hemaledger(home, "hospital", "withdraw", "--name", "gamma", "--yes")
        said = hemaledger(home, "coordinator", "go-back", "--yes")
        assert "Go back to the first model. Superseded: 1." in said
        run(home, 1, ("alpha", "beta"))
        federation = LedgerView(open_ledger(home)).refresh()
        assert federation.superseded == {1}
        report = hemaledger(home, "audit", "--auditor", "auditor")
        assert (
            "The model of round 2 is what the rest alone gives, without gamma: it comes from the first model" in report
        )
        assert "That cost 1 round; from the first model it would have cost 1." in report
