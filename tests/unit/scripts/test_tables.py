"""`hemaledger tables` on drawn rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from scripts.commands.tables import tables

HEADER = "Pregnancies,Glucose,BloodPressure,SkinThickness,Insulin,BMI,DiabetesPedigreeFunction,Age,Outcome"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    draw = np.random.default_rng(1)
    lines = [HEADER]
    for _ in range(150):
        glucose, bmi, age = draw.integers(70, 250), round(float(draw.uniform(18, 50)), 1), draw.integers(21, 80)
        ill = int(draw.random() < 1 / (1 + np.exp(-(glucose - 150) / 20)))
        lines.append(f"{draw.integers(0, 9)},{glucose},{draw.integers(50, 100)},0,0,{bmi},0.5,{age},{ill}")
    path = tmp_path / "clinic.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def call(*words: str) -> Result:
    return CliRunner().invoke(tables, list(words))


def test_a_table_is_trained_in_every_way_and_the_model_answers_for_a_person(rows: Path, tmp_path: Path) -> None:
    model = str(tmp_path / "model.json")
    trained = call("train", str(rows), "--schema", "pima-diabetes", "--no-network", "--model", model)
    assert trained.exit_code == 0, trained.output
    for way in ("pooled", "federated", "only hospital-1", "only hospital-2", "only hospital-3"):
        assert way in trained.output
    answer = call("risk", model, "--value", "Glucose=230", "--value", "Age=60")
    assert answer.exit_code == 0, answer.output
    assert "of 100 people like you had diabetes" in answer.output
    assert "Only a test decides" in answer.output
    assert "reviewer: not yet reviewed by this hospital" in answer.output


def test_the_texts_can_be_copied_edited_and_used(rows: Path, tmp_path: Path) -> None:
    model, texts = str(tmp_path / "model.json"), tmp_path / "texts.json"
    assert call("train", str(rows), "--schema", "pima-diabetes", "--no-network", "--model", model).exit_code == 0
    assert call("suggestions", str(texts)).exit_code == 0
    texts.write_text(texts.read_text().replace("not yet reviewed by this hospital", "Dr. Noor, North Hospital"))
    answer = call("risk", model, "--value", "Glucose=230", "--suggestions", str(texts))
    assert "reviewer: Dr. Noor, North Hospital" in answer.output
    assert call("suggestions", str(texts)).exit_code == 78
    texts.write_text(texts.read_text().replace('"Glucose"', '"Glukose"'))
    wrong = call("risk", model, "--suggestions", str(texts))
    assert wrong.exit_code == 65
    assert "no column 'Glukose'" in wrong.output


def test_a_check_counts_rows_and_missing_values(rows: Path) -> None:
    checked = call("check", str(rows), "--schema", "pima-diabetes")
    assert "clinic: 150 rows" in checked.output
    assert "300 missing values" in checked.output


def test_a_wrong_value_is_one_sentence_with_its_place_and_exit_code_65(rows: Path) -> None:
    rows.write_text(rows.read_text().replace("0.5,", "50,", 1))
    checked = call("check", str(rows), "--schema", "pima-diabetes")
    assert checked.exit_code == 65
    assert "line 2, column 'DiabetesPedigreeFunction'" in checked.output


def test_an_unknown_schema_names_the_ones_that_come_along(rows: Path) -> None:
    checked = call("check", str(rows), "--schema", "cholera")
    assert checked.exit_code == 78
    assert "early-stage-diabetes" in checked.output


def test_two_files_of_one_name_are_refused(rows: Path) -> None:
    assert call("check", str(rows), str(rows), "--schema", "pima-diabetes").exit_code == 78
