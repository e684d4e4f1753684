from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import LogisticRegression

from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError, SumOutOfBounds, WeightsMismatch
from fl.training.aggregation.newton import NewtonSettings, entries, plan_of
from fl.training.aggregation.newton_step import NewtonState, advance
from fl.training.aggregation.rules import RULES
from fl.training.linear import cholesky, full, inverse, solve

Reals = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

COLUMNS = 9
SETTINGS = NewtonSettings(COLUMNS, 1.0, 10)


def patients(count: int = 600, seed: int = 1) -> tuple[Reals, Labels]:
    draw = np.random.default_rng(seed)
    rows = np.clip(draw.normal(size=(count, COLUMNS)), -16, 16)
    rows[:, 0] = 1
    odds = rows @ draw.normal(size=COLUMNS)
    return rows, (draw.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)


def run(
    hospitals: Sequence[tuple[Reals, Labels]], rounds: int = 8, settings: NewtonSettings = SETTINGS
) -> list[NewtonState]:
    vector, plan = NewtonState.start(settings).to_vector(), plan_of(settings)
    states = []
    for _ in range(rounds):
        candidate = NewtonState.from_vector(vector, settings).candidate
        packed = [plan.pack(entries(rows, labels, candidate, settings)) for rows, labels in hospitals]
        total: Labels = np.sum(packed, axis=0)
        vector = RULES["newton"](vector, plan.unpack(total), len(hospitals), settings.to_dict())
        states.append(NewtonState.from_vector(vector, settings))
    return states


def parts(rows: Reals, labels: Labels, count: int) -> list[tuple[Reals, Labels]]:
    return [(rows[start::count], labels[start::count]) for start in range(count)]


def test_seven_hospitals_find_the_optimum_of_the_pooled_rows() -> None:
    rows, labels = patients()
    pooled, federated = run([(rows, labels)])[-1], run(parts(rows, labels, 7))[-1]
    assert np.abs(pooled.candidate - federated.candidate).max() < 1e-12


def test_the_optimum_is_that_of_an_independent_solver() -> None:
    rows, labels = patients()
    other = LogisticRegression(C=1.0, tol=1e-13, max_iter=10_000, solver="newton-cholesky").fit(rows[:, 1:], labels)
    found = run(parts(rows, labels, 3))[-1].candidate
    assert np.abs(found - np.concatenate([other.intercept_, other.coef_[0]])).max() < 1e-10


def test_eight_rounds_are_enough() -> None:
    rows, labels = patients()
    assert run(parts(rows, labels, 3))[-1].converged


def test_the_covariance_is_the_inverse_of_the_penalised_curvature() -> None:
    rows, labels = patients()
    state = run([(rows, labels)])[-1]
    chance = 1 / (1 + np.exp(-rows @ state.candidate))
    curvature = (rows * (chance * (1 - chance))[:, None]).T @ rows + np.diag([0.0] + [1.0] * (COLUMNS - 1))
    assert np.allclose(full(state.covariance, COLUMNS), np.linalg.inv(curvature), rtol=1e-5, atol=1e-9)


def test_the_background_is_the_mean_row() -> None:
    rows, labels = patients()
    assert np.allclose(run(parts(rows, labels, 4), 1)[0].background, rows.mean(axis=0), atol=1e-7)


def test_a_step_after_which_the_likelihood_falls_is_halved() -> None:
    rows, labels = patients()
    first = run([(rows, labels)], 1)[0]
    far = NewtonState(
        first.accepted + 40.0, first.accepted, first.loss, first.decrement, 1, first.background, first.covariance
    )
    totals = entries(rows, labels, far.candidate, SETTINGS)
    after = advance(far, totals, 1, SETTINGS)
    assert (after.steps, after.accepted.tolist()) == (1, first.accepted.tolist())
    assert np.array_equal(after.candidate, first.accepted + 20.0)


def test_separable_rows_have_an_optimum_because_of_the_ridge() -> None:
    rows, _ = patients(60)
    labels = (rows[:, 1] > 0).astype(np.int64)
    assert run([(rows, labels)], 16)[-1].converged


