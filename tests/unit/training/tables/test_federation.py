from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from fl.protocol.errors import EncodingError, SettingInvalid, WeightsMismatch
from fl.training.aggregation.newton import REACH, NewtonSettings
from fl.training.aggregation.newton_step import NewtonState
from fl.training.local.config import LocalConfig
from fl.training.local.train import TrainContext
from fl.training.privacy.terms import Privacy
from fl.training.tables import statistics
from fl.training.tables.design import Design, Options
from fl.training.tables.federation import FedAvg, fedavg, fit_rows, newton_fit, shared_statistics
from fl.training.tables.logistic import Logistic, manifest_of, probability, settings_for
from fl.training.tables.mlp import TableNetwork, TableSpec, initial_vector, manifest_of_spec, train_rows
from fl.training.tables.network import (
    NETWORK_LOCAL,
    Network,
    NetworkRecipe,
    first_network,
    manifest_of_network,
    train_network,
)
from fl.training.tables.rows import Table, groups_of, joined
from fl.training.tables.schema import load_schema
from fl.training.tables.statistics import Statistics
from fl.training.tables.study import FEDERATED, POOLED, Plan, compare, cross_validate, divide

Reals = npt.NDArray[np.float64]
SCHEMA = load_schema("heart-disease")


def drawn(count: int, seed: int, missing: float = 0.1) -> Table:
    """Draw patients of the heart disease schema, whose disease depends on age and angina."""
    draw = np.random.default_rng(seed)
    columns = []
    for column in SCHEMA.columns:
        if column.categories:
            values = draw.integers(0, len(column.categories), count).astype(np.float64)
        else:
            values = np.round(column.low + (column.high - column.low) * draw.beta(4, 4, count), 1)
        values[draw.random(count) < missing] = np.nan
        columns.append(values)
    matrix = np.stack(columns, axis=1)
    age, angina = np.nan_to_num(matrix[:, 0], nan=60.0), np.nan_to_num(matrix[:, 8], nan=0.5)
    labels = (draw.random(count) < probability((age - 64) / 8 + 2 * angina - 1)).astype(np.int64)
    return Table(SCHEMA, matrix, labels, groups_of(matrix), f"drawn {seed}")


HOSPITALS = [drawn(120, 1), drawn(60, 2, 0.4), drawn(17, 3)]


def test_statistics_are_those_of_the_pooled_rows() -> None:
    found, values = shared_statistics(HOSPITALS), joined(HOSPITALS).values
    for (place, column), mean, spread in zip(statistics.measured(SCHEMA), found.means, found.spreads, strict=True):
        width = column.high - column.low
        assert abs(mean - np.nanmean(values[:, place])) < 1e-9 * width
        if not column.categories:
            assert abs(spread - np.nanstd(values[:, place])) < 1e-7 * width


def test_a_column_that_nobody_knows_gets_the_middle_of_its_range() -> None:
    values = HOSPITALS[0].values.copy()
    values[:, 0] = np.nan
    found = shared_statistics([Table(SCHEMA, values, HOSPITALS[0].labels, groups_of(values), "unknown age")])
    assert (found.means[0], found.spreads[0]) == (64.0, 92.0)


def test_more_rows_than_agreed_are_refused() -> None:
    with pytest.raises(EncodingError):
        statistics.entries(HOSPITALS[0], 4)


def test_a_value_out_of_range_never_reaches_a_sum() -> None:
    values = HOSPITALS[0].values.copy()
    values[:, 0] = 1e9
    table = Table(SCHEMA, values, HOSPITALS[0].labels, groups_of(values), "wrong")
    with pytest.raises(EncodingError):
        statistics.entries(table, 12)


@pytest.mark.parametrize("options", [Options(), Options(indicators=False), Options(splines=True)])
def test_a_design_has_no_missing_value_and_survives_its_document(options: Options) -> None:
    design = Design(SCHEMA, shared_statistics(HOSPITALS), options)
    rows = design.of(HOSPITALS[1])
    assert rows.shape == (60, design.width) == (60, len(design.owners))
    assert np.isfinite(rows).all()
    assert np.abs(rows).max() <= REACH
    assert (rows[:, 0] == 1).all()
    assert Design.from_dict(design.to_dict()) == design


def test_a_missing_number_is_the_mean_and_has_its_indicator() -> None:
    design = Design(SCHEMA, shared_statistics(HOSPITALS))
    values = np.full((1, len(SCHEMA.columns)), np.nan)
    row = dict(zip(design.names, design.matrix(values)[0].tolist(), strict=True))
    assert (row["age"], row["age missing"], row["cp=2"], row["cp missing"]) == (0.0, 1.0, 0.0, 1.0)


