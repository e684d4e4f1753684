"""The whole story as its people live it: a federation, its audit, a patient in a browser; and its dark twin.

The federation is a demo that was killed three times: it goes on where it was, and nothing is written over.

Every step is a real process: the demo, the chain, the audit, the site, Chromium.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page

from fl.training.data.synthetic import draw_cell
from fl.training.pictures.images import encode_png
from tests.support.browser import CHROMIUM, follow, launched
from tests.support.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
HEMALEDGER = (sys.executable, "-m", "scripts.cli")


def hemaledger(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HEMALEDGER, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False)


@contextmanager
def serving(ready: str, *words: str | Path) -> Iterator[str]:
    """Run a command that keeps running; yield the line that says it is ready."""
    process = subprocess.Popen([*HEMALEDGER, *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = next((line for line in process.stdout if ready in line), "")
        assert line, f"{words[0]} ended before it was ready"
        yield line
    finally:
        process.terminate()
        process.wait(120)


def killed(after: str, *options: str | Path) -> None:
    """Start a demo, and kill it at once after it printed a line that begins with `after`."""
    command = [sys.executable, "-u", "-m", "scripts.cli", "demo", *map(str, options)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert any(line.startswith(after) for line in running.stdout), "the demo ended before that"
        running.kill()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished demo run, which was killed three times and went on."""
    folder = tmp_path_factory.mktemp("story") / "run"
    new = ("--no-serve", "--rounds", "2", "--device", "cpu", "--home", folder)
    resumed = ("--resume", "--no-serve", "--device", "cpu", "--home", folder)
    killed("Preparing images", *new)
    refused = hemaledger("demo", *new)
    assert refused.returncode == 78
    assert f"hemaledger demo --resume --home {folder}" in refused.stderr
    killed("Sharing the key", *resumed)
    killed("Training together", *resumed)
    done = hemaledger("demo", *resumed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(folder)
    return folder


@pytest.fixture(scope="module")
def chain(home: Path) -> Iterator[Path]:
    """Serve the run's chain again, as a process of its own."""
    port = json.loads((home / "consortium.json").read_bytes())["url"].rsplit(":", 1)[1]
    with serving("Chain ready", "chain", "run", "--home", home, "--port", port):
        yield home


@pytest.fixture
def dark(chain: Path) -> Iterator[Path]:
    """Return the run's vault to tamper with; it is put back afterwards."""
    kept = chain / "vault.kept"
    shutil.copytree(chain / "vault", kept)
    yield chain / "vault"
    shutil.rmtree(chain / "vault")
    kept.rename(chain / "vault")


def test_the_summary_holds_metrics_seconds_findings_and_digests(home: Path) -> None:
    summary = json.loads((home / "summary.json").read_bytes())
    assert summary["final_rounds"] == 4, "two that train, and two that calibrate"
    assert summary["audit"]["findings"] == []
    assert summary["model"] == summary["rounds"][-1]["model"]
    for row in summary["rounds"]:
        assert set(row["updates"]) == {"alpha", "beta", "gamma"}
        assert 0 <= row["metrics"]["auroc"] <= 1
        assert {"accuracy", "precision", "recall", "f1", "specificity"} < set(row["metrics"])
    assert {"training", "quantise", "seal", "chain", "vault"} < set(summary["seconds"]["parts"]["alpha"])


def test_a_finished_demo_that_is_resumed_keeps_its_history(home: Path) -> None:
    kept = (home / "summary.json").read_bytes()
    first = json.loads(kept)
    assert (first["final_rounds"], first["audit"]["clean"]) == (4, True)
    assert first["rounds"][-1]["data"]["name"] == "drawn cells"
    done = hemaledger("demo", "--resume", "--home", home, "--no-serve", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    again = json.loads((home / "summary.json").read_bytes())
    (home / "summary.json").write_bytes(kept)  # the seconds of the whole run
    facts = ("model", "consortium", "final_rounds")
    assert [again[fact] for fact in facts] == [first[fact] for fact in facts]


def test_resuming_nothing_says_so(tmp_path: Path) -> None:
    done = hemaledger("demo", "--resume", "--home", tmp_path, "--no-serve")
    assert done.returncode == 78
    assert "holds no demo" in done.stderr


def test_the_chain_restarts_to_the_same_history_and_the_audit_is_clean(chain: Path) -> None:
    done = hemaledger("audit", "--home", chain, "--auditor", "auditor", "--format", "json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert report["findings"] == []
    assert report["checks"]["aggregates"] == 4


@pytest.mark.parametrize("name", ["alpha", "auditor", "coordinator"])
def test_a_monitor_finds_nothing_wrong_in_a_run_that_was_killed_twice(chain: Path, name: str) -> None:
    done = hemaledger("monitor", "--home", chain, "--name", name, "--grace", "0")
    assert (done.returncode, done.stdout) == (0, "Nothing is wrong.\n")


def test_a_round_is_told_in_plain_words(chain: Path) -> None:
    done = hemaledger("audit", "--home", chain, "--auditor", "auditor", "--round", "2", "--explain")
    assert done.returncode == 0, done.stderr
    assert "Round 2 was masked and is final." in done.stdout
    assert "alpha, beta, gamma revealed shares" in done.stdout
    assert "Nobody, the coordinator included, could see one hospital's update" in done.stdout
    missing = hemaledger("audit", "--home", chain, "--round", "9", "--explain")
    assert missing.returncode == 78
    assert "there is no round 9" in missing.stderr


def test_the_newest_model_is_judged_and_its_card_names_the_digest_on_the_ledger(chain: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = hemaledger("evaluate", "--home", chain, "--draws", "20", "--output", out)
    assert done.returncode == 0, done.stderr
    summary = json.loads((chain / "summary.json").read_bytes())
    card = (out / "model-card.html").read_bytes()
    assert summary["model"] in card.decode()
    assert hashlib.sha256(card).hexdigest() in done.stdout
    figures = json.loads((out / "evaluation.json").read_bytes())["whole"]["figures"]
    attested = summary["rounds"][-1]["metrics"]
    for name in ("accuracy", "recall", "specificity", "auroc"):
        assert figures[name]["value"] == pytest.approx(attested[name], abs=0.01)
    nothing = hemaledger("evaluate", "--home", chain, "--compare", "local")
    assert nothing.returncode == 78
    assert "--parts" in nothing.stderr


def test_a_picture_is_explained_from_the_command_line(chain: Path, tmp_path: Path) -> None:
    (tmp_path / "cell.png").write_bytes(encode_png(draw_cell(1, 5)))
    made = tmp_path / "explanation.png"
    done = hemaledger("explain", tmp_path / "cell.png", "--home", chain, "--output", made)
    assert done.returncode == 0, done.stderr
    assert json.loads((chain / "summary.json").read_bytes())["model"] in done.stdout
    assert made.read_bytes().startswith(b"\x89PNG")


def test_an_audit_needs_no_run_folder(chain: Path) -> None:
    place = json.loads((chain / "consortium.json").read_bytes())
    done = hemaledger(
        *("audit", "--rpc", place["url"], "--authority", place["authority"], "--ledger", place["ledger"]),
        *("--vault", chain / "vault"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing was opened or summed" in done.stdout


def test_a_file_is_told_by_whom_and_when(chain: Path) -> None:
    summary = json.loads((chain / "summary.json").read_bytes())
    digest = summary["rounds"][1]["updates"]["beta"][2:]
    done = hemaledger("audit", "--home", chain, "file", chain / "vault" / digest[:2] / digest)
    assert done.returncode == 0, done.stderr
    assert "masked update of round 2, recorded by beta" in done.stdout
    unknown = hemaledger("audit", "--home", chain, "file", chain / "consortium.json")
    assert unknown.returncode == 1
    assert "does not know this file" in unknown.stdout


@pytest.mark.parametrize("kind", ["update", "model", "report"])
def test_dark_twin_a_flipped_bit_is_found_and_named(dark: Path, kind: str) -> None:
    summary = json.loads((dark.parent / "summary.json").read_bytes())
    row = summary["rounds"][0]
    digest = {"update": row["updates"]["gamma"], "model": row["envelope"], "report": _report_digest(dark)}[kind][-64:]
    path = dark / digest[:2] / digest
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = hemaledger("audit", "--home", dark.parent, "--auditor", "auditor", "--format", "json")
    assert done.returncode == 76, done.stdout
    named = {(found["name"], found["round"], found["subject"]) for found in json.loads(done.stdout)["findings"]}
    subject = {"update": "masked update of gamma", "model": "global model", "report": "report of auditor"}[kind]
    assert ("HashMismatch", 1, subject) in named


def test_dark_twin_swapped_files_are_found(dark: Path) -> None:
    updates = json.loads((dark.parent / "summary.json").read_bytes())["rounds"][1]["updates"]
    first, second = (dark / updates[name][2:4] / updates[name][2:] for name in ("alpha", "beta"))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    done = hemaledger("audit", "--home", dark.parent, "--auditor", "auditor")
    assert done.returncode == 76
    assert "A file is not the recorded one (round 2, masked update of alpha)" in done.stdout
    assert "A file is not the recorded one (round 2, masked update of beta)" in done.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the browser part of the story is not run")
def test_a_patient_gets_a_prediction_from_the_model_that_the_ledger_confirms(chain: Path, tmp_path: Path) -> None:
    image = tmp_path / "cell.png"
    image.write_bytes(encode_png(draw_cell(1, 5)))
    with _site(chain) as page:
        _sign_up(page)
        page.goto("/checks/new")
        page.set_input_files("input[type=file]", image)
        page.check("input[name=drawn]")
        follow(page, "main [type=submit]")
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        text = page.inner_text("main")
    assert "trained on drawn cells" in text
    model = json.loads((chain / "summary.json").read_bytes())["model"]
    assert "round 4" in text.lower(), "the last round that calibrated the model"
    assert model[2:10] in text


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the browser part of the story is not run")
def test_dark_twin_a_tampered_model_never_predicts(dark: Path) -> None:
    envelope = json.loads((dark.parent / "summary.json").read_bytes())["rounds"][1]["envelope"][2:]
    path = dark / envelope[:2] / envelope
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
    with _site(dark.parent) as page:
        answer = page.goto("/")
        text = page.inner_text("main")
    assert answer is not None
    assert "%" not in text.split("model")[0]
    assert "Traceback" not in text


@contextmanager
def _site(home: Path) -> Iterator[Page]:
    """Serve the site as hospital alpha and open a browser on it."""
    port = str(free_port())
    site = serving("The site is at", "serve", "--home", home, "--name", "alpha", "--port", port)
    with site, launched() as browser:
        yield browser.new_page(base_url=f"http://127.0.0.1:{port}")


def _sign_up(page: Page) -> None:
    page.goto("/sign-up")
    page.fill("input[name=name]", "Ada Moreau")
    page.fill("input[name=email]", "ada@patients.example")
    page.fill("input[name=date_of_birth]", "1990-02-03")
    for field in page.query_selector_all("input[type=password]"):
        field.fill("a long and quiet river")
    follow(page, "main [type=submit]")


def _report_digest(vault: Path) -> str:
    """Return the digest of round 1's report: the one small JSON file that names round 1."""
    for path in vault.glob("*/*"):
        if path.stat().st_size < 4096 and b'"round":1,' in path.read_bytes():
            return path.name
    raise AssertionError("there is no report")
