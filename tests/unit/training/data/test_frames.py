from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fl.protocol.errors import ImageUnreadable
from fl.training.data.dataset import Dataset
from fl.training.data.frames import Sight, fit_cell, judge, look, sentences
from fl.training.data.load import check_source, load_source
from fl.training.data.reading import SourceReading
from fl.training.pictures.decode import decode_image
from fl.training.pictures.field import Frame
from fl.training.pictures.images import Pixels, fit_square

SMALL, UNCLEAR, LARGE = 0.35, 0.5, 0.7
"""Diameters by the side: of a whole frame alone, of either, of the field alone."""


def _sights(small: int, unclear: int, large: int, side: int = 128) -> list[Sight]:
    shares = [SMALL] * small + [UNCLEAR] * unclear + [LARGE] * large
    return [Sight((side, side), share, None) for share in shares]


@pytest.mark.parametrize(
    ("small", "unclear", "large", "frame"),
    [
        (0, 40, 3, Frame.FIELD),
        (0, 40, 2, None),
        (3, 40, 0, Frame.WHOLE),
        (2, 40, 0, None),
        (0, 400, 8, None),
        (0, 400, 9, Frame.FIELD),
        (4, 1000, 300, Frame.FIELD),
        (300, 1000, 4, Frame.WHOLE),
        (50, 50, 50, None),
        (0, 5, 0, None),
    ],
)
def test_enough_cells_say_what_all_pictures_of_one_size_show(
    small: int, unclear: int, large: int, frame: Frame | None
) -> None:
    (verdict,) = judge(_sights(small, unclear, large))
    assert verdict.frame is frame
    assert (verdict.cells, verdict.unclear) == (small + unclear + large, unclear)


def test_what_a_person_says_counts_more_and_each_size_speaks_for_itself() -> None:
    sights = [*_sights(0, 9, 9), *_sights(9, 9, 0, 300), *_sights(0, 9, 0, 200)]
    assert [(each.size[0], each.frame) for each in judge(sights)] == [
        (128, Frame.FIELD),
        (200, None),
        (300, Frame.WHOLE),
    ]
    assert {each.frame for each in judge(sights, Frame.WHOLE)} == {Frame.WHOLE}


def test_the_sentences_name_sizes_counts_and_what_to_say() -> None:
    sights = [*_sights(0, 9, 9), *_sights(9, 9, 0, 300), *_sights(0, 7, 0, 200), *_sights(4, 2, 4, 99)]
    field, whole, mixed, unclear = sentences(judge(sights))
    assert "128 x 128" in field
    assert "9 of 18 cells are too large" in field
    assert "300 x 300" in whole
    assert "9 of 18 cells are too small" in whole
    assert "7 of 7 may be either. Add --picture-frame" in unclear
    assert "2 of 10 may be either" in mixed
    assert "too large for the one" in mixed
    assert list(sentences(judge(_sights(0, 3, 0), Frame.FIELD))) == [
        "pictures of 128 x 128 pixels are taken as cut to the field, and used whole (as you said)"
    ]


def _disc(share: float, side: int, seed: int) -> Pixels:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    noise = np.random.default_rng(seed).integers(0, 12, (side, side, 3))
    inside = np.hypot(y, x) < share * side / 2
    return np.where(inside[..., None], np.array([120, 50, 150]) + noise, 0).astype(np.uint8)


def _folder(root: Path, pictures: dict[str, list[Pixels]]) -> Path:
    for name, cells in pictures.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for index, pixels in enumerate(cells):
            Image.fromarray(pixels).save(root / name / f"{len(pixels)}-{index}.png")
    return root


def _discs(*shares: float, side: int = 128, seed: int = 0) -> list[Pixels]:
    return [_disc(share, side, seed + index) for index, share in enumerate(shares)]


@pytest.mark.parametrize("side", [128, 200])
def test_a_folder_of_cut_pictures_keeps_every_cell_at_one_scale(tmp_path: Path, side: int) -> None:
    root = _folder(
        tmp_path, {"hem": _discs(0.40, 0.5, 0.5, side=side), "all": _discs(0.7, 0.7, 0.6, side=side, seed=9)}
    )
    for pixels in load_source(root, 128).images:
        name = next(path for path in root.rglob("*.png") if _same(fit_square(_read(path), 128), pixels))
        name.unlink()
    assert not list(root.rglob("*.png"))


def test_a_folder_of_whole_frames_is_cut_to_the_field(tmp_path: Path) -> None:
    root = _folder(tmp_path, {"hem": _discs(0.35, 0.35, 0.35, 0.5), "all": _discs(0.5, 0.55, 0.56, 0.58, seed=9)})
    dataset = load_source(root, 128)
    wanted = [fit_square(_read(path)[18:109, 18:109], 128) for path in root.rglob("*.png")]
    assert sorted(each.tobytes() for each in dataset.images) == sorted(each.tobytes() for each in wanted)
    assert dataset.listing == check_source(root)
    assert dataset.listing is not None
    assert "whole frames" in dataset.listing.notes[0]


def test_where_cells_do_not_say_it_the_list_says_so_and_a_person_settles_it(tmp_path: Path) -> None:
    root = _folder(tmp_path, {"hem": _discs(0.45, 0.5), "all": _discs(0.5, 0.55, seed=9)})
    assert "4 of 4 may be either. Add --picture-frame" in check_source(root).notes[0]
    whole = load_source(root, 128, reading=SourceReading(frame=Frame.WHOLE))
    field = load_source(root, 128, reading=SourceReading(frame=Frame.FIELD))
    assert not (whole.images == field.images).all()
    assert "as you said" in check_source(root, SourceReading(frame=Frame.FIELD)).notes[0]


