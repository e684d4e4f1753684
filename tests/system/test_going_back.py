"""A hospital withdraws on a real chain: the commands, the rounds that follow, and what an audit says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from chain.embedded.chain import DevChain, DevChainSettings
from fl.audit.rounds import Bench
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.ledger_view import LedgerView
from fl.replay.withdrawals import Stage
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Plan
from fl.storage.withdrawal_orders import FolderWithdrawalOrders
from scripts.cli import main
from scripts.demo.together import AUDITOR, COORDINATOR, Work, found_together, gather
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.roles import open_ledger
from tests.support.federation import CONFIG, endorser, initial, nudge
from webui.federation.audits import FederationAudits
from webui.federation.withdrawals import FederationWithdrawals
from webui.ports.orders import OrderKind
from webui.usecases.orders import Orders

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
        path = ordered_on_the_site(home, tmp_path)
        said = hemaledger(home, "consortium", "carry-out", path, "--yes")
        assert "Go back to the first model, for ever" in said
        assert "The current model is" in said
        assert [(each.hospital, each.stage) for each in site_of(home).all()] == [("gamma", Stage.GONE_BACK)]
        run(home, 1, ("alpha", "beta"))
        federation = LedgerView(open_ledger(home)).refresh()
        assert federation.superseded == {1}
        report = hemaledger(home, "audit", "--auditor", "auditor")
        assert (
            "The model of round 2 is what the rest alone gives, without gamma: it comes from the first model" in report
        )
        assert "That cost 1 round; from the first model it would have cost 1." in report
        assert [(each.stage, each.rounds) for each in site_of(home).all()] == [(Stage.TRAINED_ON, (2,))]
        said = hemaledger(home, "coordinator", "go-back", "--to", "0", "--yes")
        assert "Go back to the first model. Superseded: 2." in said


def site_of(home: Home) -> FederationWithdrawals:
    """Return what gamma's site knows."""
    member, view = home.member("gamma"), LedgerView(open_ledger(home, home.member("gamma")))
    box = FolderWithdrawalOrders(member.withdrawal_orders)
    return FederationWithdrawals(view.refresh, home.vault, view.ledger.account, box, lambda: False, now)


def ordered_on_the_site(home: Home, folder: Path) -> str:
    """Prepare the order to go back as the operator's pages do; return the file."""
    site, ledger = site_of(home), open_ledger(home)
    assert site.left()
    meaning = site.waiting()
    assert meaning is not None
    assert (meaning.base, meaning.superseded, meaning.scratch) == (0, (1,), 1)
    audits = FederationAudits(ledger, LedgerView(ledger).refresh, Bench(home.vault, None, endorser()), folder / "none")
    orders = Orders(audits, now)
    assert orders.prepare(OrderKind.GO_BACK, {"to": "1"}, "Otto Brandt")[1] == {"to": "no model"}
    order, problems = orders.prepare(OrderKind.GO_BACK, {"to": str(meaning.base)}, "Otto Brandt")
    assert order is not None, problems
    path = folder / "order-go-back.json"
    path.write_bytes(order.to_bytes())
    return str(path)
