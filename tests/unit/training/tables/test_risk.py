from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from fl.protocol.errors import DatasetUnusable, EncodingError, SettingInvalid, WeightsMismatch
from fl.training.tables.answer import Risk
from fl.training.tables.design import Design, Options
from fl.training.tables.explain import (
    GRADIENTS,
    LINEAR,
    SUBSETS,
    exact_shapley,
    explain_network,
    integrated_gradients,
    linear_shapley,
)
from fl.training.tables.federation import FedAvg, fedavg, newton_fit, shared_statistics
from fl.training.tables.logistic import Logistic, settings_for
from fl.training.tables.mlp import TableNetwork, TableSpec, initial_vector
from fl.training.tables.network import Network, NetworkRecipe
from fl.training.tables.risk import DEVIATES, LAST_LAYER, logistic_risk, network_risk
from fl.training.tables.rows import Table, groups_of, parse_values
from fl.training.tables.saved import SavedModel, load_model, save_model
from fl.training.tables.schema import load_schema, shipped
from fl.training.tables.suggestions import Suggestions, load_suggestions

Reals = npt.NDArray[np.float64]
SCHEMA = load_schema("pima-diabetes")
TEXTS = load_suggestions()
PERSON = parse_values({"Glucose": "300", "BMI": "41", "Age": "52", "Pregnancies": "3", "Insulin": "0"}, SCHEMA)


def drawn(count: int = 400, seed: int = 1) -> Table:
    draw = np.random.default_rng(seed)
    ends = [(column.low, column.high) for column in SCHEMA.columns]
    values = np.stack([low + (high - low) * draw.beta(2, 5, count) for low, high in ends], axis=1)
    labels = (draw.random(count) < 1 / (1 + np.exp(-(values[:, 1] - 190) / 40))).astype(np.int64)
    return Table(SCHEMA, values, labels, groups_of(values), "drawn")


def fitted(options: Options | None = None) -> SavedModel:
    table = drawn()
    design = Design(SCHEMA, shared_statistics([table]), options or Options())
    settings = settings_for(design)
    return SavedModel(design, settings, newton_fit([table], design, settings)[-1].to_vector())


def averaged() -> SavedModel:
    """Train a small network at two hospitals."""
    tables = {str(seed): drawn(150, seed) for seed in (1, 2)}
    design = Design(SCHEMA, shared_statistics(list(tables.values())))
    plan = FedAvg(NetworkRecipe(TableSpec(design.width - 1, (8, 5))), rounds=4)
    return SavedModel(design, plan.recipe.spec, fedavg(tables, design, plan))


MODEL, NETWORK = fitted(), averaged()


def answer(values: Reals = PERSON) -> Risk:
    return MODEL.risk(values, TEXTS)


def regression() -> Logistic:
    assert isinstance(MODEL.model, Logistic)
    return MODEL.model


def network() -> TableNetwork:
    spec = TableSpec(MODEL.design.width - 1, (8, 5))
    return TableNetwork(spec, initial_vector(spec, 3))


def test_the_parts_of_all_inputs_add_up_to_the_distance_from_the_mean_person() -> None:
    model, row = regression(), MODEL.design.matrix(PERSON[None, :])
    distance = float(model.log_odds(row)[0] - model.log_odds(model.background[None, :])[0])
    assert sum(factor.log_odds for factor in answer().factors) == pytest.approx(distance, abs=1e-9)


def test_the_closed_form_is_the_mean_over_all_orders_of_inputs() -> None:
    owners = (-1, 0, 1, 1, 2)
    draw = np.random.default_rng(2)
    model = Logistic(draw.normal(size=5), np.eye(5), draw.normal(size=5))
    row = draw.normal(size=5)
    orders, brute = list(permutations(range(3))), np.zeros(3)
    for order in orders:
        mixed = model.background.copy()
        mixed[0] = row[0]
        for each in order:
            before = mixed @ model.coefficients
            mixed[[owner == each for owner in owners]] = row[[owner == each for owner in owners]]
            brute[each] += mixed @ model.coefficients - before
    assert np.allclose(linear_shapley(model, row, owners), brute / len(orders))


