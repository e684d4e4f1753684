"""`hemaledger serve` and the process of its model: killed, restarted, and ended with the site."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests

from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.background_training import TrainingJob
from fl.training.aggregation.quantise import LocalMetrics, Vector
from fl.training.data.synthetic import draw_cell
from fl.training.local.config import LocalConfig
from fl.training.model.spec import ModelSpec
from fl.training.pictures.images import encode_png
from fl.training.recipe import Recipe
from scripts.demo.together import AUDITOR, COORDINATOR, Work, found_together, gather
from scripts.wiring.home import Home
from scripts.wiring.plans import first_model
from scripts.wiring.site_accounts import seed_demo, site_config
from tests.support.processes import Party, free_port

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")]
RECIPE = Recipe(ModelSpec(size_px=32, width=8), LocalConfig(), 1)
WAIT_S = 60


def still(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
    """Learn next to nothing: how good the model is does not matter here, but an untrained one would not be served."""
    return task.previous + np.float32(1e-3), LocalMetrics(100, 80, 0.5)


@pytest.fixture
def party(tmp_path: Path) -> Iterator[Party]:
    """A chain and one final round of a hospital."""
    found = Party(Home(tmp_path / "run"), free_port())
    try:
        found.start_chain()
        found_together(found.home, found.url, ["alpha"])
        plan = Plan(1, 1, 1, RoundConfig(0.5, 50.0, 100, RECIPE.to_dict(), LEUKEMIA), 600, 600)
        work = Work(plan, first_model(RECIPE), {"alpha": still}, lambda _model, _config: Evaluation({"auroc": 0.5}))
        notify = dict.fromkeys((COORDINATOR, AUDITOR, "alpha"), lambda _what, _facts: None)
        gather(found.home, work, notify).run(lambda _what, _facts: None)
        yield found
    finally:
        for process in found.processes.values():
            process.kill()


class Patient:
    """A signed-in patient."""

    def __init__(self, address: str, home: Home) -> None:
        self._address = address
        self._session = requests.Session()
        accounts = seed_demo(site_config(home, "", "UTC", tls=False), home)
        name, password = next(pair for pair in accounts if pair[0].startswith("patient"))
        self._post("/sign-in", {"email": name.split(": ")[1], "password": password})

    def check(self) -> str:
        """Upload a picture and return the path of the page that it leads to."""
        picture = {"image": ("cell.png", encode_png(draw_cell(1, 1)), "image/png")}
        return self._post("/checks/new", {}, picture)

    def _post(self, path: str, fields: dict[str, str], files: dict[str, tuple[str, bytes, str]] | None = None) -> str:
        page = self._session.get(self._address + path, timeout=WAIT_S).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token, page
        data = {"csrf_token": token[1], **fields}
        answer = self._session.post(self._address + path, data=data, files=files, timeout=WAIT_S)
        assert answer.status_code == 200, answer.text
        return answer.url.removeprefix(self._address)


def children(pid: int) -> list[int]:
    """Return the processes that a process started, by any of its threads."""
    return [int(word) for part in Path(f"/proc/{pid}/task").glob("*/children") for word in part.read_text().split()]


def test_the_site_has_no_torch_and_its_models_process_may_be_killed(party: Party) -> None:
    site, address = party.start_site("alpha")
    patient = Patient(address, party.home)
    assert re.fullmatch(r"/checks/\d+", patient.check())
    assert "libtorch" not in Path(f"/proc/{site.pid}/maps").read_text(encoding="utf-8")
    [child] = children(site.pid)
    assert "libtorch" in Path(f"/proc/{child}/maps").read_text(encoding="utf-8")
    os.kill(child, signal.SIGKILL)
    assert re.fullmatch(r"/checks/\d+", patient.check())
    [after] = children(site.pid)
    assert after != child
    handle = os.pidfd_open(after)
    site.kill()
    assert select.select([handle], [], [], WAIT_S)[0], "it outlives the site"
    os.close(handle)
