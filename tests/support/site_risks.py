"""A site with models of tables: the arithmetic is the real one, on a regression that is fitted here, without a ledger.

Not here: the verified path (site_tables.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from fl.protocol.errors import FederationNotOpened
from fl.roles.serving.current_model import NO_LEDGER
from fl.roles.serving.model_facts import Fact, State, Verification
from fl.training.tables.answer import unlike
from fl.training.tables.design import Design
from fl.training.tables.federation import newton_fit, shared_statistics, task_of
from fl.training.tables.logistic import settings_for
from fl.training.tables.saved import SavedModel
from fl.training.tables.schema import Schema, load_schema
from fl.training.tables.suggestions import load_suggestions
from tests.support.site_services import FakeFederation, sha
from tests.support.site_tables import drawn_rows
from tests.support.site_town import Town
from webui.ports.federation import GoneBack, HeldOut, Report, ServedModel, Services
from webui.ports.tables import Reals, TableAnswer, TableAnswers, TableModel

REPORT = Report(
    {"accuracy": 0.83, "sensitivity": 0.8, "specificity": 0.85, "auroc": 0.9}, data=HeldOut("", 61, 58, "real")
)
HEART, PIMA = load_schema("heart-disease"), load_schema("pima-diabetes")
WHOLE = {"heart": HEART, "diabetes": PIMA}


@cache
def fitted(schema: Schema) -> SavedModel:
    """Return a regression of invented rows."""
    rows = [drawn_rows(schema, name, 120) for name in ("alpha", "beta")]
    design = Design(schema, shared_statistics(rows))
    settings = settings_for(design)
    return SavedModel(design, settings, newton_fit(rows, design, settings)[-1].to_vector())


@dataclass
class FakeTables:
    """Implements TableService."""

    federation: FakeFederation
    schemas: dict[str, Schema]
    ready: bool = True
    asked: int = 0
    went_back: GoneBack | None = None
    """Which models of the table `heart` are no longer in use."""
    unsure: bool = False
    """Whether the ledger is silent when a model answers."""

    def keys(self) -> Sequence[str]:
        return tuple(self.schemas)

    def model(self, key: str) -> TableModel:
        self.federation.ask_ledger()
        if not self.ready:
            raise FederationNotOpened
        schema = self.schemas[key]
        return TableModel(key, schema, self._served(schema), REPORT)

    def answer(self, key: str, values: Reals) -> TableAnswer:
        model, saved = self.model(key), fitted(self.schemas[key])
        self.asked += 1
        return TableAnswer(saved.risk(values, load_suggestions()), unlike(saved.design, values), model)

    def answers(self, key: str, values: Reals) -> TableAnswers:
        model, saved = self.model(key), fitted(self.schemas[key])
        self.asked += 1
        far = tuple(unlike(saved.design, row) for row in values)
        return TableAnswers(np.asarray(saved.risks(values)), far, model)

    def again(self, key: str, model: ServedModel) -> Verification:
        assert key in self.schemas
        right = model.model_digest == fitted(self.schemas[key]).digest
        state = State.CHECKED if right else State.CONTRADICTED
        return Verification(Fact(state, self.federation.clock.now), None, None)

    def gone_back(self, key: str) -> GoneBack | None:
        return self.went_back if key == "heart" else None

    def _served(self, schema: Schema) -> ServedModel:
        checked = Fact(State.CHECKED, self.federation.clock.now)
        ledger = Fact(State.UNKNOWN, checked.at, NO_LEDGER) if self.unsure else checked
        return ServedModel(
            round=8,
            model_digest=fitted(schema).digest,
            envelope_digest=sha(schema.name.encode()),
            protection="masked",
            coordinator_name="North Coordination Office",
            final_at=self.federation.clock.now - 86_400,
            attested_by=("National Audit Laboratory",),
            verification=Verification(ledger, checked, checked, block=412),
            task=task_of(schema),
        )


class RiskTown(Town):
    """A whole site with models of tables."""

    tables: FakeTables

    def __init__(self, folder: Path, schemas: dict[str, Schema] | None = None, **changes: object) -> None:
        self._schemas = WHOLE if schemas is None else schemas
        super().__init__(folder, **{"patient_risks": True, **changes})

    def services(self) -> Services:
        self.tables = FakeTables(self.federation, self._schemas)
        return replace(super().services(), tables=self.tables)


PERSON = {
    "Pregnancies": "3",
    "Glucose": "168",
    "BloodPressure": "",
    "SkinThickness": "",
    "Insulin": "",
    "BMI": "38,2",
    "DiabetesPedigreeFunction": "0.6",
    "Age": "50",
}


def fields(person: dict[str, str]) -> dict[str, str]:
    return {f"column-{place}": person[column.name] for place, column in enumerate(PIMA.columns)}
