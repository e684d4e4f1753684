"""`hemaledger evaluate`: judge the newest final model, and write its model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import MeaningOptions, chain_options, device_option, meaning_options, name_option
from scripts.wiring.training_options import network_options

if TYPE_CHECKING:
    from fl.training.data.dataset import Dataset
    from fl.training.evaluation.answers import Answers
    from fl.training.evaluation.bootstrap import Bootstrap
    from fl.training.evaluation.quality import Quality
    from scripts.output.card import Evaluated
    from scripts.wiring.evaluation import OpenedModel
    from scripts.wiring.home import Home

KINDS = ("local", "centralised")
"""The values of fl/training/evaluation/comparison.py."""
DRAWS, SEED = 1000, 2026
"""The values of fl/training/evaluation."""


@click.command()
@chain_options
@name_option("auditor")
@click.option(
    "--data",
    "sources",
    multiple=True,
    help="Images to judge: a folder or .npz, or NAME=PATH for a hospital's. Repeatable. Default: the member's own.",
)
@click.option("--everything", is_flag=True, help="Judge all images of --data, not only the test part.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="A larger probability of disease is a finding. Default: the threshold of a calibrated model, else 0.5.",
)
@click.option("--draws", type=click.IntRange(10, 100_000), default=DRAWS, show_default=True, help="Bootstrap draws.")
@click.option("--seed", type=click.IntRange(0), default=SEED, show_default=True, help="Random seed of the draws.")
@click.option("--compare", help="Also train and judge other models: local, centralised, or both with a comma.")
@click.option(
    "--parts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The hospitals' training images for --compare: a folder of `hemaledger data divide`.",
)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Default: HOME/evaluation.")
@device_option
@meaning_options
@network_options
@guarded
def evaluate(  # noqa: PLR0913  # one parameter per option
    home: Home,
    name: str,
    *,
    sources: tuple[str, ...],
    everything: bool,
    threshold: float | None,
    draws: int,
    seed: int,
    compare: str | None,
    parts: Path | None,
    output: Path | None,
    device: str,
    options: MeaningOptions,
) -> None:
    """Judge the newest final model on labelled images: figures with intervals over persons, plots, a model card.

    \b
    hemaledger evaluate --home RUN --data holdout.npz
    hemaledger evaluate --home RUN --data alpha=A/ --data beta=B/ --threshold 0.3
    hemaledger evaluate --home RUN --data parts/holdout.npz --compare local,centralised --parts parts

    It writes evaluation.json (with persons' names, for the member alone), roc.svg, reliability.svg, persons.svg and
    model-card.html (without persons' names).
    """  # noqa: D301 - click needs the character itself
    from dataclasses import replace

    from fl.protocol.errors import SettingInvalid
    from fl.training.evaluation.bootstrap import Bootstrap
    from scripts.wiring.evaluation import counted, open_model, own_images, read_parts

    kinds = _kinds(compare, parts)
    model = open_model(home, name)
    if threshold is not None and model.task.several:
        why = f"the task {model.task.code} has a threshold for each of its labels, and the ledger keeps them"
        raise SettingInvalid("threshold", why)
    size_px = model.recipe.spec.size_px
    images = read_parts(sources, options, model.task, everything=everything, size_px=size_px) if sources else None
    images = images or own_images(home, name, model.task)
    prepared = f"preparation {model.recipe.spec.preparation}"
    click.echo(f"Judging {counted(images)} with the model of round {model.current.round.number}, {prepared}")
    others = _others(model, kinds, parts, options, device)
    done, answers = evaluated(model, images, others, threshold, Bootstrap(draws, seed))
    done = replace(done, held_out=not (everything and sources))
    print_table(done)
    write(done, answers, output or home.folder / "evaluation")


def evaluated(
    model: OpenedModel,
    images: Mapping[str, Dataset],
    others: Mapping[str, OpenedModel],
    threshold: float | None,
    how: Bootstrap,
) -> tuple[Evaluated, Answers]:
    """Judge a model, and others of the same recipe, on the same images; without a threshold, each at its own."""
    import time

    from fl.training.evaluation.answers import answer
    from fl.training.evaluation.quality import judge, quality
    from scripts.output.card import Evaluated, release_of
    from scripts.wiring.clock import now

    def ask(one: OpenedModel) -> Answers:
        return answer(one.predictor, images, model.task, time.perf_counter)

    def limit(one: OpenedModel) -> float:
        return one.predictor.calibration.probability_threshold if threshold is None else threshold

    answers = ask(model)
    judgement = judge(answers, limit(model), how)
    compared: dict[str, Quality] = {name: quality(ask(one), limit(one), how) for name, one in others.items()}
    current = model.current
    release = release_of(current.federation, current.round, model.predictor.weights, model.privacy)
    return Evaluated(model.task, model.recipe, release, judgement, compared, now()), answers


def print_table(done: Evaluated) -> None:
    """Print figures and intervals side by side."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from fl.training.evaluation.quality import NAMES
    from scripts.output.card import columns, meaning_of, shown

    parts = columns(done)
    table = Table("Figure", *map(escape, parts), box=box.SIMPLE)
    for key, label in NAMES.items():
        table.add_row(label, *(shown(part.figures[key]) for part in parts.values()))
    Console(highlight=False).print(table)
    if meaning := meaning_of(done.task):
        click.echo(meaning)
    if done.few:
        click.echo(f"Few persons ({'; '.join(done.few)}): intervals are too narrow, or missing (-).")


def write(done: Evaluated, answers: Answers, folder: Path) -> str:
    """Write all files of an evaluation; print and return the SHA-256 of the model card."""
    from hashlib import sha256

    from fl.files import write_atomic
    from scripts.output.card import to_html, to_json
    from scripts.output.plots import draw

    folder.mkdir(parents=True, exist_ok=True)
    plots = draw(answers, done.judgement, done.task)
    card = to_html(done, plots).encode()
    write_atomic(folder / "evaluation.json", to_json(done).encode(), mode=0o600)
    for name, text in plots.items():
        write_atomic(folder / f"{name}.svg", text.encode())
    write_atomic(folder / "model-card.html", card)
    digest = sha256(card).hexdigest()
    click.echo(f"{folder / 'model-card.html'}: SHA-256 {digest}")
    return digest


def _kinds(compare: str | None, parts: Path | None) -> tuple[str, ...]:
    from fl.protocol.errors import SettingInvalid

    kinds = tuple(part.strip() for part in (compare or "").split(",") if part.strip())
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise SettingInvalid("compare", f"{unknown[0]!r} is not one of {', '.join(KINDS)}")
    if bool(kinds) != bool(parts):
        raise SettingInvalid("compare", "give --compare and --parts together")
    return kinds


def _others(
    model: OpenedModel, kinds: tuple[str, ...], folder: Path | None, options: MeaningOptions, device: str
) -> dict[str, OpenedModel]:
    """Train the models to compare with."""
    if folder is None:
        return {}
    from scripts.wiring.evaluation import training_parts

    parts = training_parts(folder, options, model.task)
    return compared(model, kinds, parts, device)


def compared(
    model: OpenedModel, kinds: tuple[str, ...], parts: Mapping[str, Dataset], device: str = "cpu"
) -> dict[str, OpenedModel]:
    """Train models of the same recipe on `parts`: one per hospital (local), and one on all of them (centralised)."""
    from dataclasses import replace

    from fl.training.evaluation.comparison import CENTRALISED, LOCAL, pooled, train_alone
    from fl.training.evaluation.predict import Predictor

    places = {f"{LOCAL}, {name}": part for name, part in parts.items()} if LOCAL in kinds else {}
    if CENTRALISED in kinds:
        places[CENTRALISED] = pooled(parts, model.recipe.spec.size_px)
    found = {}
    for name, place in places.items():
        click.echo(f"Training: {name}")
        vector = train_alone(model.recipe, place, model.rounds, name, device)
        found[name] = replace(model, predictor=Predictor(model.recipe.spec, vector))
    return found