def test_two_sizes_in_one_folder_have_two_frames(tmp_path: Path) -> None:
    cut = {"hem": _discs(0.5, 0.5, 0.6), "all": _discs(0.7, 0.7, seed=9)}
    whole = {"hem": _discs(0.35, 0.35, 0.35, side=300), "all": _discs(0.5, 0.5, side=300, seed=9)}
    notes = check_source(_folder(_folder(tmp_path, cut), whole)).notes
    assert "128 x 128 pixels are taken as cut to the field" in notes[0]
    assert "300 x 300 pixels are taken as whole frames" in notes[1]


def test_a_picture_that_changes_before_it_is_fitted_again_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _folder(tmp_path, {"hem": _discs(0.40, 0.5, 0.5), "all": _discs(0.7, 0.7, 0.6, seed=9)})
    changed = root / "hem" / "128-0.png"

    def swap(sights: list[Sight], said: Frame | None = None) -> object:
        Image.fromarray(_disc(0.3, 128, 77)).save(changed)
        return judge(sights, said)

    monkeypatch.setattr("fl.training.data.folders.judge", swap)
    with pytest.raises(ImageUnreadable, match="changed while"):
        load_source(root, 128)


def _read(path: Path) -> Pixels:
    return decode_image(path.read_bytes(), path.name)


def _same(one: Pixels, other: Pixels) -> bool:
    return bool((one == other).all())


def _npz(path: Path, images: list[Pixels]) -> Path:
    np.savez(path, images=np.stack(images), labels=np.arange(len(images)) % 2)
    return path


def test_arrays_of_whole_frames_are_cut_and_others_kept(tmp_path: Path) -> None:
    frames, cut = _discs(*[0.35, 0.5] * 12), _discs(*[0.5, 0.7] * 12)
    whole, field = load_source(_npz(tmp_path / "a.npz", frames)), load_source(_npz(tmp_path / "b.npz", cut))
    assert whole.images.shape == (24, 91, 91, 3)
    assert (whole.images == np.stack(frames)[:, 18:109, 18:109]).all()
    assert (field.images == np.stack(cut)).all()
    said = load_source(tmp_path / "a.npz", reading=SourceReading(frame=Frame.FIELD))
    assert (said.images == np.stack(frames)).all()
    smears = [255 - pixels for pixels in frames]
    assert (
        load_source(_npz(tmp_path / "c.npz", smears), reading=SourceReading(frame=Frame.WHOLE)).images == smears
    ).all()


@pytest.fixture(scope="module")
def cells(data_folder: Path) -> Dataset:
    return load_source(data_folder / "leukemia_cnmc_128.npz")


def test_c_nmc_arrays_written_as_pictures_lose_nothing(cells: Dataset, tmp_path: Path) -> None:
    rows = np.arange(0, len(cells), 13)
    for row in rows:
        folder = tmp_path / cells.class_names[cells.labels[row]]
        folder.mkdir(exist_ok=True)
        Image.fromarray(cells.images[row]).save(folder / f"{row}.png")
    written = load_source(tmp_path, 128)
    assert sorted(each.tobytes() for each in written.images) == sorted(cells.images[row].tobytes() for row in rows)
    assert written.listing is not None
    assert "128 x 128 pixels are taken as cut to the field" in written.listing.notes[0]


def test_c_nmc_arrays_are_cut_to_the_field(cells: Dataset) -> None:
    assert cells.images.shape[1:] == (128, 128, 3)
    assert cells.listing is not None
    assert "128 x 128 pixels are taken as cut to the field" in cells.listing.notes[0]


def _originals(data_folder: Path, root: Path, resize: Callable[[Image.Image], Image.Image]) -> Iterator[Path]:
    for path in sorted((data_folder / "leukemia-originals").rglob("*.bmp")):
        target = root / path.parent.name / f"{path.stem}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            resize(image.convert("RGB")).save(target)
        yield path


def test_small_copies_of_originals_are_whole_frames(data_folder: Path, tmp_path: Path) -> None:
    small = list(_originals(data_folder, tmp_path, lambda image: image.resize((128, 128), Image.Resampling.LANCZOS)))
    found = {each.tobytes(): each for each in load_source(tmp_path, 64).images}
    assert len(found) == len(small) == 24
    originals = load_source(data_folder / "leukemia-originals", 64)
    assert originals.listing is not None
    assert "450 x 450 pixels are taken as whole frames" in originals.listing.notes[0]
    for image in originals.images.astype(int):
        assert min(float(np.abs(each - image).mean()) for each in found.values()) < 2
    assert "128 x 128 pixels are taken as whole frames" in check_source(tmp_path).notes[0]


def test_a_picture_alone_is_fitted_by_its_own_cell() -> None:
    for share, field in ((SMALL, 91), (UNCLEAR, 128), (LARGE, 128)):
        pixels = _disc(share, 128, 1)
        start = (128 - field) // 2
        cut = pixels[start : start + field, start : start + field]
        assert _same(fit_cell(pixels, 64, look(pixels)), fit_square(cut, 64))