def test_a_spline_is_linear_beyond_its_outer_knots() -> None:
    mean, spread = 50.0, 10.0
    schema = SCHEMA.without(*SCHEMA.names[1:])
    design = Design(schema, Statistics((mean,), (spread,)), Options(splines=True))
    rows = design.matrix(mean + spread * np.array([[-3.0], [-2.0], [2.0], [3.0], [4.0]]))
    first = rows[:, design.names.index("age'")]
    assert first[0] == first[1] == 0.0
    assert first[4] - first[3] == pytest.approx(first[3] - first[2])


def test_means_and_spreads_of_another_schema_are_refused() -> None:
    with pytest.raises(EncodingError):
        Design(SCHEMA, Statistics((0.0,), (1.0,)))


def test_federated_newton_steps_give_the_digits_of_pooled_training() -> None:
    pooled_rows = [joined(HOSPITALS)]
    designs = [Design(SCHEMA, shared_statistics(tables)) for tables in (HOSPITALS, pooled_rows)]
    federated = newton_fit(HOSPITALS, designs[0], settings_for(designs[0]))
    pooled = newton_fit(pooled_rows, designs[1], settings_for(designs[1]))
    printed = [[f"{value:.6f}" for value in states[-1].candidate] for states in (federated, pooled)]
    assert printed[0] == printed[1]
    assert len(federated) <= 8


def test_a_ridge_head_on_frozen_features_is_the_head_of_the_pooled_features() -> None:
    draw = np.random.default_rng(6)
    features = np.concatenate([np.ones((300, 1)), np.clip(draw.normal(size=(300, 120)), -16, 16)], axis=1)
    labels = (draw.random(300) < probability(features[:, 1] - features[:, 2])).astype(np.int64)
    settings = NewtonSettings(121, 10.0, 9)
    parts = [(features[start::3], labels[start::3]) for start in range(3)]
    pooled, federated = fit_rows([(features, labels)], settings), fit_rows(parts, settings)
    assert len(federated) <= 8
    assert np.abs(pooled[-1].candidate - federated[-1].candidate).max() < 1e-10


def test_the_served_model_is_read_from_the_vector_of_the_last_round() -> None:
    design = Design(SCHEMA, shared_statistics(HOSPITALS))
    settings = settings_for(design)
    state = newton_fit(HOSPITALS, design, settings)[-1]
    vector = state.to_vector()
    assert manifest_of(settings).length == vector.size
    served = Logistic.from_vector(vector, settings)
    assert np.allclose(served.coefficients, state.candidate, atol=1e-12)
    assert NewtonState.from_vector(vector, settings).converged


def test_the_network_of_the_published_designs_has_64_and_32_units() -> None:
    spec = TableSpec(13)
    assert manifest_of_spec(spec).length == 13 * 64 + 64 + 64 * 32 + 32 + 32 * 2 + 2
    assert TableSpec.from_dict(spec.to_dict()) == spec


def test_local_training_depends_on_its_arguments_only_and_lowers_the_loss() -> None:
    design = Design(SCHEMA, shared_statistics(HOSPITALS))
    rows, labels = design.of(HOSPITALS[0]), HOSPITALS[0].labels
    spec = TableSpec(design.width - 1)
    start = initial_vector(spec, 7)
    config = LocalConfig(epochs=15, batch=16, augment=0.0, weight_decay=0.0)
    once, again = (train_rows(spec, start, rows, labels, config, TrainContext(1, 1, "alpha")) for _ in range(2))
    other = train_rows(spec, start, rows, labels, config, TrainContext(1, 1, "beta"))
    assert np.array_equal(once.vector, again.vector)
    assert not np.array_equal(once.vector, other.vector)
    before, after = (_loss(TableNetwork(spec, each).log_odds(rows), labels) for each in (start, once.vector))
    assert after < before


def _loss(odds: Reals, labels: npt.NDArray[np.int64]) -> float:
    return float(np.logaddexp(0.0, np.where(labels == 1, -odds, odds)).mean())


@pytest.mark.parametrize(
    "config",
    [
        LocalConfig(),
        LocalConfig(augment=0, mu=1),
        LocalConfig(augment=0, held_back=0.2),
        LocalConfig(augment=0, class_balance=0, clip_norm=0, privacy=Privacy(1.0, 1.0, 0.5, 1e-5)),
    ],
)
def test_settings_that_tables_do_not_have_are_refused(config: LocalConfig) -> None:
    spec = TableSpec(3)
    with pytest.raises(SettingInvalid, match="must be 0"):
        train_rows(
            spec,
            initial_vector(spec, 0),
            np.ones((4, 4)),
            np.array([0, 1, 0, 1]),
            config,
            TrainContext(1, 1, "a"),
        )


@pytest.mark.parametrize("shape", [(0, (64, 32), 2), (5, (0,), 2), (5, (8,) * 9, 2), (5, (64, 32), 1)])
def test_a_network_out_of_range_is_refused(shape: tuple[int, tuple[int, ...], int]) -> None:
    with pytest.raises(WeightsMismatch):
        TableSpec(*shape)


