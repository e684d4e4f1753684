"""A wide round with every role as a process of its own: eight transactions, a clean audit, its model on the site."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from chain.ledger import EthereumLedger
from fl.protocol.records import BatchRecord
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.storage.journal import SqliteJournal
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.cli import main
from scripts.commands.data import HOLDOUT, parts_of
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.roles import ledger_settings
from scripts.wiring.training import save_labelled
from tests.support.processes import SMALL, Party, free_port

HOSPITALS = ["alpha", "beta", "gamma"]
PLAN = SyntheticPlan(subjects=12, cells=12, size_px=32)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    """Run one wide round of three hospitals; beta is killed in the middle of it and started again."""
    made = Party(Home(tmp_path_factory.mktemp("party")), free_port())
    try:
        made.start_chain()
        found_together(made.home, made.url, HOSPITALS)
        parts = parts_of(draw_dataset(PLAN, 7), len(HOSPITALS), 7)
        labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
        save_labelled(parts.pop(HOLDOUT), labels, made.home.member("auditor"))
        for name, part in parts.items():
            save_labelled(part, labels, made.home.member(name))
        for name in HOSPITALS:
            made.start_hospital(name)
        made.start("auditor", "auditor", "run")
        wide = ("--protection", "masked", "--wide-above", "2", "--hospitals", "3", "--rounds", "1", "--no-calibrate")
        coordinator = made.start("coordinator", "coordinator", "run", *SMALL, *wide)
        made.processes["beta"].wait_for(r"beta: .*dealt")
        made.processes["beta"].kill()
        made.start_hospital("beta")
        assert coordinator.exit_code() == 0, coordinator.output
        yield made
    finally:
        for process in made.processes.values():
            process.send(signal.SIGCONT)
            process.kill()


def test_a_wide_round_of_processes_is_final_with_eight_transactions(party: Party) -> None:
    (current,) = party.federation().rounds
    assert (current.phase, current.wide is not None, len(current.hospitals)) == (Phase.FINAL, True, 3)
    entries = EthereumLedger(ledger_settings(party.home)).replay()
    batches = [entry for entry in entries if isinstance(entry.record, BatchRecord)]
    assert len({entry.transaction for entry in batches}) == len(batches) == 8
    assert all(getattr(entry.record, "round", 0) == 0 for entry in entries if entry not in batches)


def test_its_audit_is_clean(party: Party) -> None:
    audited = party.audit()
    assert audited.exit_code == 0, audited.output


@pytest.mark.parametrize("name", ["alpha", "beta", "auditor", "coordinator"])
def test_a_monitor_finds_nothing_wrong(party: Party, name: str) -> None:
    """Beta's steps are those of its journal, also those before it was killed."""
    done = CliRunner().invoke(main, ["monitor", "--home", str(party.home.folder), "--name", name, "--grace", "0"])
    assert (done.exit_code, done.output) == (0, "Nothing is wrong.\n")


def test_its_model_is_on_the_site(party: Party) -> None:
    _site, address = party.start_site("alpha")
    with requests.Session() as session:
        session.trust_env = False
        assert "Round <strong>1</strong>" in session.get(address, timeout=60).text


def test_its_files_are_below_the_steps_of_the_vault(party: Party) -> None:
    posted = sorted(Path(party.home.vault_folder or "").glob("steps/*/*"))
    assert [int(folder.name) for folder in posted] == [2, 3, 4, 5, 7, 8, 9]


def test_a_step_that_is_not_the_one_in_the_journal_is_found(party: Party) -> None:
    """As if somebody else had signed it with gamma's key: the journal is what gamma's program signed."""
    [current] = party.federation().rounds
    folder = party.home.member("gamma").folder
    journal = SqliteJournal(folder / "journal.sqlite")
    key = f"step mask/{current.context.hex()}"
    journal.erase(key)
    journal.once(key, b"another step")
    done = CliRunner().invoke(main, ["monitor", "--home", str(party.home.folder), "--name", "gamma"])
    assert done.exit_code == 76
    assert "InMyName: gamma (hospital) did not make the record 0x" in done.output
