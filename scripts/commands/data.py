"""`hemaledger data`: draw synthetic cells, check images, divide them by person, or de-identify DICOM files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import MeaningOptions, ReadingOptions, meaning_options, reading_options, seed_option

if TYPE_CHECKING:
    from fl.training.data.dataset import Dataset

SUBJECTS, CELLS, IMAGE_PX = 36, 20, 128
"""The values of fl/training/presets.py, with which `hemaledger demo` draws its cells."""


@click.group()
def data() -> None:
    """Draw synthetic cells, check images, divide them among hospitals, or de-identify DICOM files."""


@data.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--subjects", type=click.IntRange(4), default=SUBJECTS, show_default=True, help="Number of persons.")
@click.option("--cells", type=click.IntRange(1), default=CELLS, show_default=True, help="Number of cells per person.")
@click.option(
    "--image-size", type=click.IntRange(16, 1024), default=IMAGE_PX, show_default=True, help="Side in pixels."
)
@seed_option
@guarded
def draw(output: Path, subjects: int, cells: int, image_size: int, seed: int) -> None:
    """Draw synthetic cells of a blood smear and write them to OUTPUT, one .npz file."""
    from fl.training.data.dataset import save_dataset
    from fl.training.data.synthetic import draw_dataset
    from fl.training.presets import SYNTHETIC_PLAN

    plan = replace(SYNTHETIC_PLAN, subjects=subjects, cells=cells, size_px=image_size)
    drawn = draw_dataset(plan, seed)
    save_dataset(drawn, output)
    click.echo(f"{len(drawn)} drawn cells are in {output}.")


@data.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@meaning_options
@guarded
def check(source: Path, options: MeaningOptions) -> None:
    """Say for each file in SOURCE whether Hemaledger can use it, and if not, why. This writes nothing.

    With --task it also says what the names of the classes mean, and stops at one without a meaning.
    """
    from fl.training.data.load import check_source, check_usable
    from scripts.wiring.listing import reading_of, tell
    from scripts.wiring.task import Meaning, tell_names

    how, meaning = reading_of(options), Meaning.of(options)
    listing = check_source(source, how)
    tell(listing)
    check_usable(listing, how)
    if meaning.task is not None:
        tell_names(listing, meaning.task, meaning)


@data.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--hospitals", type=click.IntRange(1), default=3, show_default=True, help="Number of hospitals.")
@seed_option
@reading_options
@guarded
def divide(source: Path, folder: Path, hospitals: int, seed: int, reading: ReadingOptions) -> None:
    """Divide SOURCE into one .npz file per hospital and holdout.npz in FOLDER. No person is in two files."""
    from fl.training.data.dataset import save_dataset
    from fl.training.data.load import load_source
    from scripts.wiring.listing import reading_of, tell
    from scripts.wiring.task import counts

    dataset = load_source(source, reading=reading_of(reading))
    tell(dataset.listing)
    for name, part in parts_of(dataset, hospitals, seed).items():
        save_dataset(part, folder / f"{name}.npz")
        click.echo(f"{name}: {len(part)} images ({counts(part)})")


@data.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@guarded
def deidentify(folder: Path, output: Path) -> None:
    """Write the DICOM files in FOLDER to OUTPUT, a new folder, without what identifies a patient."""
    from fl.training.data.deidentify import PROFILE, deidentify_folder

    outcome = deidentify_folder(folder, output)
    for name, why in outcome.left:
        click.echo(f"not written: {name} ({why})")
    kept = f" Kept names of folders: {', '.join(sorted(outcome.folders))}." if outcome.folders else ""
    click.echo(f"{len(outcome.written)} files are in {output}, de-identified by {PROFILE}.{kept}")
    click.echo("Text inside a picture is not removed: look at the pictures before you share them.")
    if outcome.left:
        raise click.exceptions.Exit(65)


NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")
HOLDOUT = "holdout"


def hospital_names(count: int) -> list[str]:
    return [NAMES[index] if index < len(NAMES) else f"hospital-{index + 1}" for index in range(count)]


def parts_of(dataset: Dataset, hospitals: int, seed: int) -> dict[str, Dataset]:
    """Return the hospitals' training images by name, and the held-out test images as `holdout`."""
    from fl.training.data.dataset import TEST, TRAIN
    from fl.training.data.partition import divide as divide_by_subject

    parts = divide_by_subject(dataset.part(TRAIN), hospitals, seed)
    named = dict(zip(hospital_names(hospitals), parts, strict=True))
    return {**named, HOLDOUT: dataset.part(TEST)} if dataset.has(TEST) else named