def test_the_next_vector_is_the_same_on_every_machine() -> None:
    draw = np.random.default_rng(4)
    half = draw.integers(-1000, 1000, size=(3, 3))
    curvature = (half @ half.T + 10_000 * np.eye(3, dtype=np.int64)) << 15
    totals = {
        "patients": np.array([50]),
        "loss": np.array([35 << 24]),
        "gradient": draw.integers(-(2**28), 2**28, 3),
        "gradient_rest": draw.integers(-(2**25), 2**25, 3),
        "curvature": curvature[np.triu_indices(3)].astype(np.int64),
        "inputs": np.array([50, 3, -9]) << 26,
    }
    settings = NewtonSettings(3, 0.7)
    vector = RULES["newton"](NewtonState.start(settings).to_vector(), totals, 5, settings.to_dict())
    assert hashlib.sha256(vector.tobytes()).hexdigest()[:16] == "a40ee5676fb889a9"


def test_a_state_survives_its_vector_to_48_bits() -> None:
    rows, labels = patients()
    state = run([(rows, labels)], 3)[-1]
    again = NewtonState.from_vector(state.to_vector(), SETTINGS)
    assert np.abs(again.candidate - state.candidate).max() < 2.0**-46
    assert again.steps == state.steps


def test_factor_and_solution_are_those_of_lapack() -> None:
    draw = np.random.default_rng(2)
    half = draw.normal(size=(20, 20))
    matrix = half @ half.T + np.eye(20)
    factor = cholesky(matrix)
    assert np.allclose(factor, np.linalg.cholesky(matrix), rtol=1e-12, atol=1e-12)
    assert np.allclose(solve(factor, half[0]), np.linalg.solve(matrix, half[0]), rtol=1e-9, atol=1e-12)
    assert np.allclose(inverse(factor), np.linalg.inv(matrix), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("pivot", [0.0, -1.0, np.nan, np.inf])
def test_a_curvature_that_is_none_is_refused(pivot: float) -> None:
    matrix = np.eye(3)
    matrix[1, 1] = pivot
    with pytest.raises(SumOutOfBounds):
        cholesky(matrix)


def test_no_patient_is_no_round() -> None:
    zeros = {lane.name: np.zeros(lane.length, np.int64) for lane in plan_of(SETTINGS).lanes}
    with pytest.raises(SumOutOfBounds):
        advance(NewtonState.start(SETTINGS), zeros, 3, SETTINGS)


@pytest.mark.parametrize("bits", [0, 1, 10, 12, 20])
def test_no_hospital_can_leave_a_lane_with_the_largest_rows_and_the_worst_candidate(bits: int) -> None:
    settings = NewtonSettings(COLUMNS, 1.0, bits)
    count = min(settings.rows, 2048)
    rows = np.full((count, COLUMNS), -16.0)
    rows[:, 0] = 1
    plan = plan_of(settings)
    for candidate in (np.zeros(COLUMNS), np.full(COLUMNS, 1000.0)):
        plan.pack(entries(rows, np.ones(count, np.int64), candidate, settings))
    assert plan.word_bits == 64 or bits == 0
    assert 1024 * max(lane.high for lane in plan.lanes) <= 2**53


@pytest.mark.parametrize("rows", [np.full((2, COLUMNS), 17.0), np.full((2, COLUMNS), np.nan), np.zeros((2, 3))])
def test_rows_that_do_not_fit_are_refused(rows: Reals) -> None:
    with pytest.raises(EncodingError):
        entries(rows, np.zeros(2, np.int64), np.zeros(COLUMNS), SETTINGS)


def test_more_patients_than_agreed_are_refused() -> None:
    rows, labels = patients(9)
    with pytest.raises(EncodingError):
        entries(rows, labels, np.zeros(COLUMNS), NewtonSettings(COLUMNS, 1.0, 3))


@pytest.mark.parametrize("wrong", [{"columns": 0}, {"ridge": 0.0}, {"ridge": "1"}, {"rows_bits": 21}, {"more": 1}])
def test_settings_out_of_range_are_refused(wrong: dict[str, JsonValue]) -> None:
    with pytest.raises(EncodingError):
        NewtonSettings.from_dict({**SETTINGS.to_dict(), **wrong})


def test_a_vector_of_another_length_is_refused() -> None:
    with pytest.raises(WeightsMismatch):
        NewtonState.from_vector(np.zeros(SETTINGS.length + 1, np.float32), SETTINGS)
