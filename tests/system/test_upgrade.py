"""A home of an older version runs on: its chain starts, its audit is clean, its members go on with the next round.

`home-0.1.0.tar.xz` was made by commit 4cc1ea1f (version 0.1.0, 2026-11-27): three hospitals, an auditor, a coordinator,
drawn cells, one masked round that is final. The passwords in it are random and open nothing else.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.protocol.names import Protection
from fl.protocol.rounds.round import Phase
from scripts.wiring.home import Home
from tests.support.processes import Party, free_port, invoke

ARCHIVE = Path(__file__).resolve().parents[1] / "vectors" / "home-0.1.0.tar.xz"
HOSPITALS = ("alpha", "beta", "gamma")
SAME = (
    *("--preset", "synthetic", "--width", "8", "--image-size", "16", "--epochs", "1", "--hospitals", "3"),
    *("--word-bits", "32", "--no-calibrate"),
)
"""The options of that coordinator."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    found = Party(Home(folder / "run"), free_port())
    document = json.loads(found.home.deployment_file.read_bytes())
    found.home.deployment_file.write_text(json.dumps({**document, "url": found.url}), encoding="utf-8")
    try:
        found.start_chain()
        yield found
    finally:
        for process in found.processes.values():
            process.kill()


def test_the_chain_of_an_older_home_starts_at_its_newest_block(party: Party) -> None:
    last = (party.home.chain / "heads.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    assert party.head() == json.loads(last)["hash"]
    assert [each.phase for each in party.federation().rounds] == [Phase.FINAL]


def test_members_of_an_older_home_go_on_with_the_next_round(party: Party) -> None:
    for name in HOSPITALS:
        party.start_hospital(name)
    party.start("auditor", "auditor", "run")
    coordinator = party.start("coordinator", "coordinator", "run", *SAME, "--rounds", "2")
    coordinator.wait_for("final")
    assert coordinator.exit_code() == 0
    rounds = party.federation().rounds
    assert [(each.phase, each.terms.protection) for each in rounds] == 2 * [(Phase.FINAL, Protection.MASKED)]
    assert [len(each.hospitals) for each in rounds] == [3, 3]
    audited = party.audit()
    assert audited.exit_code == 0, audited.output


def test_an_older_home_is_found_well_and_can_be_backed_up(
    party: Party, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = invoke("doctor", "--home", str(party.home.folder), "--name", "alpha")
    assert "FAIL" not in checked.output, checked.output
    monkeypatch.setenv("HEMALEDGER_BACKUP_PASSWORD", "four random words of a backup")
    made = invoke("backup", str(tmp_path / "a.age"), "--home", str(party.home.folder), "--with", "chain")
    assert made.exit_code == 0, made.output
