"""A small network of a table that answers, trained on rows that a program drew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fl.training.tables.design import Design
from fl.training.tables.federation import FedAvg, fedavg, shared_statistics
from fl.training.tables.mlp import TableSpec
from fl.training.tables.network import Network, NetworkRecipe
from fl.training.tables.rows import Table, read_table
from fl.training.tables.saved import SavedModel
from fl.training.tables.schema import load_schema
from scripts.demo.table import draw_people

SCHEMA = load_schema("pima-diabetes")


@dataclass(frozen=True)
class DrawnNetwork:
    """A network, and rows that it did not learn from."""

    saved: SavedModel
    test: Table

    @property
    def design(self) -> Design:
        return self.saved.design

    @property
    def network(self) -> Network:
        model = self.saved.model
        assert isinstance(model, Network)
        return model


def drawn_network(folder: Path) -> DrawnNetwork:
    """Return a network of two small hospitals."""
    tables = []
    for seed in range(3):
        path = folder / f"{seed}.csv"
        path.write_text(draw_people(SCHEMA, 120, seed))
        tables.append(read_table(path, SCHEMA))
    own = {"alpha": tables[0], "beta": tables[1]}
    design = Design(SCHEMA, shared_statistics(list(own.values())))
    spec = TableSpec(design.width - 1)
    vector = fedavg(own, design, FedAvg(NetworkRecipe(spec)))
    return DrawnNetwork(SavedModel(design, spec, vector.astype(np.float32)), tables[2])
