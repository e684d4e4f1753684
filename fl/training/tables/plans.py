"""What a coordinator of a table plans: its first model, and the configuration of each round.

Invariant: a plan is a value; what comes next depends on it, on the number of final rounds and on the newest model.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.newton import NewtonSettings
from fl.training.aggregation.newton_step import NewtonState
from fl.training.local.config import LocalConfig
from fl.training.model.weights import Manifest
from fl.training.tables.design import USUAL, Design, Options
from fl.training.tables.mlp import TableSpec
from fl.training.tables.network import NETWORK_LOCAL, NETWORK_ROUNDS, NetworkRecipe, first_network
from fl.training.tables.rounds import (
    first_model,
    network_config,
    newton_config,
    reference_config,
    settings_of,
    statistics_config,
    width_of,
)
from fl.training.tables.schema import Schema
from fl.training.vector import Vector


@dataclass(frozen=True)
class TablePlan:
    """A logistic regression.

    Attributes:
        schema: The meaning of the columns.
        options: Of the design matrix.
        ridge: The penalty.
        rows_bits: A hospital has at most 2^rows_bits rows.
        steps: The largest number of Newton rounds; they end earlier at the optimum.
    """

    schema: Schema
    options: Options = USUAL
    ridge: float = 1.0
    rows_bits: int = 12
    steps: int = 8

    @property
    def kind(self) -> NewtonSettings:
        return settings_of(self.schema, self.options, self.ridge, self.rows_bits)

    def first(self) -> tuple[Manifest, Vector]:
        """Return the model with which a federation opens."""
        return first_model(self.kind)

    def statistics(self, base: RoundConfig) -> RoundConfig:
        return statistics_config(self.schema, self.rows_bits, base)

    def config(self, design: Design, _final: int, base: RoundConfig) -> RoundConfig:
        """Return the configuration of the round after this number of final ones, at least 1."""
        return newton_config(design, self.kind, base)

    def until(self, final: int) -> int:
        """Return how many rounds are final when the configuration after `final` of them changes."""
        return 1 + self.steps if final else 1

    def ended(self, final: int, vector: Vector) -> bool:
        """Return whether the newest model is the optimum, or all rounds are final."""
        return NewtonState.from_vector(vector, self.kind).converged or final > self.steps


@dataclass(frozen=True)
class NetworkPlan:
    """The network of the published designs.

    Attributes:
        schema: The meaning of the columns.
        options: Of the design matrix.
        rows_bits: A hospital has at most 2^rows_bits rows.
        rounds: Of training; two more sum statistics and the reference.
        hidden: Units of each hidden layer.
        local: One hospital's training in a round.
        seed: Of the first weights and of the order of rows.
    """

    schema: Schema
    options: Options = USUAL
    rows_bits: int = 12
    rounds: int = NETWORK_ROUNDS
    hidden: tuple[int, ...] = (64, 32)
    local: LocalConfig = field(default=NETWORK_LOCAL)
    seed: int = 0

    @property
    def kind(self) -> TableSpec:
        return TableSpec(width_of(self.schema, self.options) - 1, self.hidden)

    @property
    def recipe(self) -> NetworkRecipe:
        return NetworkRecipe(self.kind, self.local, self.seed)

    def first(self) -> tuple[Manifest, Vector]:
        """Return the model with which a federation opens."""
        return first_network(self.recipe)

    def statistics(self, base: RoundConfig) -> RoundConfig:
        return statistics_config(self.schema, self.rows_bits, base, self.recipe)

    def config(self, design: Design, final: int, base: RoundConfig) -> RoundConfig:
        """Return the configuration of the round after this number of final ones, at least 1."""
        made = network_config if final <= self.rounds else reference_config
        return made(design, self.recipe, self.rows_bits, base)

    def until(self, final: int) -> int:
        """Return how many rounds are final when the configuration after `final` of them changes."""
        return next(end for end in (1, 1 + self.rounds, 2 + self.rounds) if final < end or end == 2 + self.rounds)

    def ended(self, final: int, _vector: Vector) -> bool:
        """Return whether all rounds are final."""
        return final >= 2 + self.rounds


def network_plan(other: TablePlan, rounds: int | None, epochs: int | None, seed: int) -> NetworkPlan:
    """Return a network's plan for the same table; without rounds or epochs, the measured ones."""
    rounds = rounds or NETWORK_ROUNDS
    local = replace(NETWORK_LOCAL, epochs=epochs or NETWORK_LOCAL.epochs, horizon=rounds + 1)
    return NetworkPlan(other.schema, other.options, other.rows_bits, rounds, local=local, seed=seed)
