"""How long one image takes on the site: with a real HTTP server, a session, and the check on the ledger.

Beside it, the bare forward pass of the same model on the same image: what nobody could do faster.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import click
import numpy as np
import requests

from chain.embedded.chain import DevChain
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.training.aggregation.quantise import LocalMetrics, Vector
from fl.training.data.synthetic import draw_cell
from fl.training.evaluation.predict import Predictor
from fl.training.model.device import use_threads
from fl.training.pictures.images import encode_png
from fl.training.presets import DEFAULT_PRESET
from fl.training.recipe import Recipe
from scripts.bench._table import keep, median, show
from scripts.commands.chain import chain_settings
from scripts.demo.together import AUDITOR, COORDINATOR, Work, found_together, gather
from scripts.server.request import Bounds
from scripts.server.server import Server
from scripts.server.site import build_site
from scripts.wiring.home import Home
from scripts.wiring.plans import first_model
from scripts.wiring.site_accounts import seed_demo, site_config

WARM_UP = 5
PERCENTILE = 0.95


@click.command()
@click.option("--images", type=click.IntRange(20, 55), default=50, show_default=True)
def main(images: int) -> None:
    """Measure predictions through the site, one after another."""
    use_threads(1)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Home(Path(folder))
        chain = stack.enter_context(DevChain(chain_settings(home, 0)))
        _one_round(home, chain.url)
        config = site_config(home, "Bench", "UTC", tls=False, demo=True)
        app = build_site(home, "alpha", config).app
        patient, password = next(pair for pair in seed_demo(config, home) if pair[0].startswith("patient"))
        server = Server(app, Bounds(), None, host="127.0.0.1", port=0)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.effective_port}"
        seconds = _through_site(url, (patient.split(": ")[1], password), images)
        server.shut()
    bare = _bare(images)
    rows = [
        ("forward pass alone", 1000 * median(bare), 1000 * _percentile(bare), 1.0),
        ("through the site", 1000 * median(seconds), 1000 * _percentile(seconds), median(seconds) / median(bare)),
    ]
    show(f"One image on one thread, {images} in turn", ("Path", "median (ms)", "p95 (ms)", "ratio"), rows)
    keep("prediction", {"site_p95_ms": rows[1][2], "site_median_ms": rows[1][1], "bare_median_ms": rows[0][1]})


def _one_round(home: Home, url: str) -> None:
    """Make one final round with prepared updates. The quality of the model does not matter for the time."""
    found_together(home, url, ["alpha"])
    recipe = Recipe(DEFAULT_PRESET.spec, DEFAULT_PRESET.local, 1)
    plan = Plan(1, 1, 1, RoundConfig(0.5, 50.0, 100, recipe.to_dict(), LEUKEMIA), 600, 600)
    work = Work(plan, first_model(recipe), {"alpha": _still()}, lambda _model, _config: Evaluation({"auroc": 0.5}))
    gather(home, work, dict.fromkeys((COORDINATOR, AUDITOR, "alpha"), lambda _what, _facts: None)).run(
        lambda _what, _facts: None
    )


def _still() -> Train:
    def train(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
        return task.previous + np.float32(1e-3), LocalMetrics(100, 80, 0.5)

    return train


def _through_site(url: str, account: tuple[str, str], images: int) -> list[float]:
    """Sign in once; return the seconds per image, from upload to the complete result page."""
    session = requests.Session()
    page = session.get(f"{url}/sign-in", timeout=30).text
    form = {"csrf_token": _token(page), "email": account[0], "password": account[1]}
    session.post(f"{url}/sign-in", data=form, timeout=30).raise_for_status()
    seconds = []
    for index in range(WARM_UP + images):
        token = _token(session.get(f"{url}/checks/new", timeout=30).text)
        files = {"image": ("cell.png", encode_png(draw_cell(index % 2, index)), "image/png")}
        began = time.perf_counter()
        answer = session.post(f"{url}/checks/new", data={"csrf_token": token}, files=files, timeout=30)
        seconds.append(time.perf_counter() - began)
        answer.raise_for_status()
        if "/checks/" not in answer.url or answer.url.endswith("/new"):
            raise click.ClickException(f"the site gave no prediction: {answer.url}")
    return seconds[WARM_UP:]


def _bare(images: int) -> list[float]:
    recipe = Recipe(DEFAULT_PRESET.spec, DEFAULT_PRESET.local, 1)
    predictor = Predictor(recipe.spec, first_model(recipe).vector)
    cells = [draw_cell(index % 2, index) for index in range(WARM_UP + images)]
    seconds = []
    for cell in cells:
        began = time.perf_counter()
        predictor.probability(cell)
        seconds.append(time.perf_counter() - began)
    return seconds[WARM_UP:]


def _token(page: str) -> str:
    match = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    if match is None:
        raise click.ClickException("the page has no form")
    return match.group(1)


def _percentile(values: list[float]) -> float:
    return sorted(values)[int(PERCENTILE * (len(values) - 1))]


if __name__ == "__main__":
    main()