def test_all_subsets_give_the_mean_over_all_orders_of_inputs() -> None:
    spec = TableSpec(4, (6,))
    judge = TableNetwork(spec, initial_vector(spec, 1))
    owners, draw = (-1, 0, 1, 1, 2), np.random.default_rng(5)
    row, background = draw.normal(size=5), draw.normal(size=5)
    row[0] = background[0] = 1.0
    orders, brute = list(permutations(range(3))), np.zeros(3)
    for order in orders:
        mixed = background.copy()
        for each in order:
            before = float(judge.log_odds(mixed[None, :])[0])
            chosen = [owner == each for owner in owners]
            mixed[chosen] = row[chosen]
            brute[each] += float(judge.log_odds(mixed[None, :])[0]) - before
    assert np.allclose(exact_shapley(judge, row, background, owners), brute / len(orders), atol=1e-5)


def test_integrated_gradients_add_up() -> None:
    judge, background = network(), regression().background
    row = MODEL.design.matrix(PERSON[None, :])[0]
    odds = judge.log_odds(np.stack([row, background]))
    parts = integrated_gradients(judge, row, background, MODEL.design.owners)
    assert parts.sum() == pytest.approx(odds[0] - odds[1], abs=5e-3)


def test_a_network_with_more_inputs_than_subsets_can_be_tried_is_explained_by_gradients() -> None:
    spec = TableSpec(17, (4,))
    judge, row = TableNetwork(spec, initial_vector(spec, 1)), np.ones(18)
    assert explain_network(judge, row, row, (-1, *range(17)))[1] == GRADIENTS


def test_the_interval_has_its_probability_inside_and_the_width_of_the_delta_method() -> None:
    found = answer()
    assert found.low < found.probability < found.high
    row = MODEL.design.matrix(PERSON[None, :])[0]
    error = float(np.sqrt(row @ regression().covariance @ row))
    ends = [np.log(end / (1 - end)) for end in (found.low, found.high)]
    assert ends[1] - ends[0] == pytest.approx(2 * DEVIATES * error, rel=1e-6)


def test_the_interval_holds_its_level_for_the_true_log_odds() -> None:
    """Draw 200 tables from a known regression; about 95 % of the intervals hold the true log-odds."""
    draw = np.random.default_rng(8)
    schema = SCHEMA.without(*SCHEMA.names[3:])
    coefficients, held = np.array([-0.3, 0.8, -0.5, 0.4]), 0
    for _ in range(200):
        ends = [(column.low, column.high) for column in schema.columns]
        values = np.stack([low + (high - low) * draw.random(300) for low, high in ends], axis=1)
        scaled = [(values[:, at] - (low + high) / 2) / (high - low) * 3 for at, (low, high) in enumerate(ends)]
        odds = np.stack([np.ones(300), *scaled], axis=1) @ coefficients
        labels = (draw.random(300) < 1 / (1 + np.exp(-odds))).astype(np.int64)
        table = Table(schema, values, labels, groups_of(values), "drawn")
        design = Design(schema, shared_statistics([table]), Options(indicators=False))
        model = Logistic.of(newton_fit([table], design, settings_for(design, 0.01))[-1])
        found = logistic_risk(model, design, values[0], TEXTS)
        true = 1 / (1 + np.exp(-odds[0]))
        held += found.low <= true <= found.high
    assert 180 <= held <= 199


def test_the_answer_says_how_many_of_a_hundred_and_that_a_test_decides() -> None:
    found = answer()
    assert found.people.startswith(f"About {round(100 * found.probability)} of 100 people like you had diabetes")
    assert SCHEMA.population in found.people
    assert "Only a test decides" in found.warning
    assert found.next_step is not None
    assert found.method == LINEAR