def test_one_hospital_of_fedavg_with_one_round_is_training_alone() -> None:
    design = Design(SCHEMA, shared_statistics(HOSPITALS[:1]))
    plan = FedAvg(NetworkRecipe(TableSpec(design.width - 1, (8,))), rounds=1)
    table = HOSPITALS[0]
    together = Network.from_vector(fedavg({"alpha": table}, design, plan), plan.recipe.spec)
    first, context = first_network(plan.recipe)[1], TrainContext(0, 2, "alpha")
    alone, _ = train_network(plan.recipe, first, design.of(table), table.labels, context)
    odds = TableNetwork(plan.recipe.spec, alone[: -plan.recipe.reference().length]).log_odds(design.of(table))
    assert np.abs(together.log_odds(design.of(table)) - odds).max() < 1e-5


def test_the_numbers_behind_a_networks_weights_are_the_mean_row_and_the_covariance_of_its_last_layer() -> None:
    design = Design(SCHEMA, shared_statistics(HOSPITALS))
    plan = FedAvg(NetworkRecipe(TableSpec(design.width - 1, (8, 5))), rounds=2)
    vector = fedavg({table.source: table for table in HOSPITALS}, design, plan)
    assert manifest_of_network(plan.recipe.spec).length == vector.size
    model = Network.from_vector(vector, plan.recipe.spec)
    rows = np.concatenate([design.of(table) for table in HOSPITALS])
    assert np.allclose(model.background, rows.mean(axis=0), atol=1e-6)
    units = model.judge.units(rows)
    odds = units @ model.judge.head
    assert np.allclose(odds, model.log_odds(rows), atol=1e-5)
    chance = probability(odds)
    curvature = (units * (chance * (1 - chance))[:, None]).T @ units + np.eye(6)
    assert np.allclose(model.covariance, np.linalg.inv(curvature), atol=1e-5)


def test_training_leaves_the_numbers_behind_the_weights_as_they_are() -> None:
    design = Design(SCHEMA, shared_statistics(HOSPITALS))
    recipe = NetworkRecipe(TableSpec(design.width - 1, (8,)))
    first = first_network(recipe)[1]
    behind = recipe.reference().length
    first[-behind:] = np.arange(behind)
    rows, labels = design.of(HOSPITALS[2]), HOSPITALS[2].labels
    learned, metrics = train_network(recipe, first, rows, labels, TrainContext(0, 1, "alpha"))
    assert np.array_equal(learned[-behind:], first[-behind:])
    assert not np.array_equal(learned, first)
    assert metrics.samples == len(labels)


def test_a_network_without_its_last_round_does_not_answer() -> None:
    recipe = NetworkRecipe(TableSpec(4))
    with pytest.raises(WeightsMismatch, match="last round"):
        Network.from_vector(first_network(recipe)[1], recipe.spec)


@pytest.mark.parametrize(
    "local",
    [replace(NETWORK_LOCAL, augment=1.0), replace(NETWORK_LOCAL, mu=0.1), replace(NETWORK_LOCAL, held_back=0.2)],
)
def test_a_recipe_of_a_table_has_no_setting_for_pictures(local: LocalConfig) -> None:
    with pytest.raises(EncodingError):
        NetworkRecipe(TableSpec(4), local)


def test_a_recipe_survives_its_document_and_another_models_document_is_none() -> None:
    recipe = NetworkRecipe(TableSpec(4, (3,)), seed=5)
    assert NetworkRecipe.of({**recipe.to_dict(), "design": {}}) == recipe
    assert NetworkRecipe.of({"model": {"kind": "groupnorm"}}) is None
    assert NetworkRecipe.of({"design": {}}) is None
    with pytest.raises(EncodingError):
        NetworkRecipe.of({**recipe.to_dict(), "model": TableSpec(4, classes=3).to_dict()})


def test_every_way_of_training_answers_every_test_row() -> None:
    named = dict(zip(("a", "b", "c"), HOSPITALS, strict=True))
    test = drawn(40, 9)
    answers = compare(named, test, Plan(seeds=()))
    assert [answer.trained for answer in answers] == [POOLED, FEDERATED, "only a", "only b", "only c"]
    assert all(answer.probabilities.shape == (1, 40) for answer in answers)
    assert np.abs(answers[0].probabilities - answers[1].probabilities).max() < 1e-8


def test_a_plan_has_room_for_the_pooled_rows() -> None:
    assert [Plan().for_rows(count).rows_bits for count in (1, 4096, 4097, 100_000)] == [12, 12, 13, 17]


def test_cross_validation_answers_each_row_by_models_that_saw_none_like_it() -> None:
    table = drawn(90, 5)
    answers = cross_validate(table, ("a", "b"), 3, Plan(ridge=1.0, seeds=()))
    assert all((answer.probabilities > 0).all() for answer in answers)


def test_a_division_gives_each_row_to_one_hospital() -> None:
    table = drawn(90, 5)
    assert sum(map(len, divide(table, ("a", "b", "c"), 1).values())) == 90
