from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fl.training.data import look_alikes as module
from fl.training.data.load import check_source, load_source
from fl.training.data.look_alikes import DISTANCE, NEIGHBOURS, Face, Look, face_of, look_alikes
from fl.training.data.synthetic import draw_dataset
from fl.training.pictures.colours import Pixels
from fl.training.presets import SYNTHETIC_PLAN
from tests.support.folders_of_cells import put

SMALL = np.arange(1024, dtype=np.uint8).reshape(32, 32)
DRAWN = draw_dataset(replace(SYNTHETIC_PLAN, subjects=24, cells=2, size_px=64), 3)


def saved_again(pixels: Pixels) -> Pixels:
    """Return a picture as a JPEG file at half its size would give it back."""
    buffer = io.BytesIO()
    half = Image.fromarray(pixels).resize((pixels.shape[1] // 2, pixels.shape[0] // 2))
    half.save(buffer, "JPEG", quality=80)
    return np.asarray(Image.open(buffer))


def look(digest: int, name: str, class_name: str = "a", group: str = "", *, test: bool = False) -> Look:
    return Look(Face(digest, SMALL), name.encode(), name, class_name, test, group or name)


def notes(root: Path) -> str:
    return "\n".join(check_source(root).notes)


def folder(root: Path) -> Path:
    """Write a divided folder of different drawn cells."""
    for row in range(24):
        part, name = ("test" if row % 4 == 0 else "train"), DRAWN.class_names[DRAWN.labels[2 * row]]
        put(root / part / name / f"{row}.png", DRAWN.images[2 * row])
    return root


def test_different_cells_are_no_look_alikes(tmp_path: Path) -> None:
    assert "look the same" not in notes(folder(tmp_path))


def test_a_picture_saved_again_on_the_other_side_of_the_split_is_reported_and_used(tmp_path: Path) -> None:
    name = DRAWN.class_names[DRAWN.labels[0]]
    put(folder(tmp_path) / "train" / name / "again.png", saved_again(DRAWN.images[0]))
    said = notes(tmp_path)
    assert "1 pairs of pictures look the same but are not equal, one in training and one in test" in said
    assert (
        f"test/{name}/0.png and train/{name}/again.png" in said
        or f"train/{name}/again.png and test/{name}/0.png" in said
    )
    assert check_source(tmp_path).pictures == 25


def test_look_alikes_in_two_classes_are_reported_of_arrays_too(tmp_path: Path) -> None:
    images = np.concatenate([DRAWN.images[::2], DRAWN.images[:1] // 8 * 8])
    labels = np.concatenate([DRAWN.labels[::2], 1 - DRAWN.labels[:1]])
    np.savez(tmp_path / "x.npz", images=images, labels=labels, split=np.zeros(25, int))
    assert "in two classes: row 0 and row 24" in notes(tmp_path / "x.npz")


def test_loading_for_training_does_not_pay_for_the_comparison(tmp_path: Path) -> None:
    put(folder(tmp_path) / "train" / DRAWN.class_names[0] / "again.png", saved_again(DRAWN.images[0]))
    listing = load_source(tmp_path, 32).listing
    assert listing is not None
    assert "look the same" not in "\n".join(listing.notes)


@pytest.mark.parametrize("places", [(), (0,), (20, 21), (1, 63), (40, 42)])
def test_two_bits_may_differ_wherever_they_are(places: tuple[int, ...]) -> None:
    base = 0x0123_4567_89AB_CDEF
    other = base
    for place in places:
        other ^= 1 << place
    (said,) = look_alikes([look(base, "one"), look(other, "two"), look(0, "three")])
    assert "one and two" in said
    assert DISTANCE == 2


def test_three_bits_are_another_picture_and_equal_pixels_are_not_reported_here() -> None:
    base = 0x0123_4567_89AB_CDEF
    assert not list(look_alikes([look(base, "one"), look(base ^ 0b111, "two")]))
    assert not list(look_alikes([look(base, "same", group="p"), look(base, "same", group="q")]))


def test_equal_digests_of_pictures_that_a_small_copy_tells_apart_are_not_reported() -> None:
    other = Look(Face(5, SMALL[::-1]), b"other", "other", "a", False, "other")  # noqa: FBT003  # the fields in order
    flat = Look(Face(5, np.zeros_like(SMALL)), b"flat", "flat", "a", False, "flat")  # noqa: FBT003  # as above
    assert not list(look_alikes([look(5, "one"), other, flat]))


def test_pictures_of_one_person_may_look_alike() -> None:
    assert not list(look_alikes([look(7, "one", group="p"), look(7, "two", group="p")]))


def test_the_number_of_comparisons_is_bounded_for_equal_digests() -> None:
    looks = [look(5, str(index)) for index in range(2_000)]
    assert len(module._pairs(looks)) <= 3 * NEIGHBOURS * len(looks)


def test_more_pictures_than_are_compared_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    (said,) = look_alikes([look(5, str(index)) for index in range(4)])
    assert "not for look-alikes" in said


def test_brightness_changes_at_most_the_allowed_bits() -> None:
    apart = [
        (face_of(image).digest ^ face_of((image * 1.1).clip(0, 255).astype(np.uint8)).digest).bit_count()
        for image in DRAWN.images[::2]
    ]
    assert np.mean(np.array(apart) <= DISTANCE) >= 0.9
