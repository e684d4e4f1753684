"""A coordinator keeps its plan on disk, and a hospital reviews and approves it before any round opens."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.plan_file import plan_file, read_plan
from scripts.wiring.site_policy import policy_file
from tests.support.model_signing import judge
from tests.support.processes import HOSPITALS, Party, free_port, invoke

BEGUN = ("--preset", "synthetic", "--width", "8", "--image-size", "32", "--no-calibrate")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    """Start a coordinator whose hospitals have keys but do not run, and kill it in its first round."""
    party = Party(Home(tmp_path_factory.mktemp("plan")), free_port())
    try:
        party.start_chain()
        found_together(party.home, party.url, [*HOSPITALS, "gamma"])
        boss = party.start("coordinator", "coordinator", "run", *BEGUN)
        boss.wait_for(r"coordinator: opened \(round 1")
        boss.kill()
        yield party
    finally:
        for process in party.processes.values():
            process.kill()


@pytest.fixture
def reviewed(begun: Party, tmp_path: Path) -> tuple[str, ...]:
    """Return the arguments that name a copy of the plan, which the coordinator sent to a hospital."""
    copy, home = tmp_path / "plan.json", str(begun.home.folder)
    shown = invoke("coordinator", "plan", "--home", home, "--out", str(copy))
    assert shown.exit_code == 0, shown.output
    assert "protection: masked; hospitals: at least 3" in shown.output
    policy_file(begun.home.member(HOSPITALS[0])).unlink(missing_ok=True)
    return (str(copy), "--home", home, "--name", HOSPITALS[0])


def test_other_options_than_those_on_disk_are_named_and_open_nothing(begun: Party) -> None:
    home = str(begun.home.folder)
    before = plan_file(begun.home.member("coordinator")).read_bytes()
    wrong = invoke("coordinator", "run", "--home", home, "--width", "16", "--preset", "small")
    assert wrong.exit_code == 78
    assert "width 8 on disk, 16 here" in wrong.output
    assert "preset synthetic on disk, small here" in wrong.output
    assert plan_file(begun.home.member("coordinator")).read_bytes() == before


def test_a_coordinator_without_options_continues_with_the_plan_on_disk(begun: Party) -> None:
    before = read_plan(plan_file(begun.home.member("coordinator")))
    again = begun.start("coordinator", "coordinator", "run", "--rounds", "9")
    again.wait_for("coordinator: ready")
    again.kill()
    after = read_plan(plan_file(begun.home.member("coordinator")))
    assert after.document.configs[0].training["model"] == before.document.configs[0].training["model"]
    assert (before.options["width"], after.options["width"]) == (8, 8)
    assert after.document.rounds == 9, "how many rounds may change"


def test_a_hospital_checks_a_plan_against_its_policy_before_any_round(begun: Party, reviewed: tuple[str, ...]) -> None:
    _plan, *rest = reviewed
    assert invoke("hospital", "policy", "init", *rest).exit_code == 0
    allowed = invoke("hospital", "policy", "check", *reviewed)
    assert allowed.exit_code == 0, allowed.output
    assert "hemanet (width 8, pictures of 32 pixels)" in allowed.output
    file = policy_file(begun.home.member(HOSPITALS[0]))
    file.write_text(file.read_text().replace("max_epochs = 20", "max_epochs = 1"))
    refused = invoke("hospital", "policy", "check", *reviewed)
    assert refused.exit_code == 1
    assert "refused by max_epochs: it trains 2 epochs, and 1 are allowed" in refused.output


def test_what_a_hospital_approves_is_the_digest_that_the_round_will_have(
    begun: Party, reviewed: tuple[str, ...]
) -> None:
    _plan, *rest = reviewed
    invoke("hospital", "policy", "init", *rest)
    approved = invoke("hospital", "policy", "approve", *reviewed, "--yes")
    assert approved.exit_code == 0, approved.output
    document = read_plan(plan_file(begun.home.member("coordinator"))).document
    shown = invoke("hospital", "policy", "show", *rest)
    assert all(digest.hex() in shown.output for digest in document.digests)
    assert invoke("hospital", "policy", "check", *reviewed).exit_code == 0
    file = policy_file(begun.home.member(HOSPITALS[0]))
    file.write_text(file.read_text().replace(document.digests[0].hex(), "00" * 32))
    assert "refused by approved" in invoke("hospital", "policy", "check", *reviewed).output


def test_without_a_file_a_hospital_reviews_the_newest_round_on_the_ledger(
    begun: Party, reviewed: tuple[str, ...]
) -> None:
    _plan, *rest = reviewed
    invoke("hospital", "policy", "init", *rest)
    approved = invoke("hospital", "policy", "approve", *rest, "--yes")
    assert approved.exit_code == 0, approved.output
    assert begun.federation().rounds[0].terms.config_digest.hex() in approved.output


def test_an_exported_model_proves_itself_and_puts_a_lost_file_back(begun: Party, tmp_path: Path) -> None:
    home, target = begun.home, tmp_path / "model.zip"
    where = ("--home", str(home.folder))
    done = invoke("model", "export", str(target), *where, "--name", HOSPITALS[0])
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(target) as archive:
        archive.extractall(tmp_path / "model")
    for name, right in ((HOSPITALS[0], True), (HOSPITALS[1], False)):
        key = invoke("model", "key", str(tmp_path / f"{name}.pem"), *where, "--name", name)
        assert key.exit_code == 0, key.output
        judged = judge(tmp_path / "model", tmp_path / f"{name}.pem")
        assert (judged.returncode == 0) == right, judged.stderr
    assert (tmp_path / f"{HOSPITALS[0]}.pem").read_bytes() == (tmp_path / "model" / "member.pem").read_bytes()
    record = begun.federation().openings[0].record
    shown = subprocess.run(
        [sys.executable, "verify.py"], cwd=tmp_path / "model", capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == record.model_digest.hex()
    assert (
        json.loads((tmp_path / "model" / "proof.json").read_text())["model_digest"] == "0x" + record.model_digest.hex()
    )
    vault = home.vault
    assert vault.delete(record.envelope_digest)
    back = invoke("model", "import", *where, str(target))
    assert back.exit_code == 0, back.output
    assert vault.has(record.envelope_digest)
    (tmp_path / "other").write_bytes((tmp_path / "model" / "model.sealed").read_bytes() + b"x")
    refused = invoke("model", "import", *where, str(tmp_path / "other"))
    assert refused.exit_code == 77
    assert "It was changed, or it belongs to another consortium" in refused.output


def test_a_round_is_aborted_with_a_reason_while_its_coordinator_is_gone(begun: Party) -> None:
    where = ("--home", str(begun.home.folder))
    ended = invoke("coordinator", "abort", *where, "--reason", "the plan was wrong")
    assert ended.exit_code == 0, ended.output
    assert begun.federation().rounds[-1].reason == "the plan was wrong"
    nothing = invoke("coordinator", "abort", "--home", str(begun.home.folder), "--reason", "wrong width")
    assert nothing.exit_code == 78
    assert "no round is running" in nothing.output


def test_an_exported_model_has_its_proofs_once_a_checkpoint_is_cosigned(begun: Party, tmp_path: Path) -> None:
    where, name = ("--home", str(begun.home.folder)), ("--name", HOSPITALS[0])
    early = invoke("model", "export", str(tmp_path / "early.zip"), *where, *name)
    assert "The proofs wait" in early.output, early.output
    witnesses = [*HOSPITALS, "gamma", "auditor"]
    lines = [("log", "init"), *(("witness", "init", "--name", each) for each in witnesses), ("log", "checkpoint")]
    lines += [("witness", "cosign", "--name", each) for each in witnesses]
    for line in [*lines, ("log", "trust", "--out", str(tmp_path / "trust.json"))]:
        done = invoke(*line, *where)
        assert done.exit_code == 0, done.output
    whole = invoke("model", "export", str(tmp_path / "model.zip"), *where, *name)
    assert "Check it offline" in whole.output, whole.output
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert {"model.tlog-proof", "key.tlog-proof", "model.sig", "member.pem"} <= set(archive.namelist())
        archive.extractall(tmp_path / "model")
    judged = judge(tmp_path / "model", tmp_path / "model" / "member.pem")
    assert judged.returncode == 0, judged.stderr
    said = verified(tmp_path, "model.zip", 0)
    assert verified(tmp_path, "model", 0) == said.replace("model.zip: ", "model: ")
    assert "computed again from the weights: it is the signed one" in said
    assert f"{HOSPITALS[0]} (hospital) registered its key of epoch 1" in said
    assert "recorded federation opened" in said
    (tmp_path / "model" / "proof.json").write_text("{}")
    assert "proof.json is not as it was signed" in verified(tmp_path, "model", 76)
    assert "Nothing shows that the ledger names this model" in verified(tmp_path, "early.zip", 75)


def verified(folder: Path, name: str, code: int) -> str:
    """Run `hemaledger verify` in a process that has nothing but the file and the trust file."""
    line = [sys.executable, "-m", "scripts.cli", "verify", name, "--trust", "trust.json"]
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr
