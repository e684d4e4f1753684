"""The dashboard, the alert rules and the guide name only figures that agents have."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import yaml

from fl.events import Event
from scripts.wiring.watch.log import Speaker
from scripts.wiring.watch.metrics import Figures, Heads
from scripts.wiring.watch.probes import Probes
from scripts.wiring.watch.seen import Seen
from tests.support.site_history import small_history

DOCS = Path(__file__).parents[4] / "docs"
MONITORING = DOCS / "monitoring"
NAME = re.compile(r"hemaledger_[a-z_]+")
SITE = {"hemaledger_requests"}


def figures() -> Figures:
    seen = Seen(time.time)
    seen.saw(Event.ALARM)
    made = Figures(Speaker("alpha", "hospital"), "1.4.0", seen, Probes(time.monotonic, {"chain": lambda: None}))
    made.federation = lambda: small_history().federation
    made.heads = lambda: Heads(12, 1_796_000_000, 10)
    made.disk = lambda: (1, 2)
    made.findings = lambda: 1
    return made


def known() -> set[str]:
    return {line.split()[2] for line in figures().text().decode().splitlines() if line.startswith("# TYPE")}


def dashboard() -> str:
    panels = json.loads((MONITORING / "grafana.json").read_text())["panels"]
    return " ".join(target["expr"] for panel in panels for target in panel["targets"])


def rules() -> list[dict[str, object]]:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(dashboard(), id="dashboard"),
        pytest.param(" ".join(str(rule["expr"]) for rule in rules()), id="alerts"),
        pytest.param((DOCS / "monitoring.md").read_text(), id="guide"),
    ],
)
def test_every_figure_that_is_named_exists(text: str) -> None:
    named = set(NAME.findall(text))
    assert named
    assert named - known() == set()


def test_the_guide_explains_every_figure() -> None:
    assert known() - set(NAME.findall((DOCS / "monitoring.md").read_text())) == set()


def test_every_alert_says_what_to_do() -> None:
    for rule in rules():
        annotations = rule["annotations"]
        assert isinstance(annotations, dict)
        assert annotations["summary"]
        assert annotations["action"]


def test_the_figures_of_a_lagging_agent_say_how_far_it_is_behind() -> None:
    assert "hemaledger_ledger_lag_blocks 2.0" in figures().text().decode()
