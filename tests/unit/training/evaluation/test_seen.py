"""The map of the site comes from the pass of the answer, changes no bit of it, and is the map of explain.py."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn

from fl.training.evaluation.explain import explain
from fl.training.evaluation.predict import Predictor
from fl.training.evaluation.seen import answer_with_map
from fl.training.model.network import build_model
from fl.training.model.spec import LITE0, ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.pictures.heat import OPAQUE, Seen, layer_png
from fl.training.pictures.preparation import CELL_COLOURS

SPECS = (
    ModelSpec(size_px=48, width=16),
    ModelSpec(size_px=32, width=8, views=8),
    ModelSpec(kind=LITE0, size_px=64, preparation=CELL_COLOURS, views=8),
)


@pytest.mark.parametrize("spec", SPECS)
def test_the_answer_has_the_same_bits_and_the_map_is_the_one_of_explain(spec: ModelSpec) -> None:
    predictor = Predictor(spec, to_vector(build_model(spec, 3)))
    image = np.random.default_rng(2).integers(0, 256, (spec.size_px, spec.size_px, 3), np.uint8)
    plain = predictor.answer(image)
    answer, seen = answer_with_map(predictor, image)
    assert answer.to_bytes() == plain.to_bytes()
    assert seen is not None
    other = explain(predictor, image, int(plain.probabilities.argmax()))
    assert np.abs(seen.heat / 255 - other.heat).max() < 0.01
    assert (seen.picture == other.picture).all()
    assert predictor.answer(image).to_bytes() == plain.to_bytes(), "nothing is left behind"


def test_a_network_that_names_no_layer_gives_an_answer_without_a_map(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor(SPECS[0], to_vector(build_model(SPECS[0], 3)))

    class Other(nn.Module):
        def features(self, x: Tensor) -> Tensor:
            return x.mean(dim=(2, 3))

        def head(self, x: Tensor) -> Tensor:
            return x[:, :2]

    monkeypatch.setattr(predictor, "_model", Other())
    answer, seen = answer_with_map(predictor, np.full((48, 48, 3), 90, np.uint8))
    assert seen is None
    assert answer.probabilities.shape == (2,)


def test_the_layer_over_the_picture_is_clear_where_the_map_is_zero() -> None:
    heat = np.zeros((4, 4), np.uint8)
    heat[0, 0] = 255
    with Image.open(io.BytesIO(layer_png(Seen(np.zeros((4, 4, 3), np.uint8), heat).heat_png()))) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (4, 4))
        assert image.getpixel((0, 0)) == (253, 231, 37, OPAQUE)
        assert image.getpixel((1, 0))[3] == 0  # type: ignore[index]
