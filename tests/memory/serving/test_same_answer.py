"""One picture, one answer: from the site, from `hemaledger explain` and from `hemaledger evaluate`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.ledger_view import Keyring
from fl.roles.coordinator.agent import Coordinator
from fl.roles.serving.current_model import OpenModel, VerifiedModelCache
from fl.training.data.synthetic import draw_cell
from fl.training.evaluation.bootstrap import Bootstrap
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.model.device import use_threads
from fl.training.pictures.decode import PictureReading
from fl.training.pictures.images import Pixels, decode_image, encode_png
from fl.training.pictures.preparation import CELL_COLOURS
from fl.training.recipe import Recipe
from scripts.commands.evaluate import evaluated
from scripts.output.card import to_html, to_json
from scripts.predictor.client import PredictorProcess
from scripts.wiring.evaluation import OpenedModel, opened, read_parts
from scripts.wiring.explanation import explained
from scripts.wiring.options import LabelOptions
from tests.support.dicom_files import dicom
from tests.support.federation import CONFIG, SPEC, initial, memory_folder, settle
from tests.support.world import World
from webui.federation.predictions import FederationPredictions

RECIPE = Recipe(replace(SPEC, size_px=48, views=8, preparation=CELL_COLOURS), LocalConfig(), 1)


@dataclass
class Doors:
    """The same model behind the site's process, and opened as a command opens it."""

    site: FederationPredictions
    model: OpenedModel


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    use_threads(1)
    with memory_folder(tmp_path_factory.mktemp("world")) as folder:
        world = World(folder)
        vault = world.consortium.vault
        plan = replace(world.plan(1), config=replace(CONFIG, training=RECIPE.to_dict()))
        coordinator = Coordinator(world.consortium.coordinator.ports(vault), plan, initial())
        settle(coordinator, world.auditor(), *world.hospitals())
        process = PredictorProcess()
        try:
            yield Doors(
                FederationPredictions(_cache(world, process.open), vault), opened(_cache(world, Predictor), vault)
            )
        finally:
            process.close()


def _cache(world: World, open_model: OpenModel) -> VerifiedModelCache:
    party = world.party("alpha")
    ports = (world.consortium.operator, world.consortium.vault, party.account, Keyring(party.keys))
    return VerifiedModelCache(*ports, world.clock, open_model)


def framed(label: int, seed: int) -> Pixels:
    """Return a drawn cell as a laboratory's picture: 450 px, the field in the middle."""
    picture = np.zeros((450, 450, 3), np.uint8)
    picture[65:385, 65:385] = draw_cell(label, seed, 64).repeat(5, axis=0).repeat(5, axis=1)
    return picture


def write_folder(folder: Path) -> list[Path]:
    """Write class folders with pictures of several kinds; return the files."""
    healthy, sick = (folder / code for code in LEUKEMIA.codes)
    large = framed(0, 3).repeat(2, axis=0).repeat(2, axis=1)
    files = {
        healthy / "p1_eight_bit.png": encode_png(framed(0, 1)),
        healthy / "p2_sixteen_bit.png": bytes(imagecodecs.png_encode(framed(0, 2).astype(np.uint16) * 257)),
        healthy / "p3_large.png": encode_png(large),
        sick / "p4_radiology.dcm": dicom(framed(1, 4), "RGB"),
        sick / "p5_jpeg.jpg": bytes(imagecodecs.jpeg8_encode(framed(1, 5), level=95)),
    }
    for path, body in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return list(files)


def test_site_command_and_evaluation_give_a_picture_the_same_answer_to_the_last_digit(
    doors: Doors, tmp_path: Path
) -> None:
    files = write_folder(tmp_path)
    parts = read_parts((str(tmp_path),), LabelOptions(), LEUKEMIA, everything=True, size_px=RECIPE.spec.size_px)
    _, answers = evaluated(doors.model, parts, {}, 0.5, Bootstrap(10))
    together = {
        tuple(map(float, row)) for row in doors.model.predictor.probabilities(*(p.images for p in parts.values()))
    }
    found = set()
    for path in files:
        pixels = decode_image(path.read_bytes(), path.name, PictureReading())
        served = doors.site.predict(pixels)
        lines = explained(doors.model, pixels).lines()
        row = tuple(served.shares[code] for code in LEUKEMIA.codes)
        assert [line.partition(": ")[2] for line in lines[: len(row)]] == [repr(share) for share in row]
        found.add(row)
    assert found == {tuple(map(float, row)) for row in answers.scores} == together
    assert len(found) == len(files)


def test_site_command_and_evaluation_name_the_same_preparation(doors: Doors, tmp_path: Path) -> None:
    write_folder(tmp_path)
    parts = read_parts((str(tmp_path),), LabelOptions(), LEUKEMIA, everything=True, size_px=RECIPE.spec.size_px)
    done, _ = evaluated(doors.model, parts, {}, 0.5, Bootstrap(10))
    assert doors.site.model().preparation == CELL_COLOURS
    assert explained(doors.model, framed(1, 9)).lines()[-1].endswith(f"preparation {CELL_COLOURS}")
    assert f'"preparation": "{CELL_COLOURS}"' in to_json(done)
    assert CELL_COLOURS in to_html(done, {})