def test_only_known_inputs_that_raise_the_risk_bring_a_suggestion() -> None:
    found = answer()
    raising = {factor.column for factor in found.factors if factor.log_odds > 0 and not factor.missing}
    assert found.suggestions
    assert all(set(each.columns) & raising for each in found.suggestions)
    assert "Glucose" in raising
    assert next(factor for factor in found.factors if factor.column == "Insulin").missing


def test_a_network_answers_like_a_regression_and_says_what_its_interval_is_about() -> None:
    found, model = NETWORK.risk(PERSON, TEXTS), NETWORK.model
    assert isinstance(model, Network)
    assert found.low < found.probability < found.high
    assert found.doubt == LAST_LAYER
    assert found.method == SUBSETS
    odds = model.log_odds(np.stack([NETWORK.design.matrix(PERSON[None, :])[0], model.background]))
    assert sum(factor.log_odds for factor in found.factors) == pytest.approx(odds[0] - odds[1], abs=1e-4)
    assert "of 100 people like you" in found.people
    assert found.next_step is not None
    assert "Only a test decides" in found.warning


def test_more_patients_make_the_interval_of_a_network_narrower() -> None:
    few = NETWORK.model
    assert isinstance(few, Network)
    many = replace(few, covariance=few.covariance / 4)
    wide, narrow = (network_risk(each, NETWORK.design, PERSON, TEXTS) for each in (few, many))
    assert narrow.high - narrow.low < wide.high - wide.low


@pytest.mark.parametrize("words", [{"Glucose": "6000"}, {"Glucose": "high"}, {"Name": "1"}])
def test_values_that_the_schema_does_not_know_get_no_answer(words: dict[str, str]) -> None:
    with pytest.raises(DatasetUnusable):
        parse_values(words, SCHEMA)


def test_values_out_of_range_get_no_answer() -> None:
    wrong = PERSON.copy()
    wrong[1] = 6000.0
    with pytest.raises(DatasetUnusable):
        answer(wrong)


@pytest.mark.parametrize("saved", [MODEL, NETWORK], ids=["regression", "network"])
def test_a_saved_model_gives_the_same_answer(saved: SavedModel, tmp_path: Path) -> None:
    save_model(saved, tmp_path / "model.json")
    loaded = load_model(tmp_path / "model.json")
    assert loaded.risk(PERSON, TEXTS) == saved.risk(PERSON, TEXTS)
    assert loaded.digest == saved.digest


@pytest.mark.parametrize("change", [{"format": "2"}, {"digest": "00"}, {"vector": "00"}, {"more": 1}])
def test_a_changed_model_is_refused(change: dict[str, object]) -> None:
    document = {**json.loads(MODEL.to_bytes()), **change}
    with pytest.raises(EncodingError):
        SavedModel.from_bytes(json.dumps(document).encode())


def test_settings_of_another_design_are_refused() -> None:
    with pytest.raises(WeightsMismatch):
        SavedModel(fitted(Options(splines=True)).design, MODEL.kind, MODEL.vector)


def test_a_missing_model_is_a_setting_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid):
        load_model(tmp_path / "none.json")


def test_every_shipped_text_names_a_column_of_its_schema_and_an_unreviewed_source() -> None:
    for each in TEXTS.suggestions:
        assert set(each.columns) <= set(load_schema(each.schema).names)
    assert {each.schema for each in TEXTS.next_steps} == set(shipped())
    for each in (*TEXTS.suggestions, *TEXTS.next_steps):
        assert each.reviewer == "not yet reviewed by this hospital"
        assert each.source.startswith(("CDC", "NHS"))


@pytest.mark.parametrize("field", ["source", "licence", "date", "url", "text"])
def test_a_text_without_its_origin_is_refused(field: str) -> None:
    document = json.loads((Path(__file__).parents[4] / "fl/training/tables/suggestions.json").read_text())
    del document["suggestions"][0][field]
    with pytest.raises(EncodingError):
        Suggestions.from_bytes(json.dumps(document).encode())
