"""An auditor's file of weights: the ledger names a model by its values, and other weights are no alarm."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from fl.protocol.names import Digest
from fl.training.model.tensor_file import HEADER_CAP, write_tensors
from fl.training.model.weights import Manifest, model_digest
from tests.support.site_town import NOOR, Town, Visitor, words
from webui.usecases.file_look_up import fingerprints

MANIFEST = Manifest(("layer.weight", "ä bias"), ((2, 2), (2,)))
VECTOR = np.arange(6, dtype=np.float32)
MODEL = write_tensors(MANIFEST, VECTOR, {"format": "pt"})
DIGEST = "36f6e8b4705675d368a1519f5a37501dd9e9e7ee961aad48bf031b23dc0ba2ac"
"""Also in tests/unit/webui/client/digest.test.js: browser and site compute the same."""
RECORDED, NO_MODEL = "The ledger records this model", "These weights are not a model of this ledger"
ALARM = "The ledger does not record this file"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    found = Town(tmp_path)
    found.federation.recorded_model = model_digest(MANIFEST.digest, VECTOR)
    return found


def sent(auditor: Visitor, data: bytes) -> str:
    return words(auditor.post("/auditor/file", file=(io.BytesIO(data), "model.safetensors")))


def test_the_digest_of_a_file_of_weights_is_that_of_the_model() -> None:
    assert model_digest(MANIFEST.digest, VECTOR).hex() == DIGEST
    assert fingerprints(io.BytesIO(MODEL), len(MODEL)).model == Digest(bytes.fromhex(DIGEST))


def test_a_downloaded_model_is_recognised_by_its_values(town: Town) -> None:
    page = sent(town.visitor(NOOR), MODEL)
    assert RECORDED in page
    assert DIGEST in page.replace(" ", "")
    assert "North Coordination Office" in page
    assert ALARM not in page


def test_what_a_browser_computed_gets_the_same_answer(town: Town) -> None:
    auditor = town.visitor(NOOR)
    assert RECORDED in auditor.text(f"/auditor/file?digest={'ab' * 32}&weights={DIGEST}")
    assert NO_MODEL in auditor.text(f"/auditor/file?digest={'ab' * 32}&weights={'cd' * 32}")
    assert NO_MODEL in auditor.text(f"/auditor/file?digest={'ab' * 32}&weights=other")
    assert auditor.get(f"/auditor/file?digest={'ab' * 32}&weights=x").status_code == 400


def test_other_weights_are_no_alarm(town: Town) -> None:
    auditor = town.visitor(NOOR)
    trained = write_tensors(MANIFEST, VECTOR + np.float32(1), {})
    half = MODEL.replace(b'"F32"', b'"F16"')
    for data in (trained, half):
        page = sent(auditor, data)
        assert NO_MODEL in page
        assert "changed it" not in page


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        (HEADER_CAP + 1).to_bytes(8, "little") + b"{" * 64,
        (2**63).to_bytes(8, "little"),
        (2).to_bytes(8, "little") + b"{}more",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"{}",
    ],
)
def test_a_file_that_is_not_of_weights_is_looked_up_by_its_digest_alone(data: bytes) -> None:
    found = fingerprints(io.BytesIO(data), 2**20)
    assert (found.weights, found.model) == (False, None)


def test_a_header_within_the_cap_that_lies_about_its_tensors_names_no_model() -> None:
    assert fingerprints(io.BytesIO(MODEL + b"!"), 2**20).model is None
    assert fingerprints(io.BytesIO(MODEL[:-1]), 2**20).model is None
