"""The demo's model of a table: invented people, a consortium of its own on the same chain, and a regression.

Invariant: the schema says that a program drew these people, and the site shows that beside every answer.

Source: docs/tables.md. Means and spreads are near those of a study of diabetes; nobody's row is among them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fl.events import Notify
from fl.files import write_atomic
from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.replay.ledger_view import Ports
from fl.roles.auditor import Auditor
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.runner import Agent
from fl.training.tables.federation import task_of
from fl.training.tables.plans import TablePlan
from fl.training.tables.schema import Schema, load_schema
from fl.training.tables.suggestions import SHIPPED
from scripts.commands.coordinator_sums import SUM_W_MAX
from scripts.demo.threads import run_together
from scripts.demo.together import AUDITOR, COORDINATOR, found_together
from scripts.server.tables import TableOptions
from scripts.wiring.home import Home
from scripts.wiring.plans import CLIP, L2_BOUND, fewest
from scripts.wiring.roles import open_ports, privacy_limit
from scripts.wiring.tables import TableCoordinator, import_table, own_table, table_evaluator, table_trainer

KEY, LIKE = "diabetes", "pima-diabetes"
ROWS, HELD_OUT, ROWS_BITS = 160, 120, 8
TIMEOUT_S = 3600
UNKNOWN = 0.2
"""The share of people of whom a value is not known."""


def table_home(home: Home) -> Home:
    """Return the folder of the demo's second consortium."""
    return Home(home.folder / "table")


def drawn_schema() -> Schema:
    """Return the columns of a shipped schema, for invented people."""
    return replace(
        load_schema(LIKE),
        name="drawn-diabetes",
        source="Drawn by hemaledger demo.",
        licence="CC0",
        population="invented people, whose values a program drew",
        drawn=True,
    )


def draw_people(schema: Schema, count: int, seed: int) -> str:
    """Return the CSV of invented people; the disease follows from glucose, weight, age and relatives."""
    draw = np.random.default_rng(seed)
    lines = [",".join([*schema.names, schema.label])]
    for _ in range(count):
        glucose, weight = draw.normal(121, 31), draw.normal(32, 7)
        age, kin = 21 + draw.gamma(1.2, 10), draw.gamma(2.2, 0.21)
        odds = (glucose - 128) / 18 + (weight - 33) / 7 + (age - 34) / 15 + (kin - 0.47) / 0.5 - 0.8
        values = {
            "Pregnancies": draw.poisson(min(age / 12, 6)),
            "Glucose": glucose,
            "BloodPressure": draw.normal(72, 12) if draw.random() > UNKNOWN else 0,
            "SkinThickness": weight * 0.9 + draw.normal(0, 5) if draw.random() > UNKNOWN else 0,
            "Insulin": math.exp(draw.normal(4.7, 0.6)) if draw.random() > UNKNOWN else 0,
            "BMI": weight,
            "DiabetesPedigreeFunction": kin,
            "Age": age,
        }
        cells = []
        for column in schema.columns:
            value = values[column.name]
            unknown = value == 0 and "0" in column.missing
            cells.append("0" if unknown else f"{min(max(value, column.low), column.high):.{_places(column.name)}f}")
        lines.append(",".join([*cells, str(int(draw.random() < 1 / (1 + math.exp(-odds))))]))
    return "\n".join(lines) + "\n"


def _places(name: str) -> int:
    return {"BMI": 1, "DiabetesPedigreeFunction": 3}.get(name, 0)


def train_demo_table(
    home: Home, url: str, hospitals: Sequence[str], protection: Protection, seed: int, notify: Notify
) -> None:
    """Found the second consortium, and train until the regression has its optimum. It may be repeated."""
    schema, own = drawn_schema(), table_home(home)
    found_together(own, url, hospitals, (), task_of(schema))
    for place, name in enumerate((AUDITOR, *hospitals)):
        member = own.member(name)
        source = member.folder / "drawn.csv"
        count = HELD_OUT if name == AUDITOR else ROWS
        write_atomic(source, draw_people(schema, count, seed + place).encode())
        import_table(source, schema, member)
    plan = Plan(
        rounds=0,
        min_commitments=fewest(protection, len(hospitals)),
        attestations=1,
        config=RoundConfig(CLIP, L2_BOUND, SUM_W_MAX, {}, task_of(schema)),
        commit_timeout_s=TIMEOUT_S,
        close_timeout_s=TIMEOUT_S,
        min_hospitals=len(hospitals),
        protection=protection,
    )
    leader = TableCoordinator(_ports(own, COORDINATOR, notify), plan, TablePlan(schema, rows_bits=ROWS_BITS))
    run_together(leader, lambda: leader.done, _others(own, hospitals, notify), notify)


def _others(own: Home, hospitals: Sequence[str], notify: Notify) -> list[Agent]:
    evaluate = table_evaluator(own_table(own.member(AUDITOR)))
    agents: list[Agent] = [Auditor(_ports(own, AUDITOR, notify), evaluate)]
    for name in hospitals:
        member = own.member(name)
        train, task = table_trainer(own_table(member), name)
        agents.append(Hospital(_ports(own, name, notify), train, task=task, limit=privacy_limit(member)))
    return agents


def _ports(own: Home, name: str, notify: Notify) -> Ports:
    return open_ports(own, own.member(name), notify)


def demo_tables(home: Home) -> TableOptions:
    """Return the options of the demo's site; the general texts are those for diabetes."""
    texts = SHIPPED.read_text(encoding="utf-8").replace(f'"{LIKE}"', f'"{drawn_schema().name}"')
    path = home.folder / "site" / "suggestions.json"
    write_atomic(path, json.dumps(json.loads(texts)).encode())
    return TableOptions({KEY: table_home(home)}, path)
