"""Chooses the task, and maps the names in somebody's own data to its classes.

Invariant: nothing is guessed. If a meaning is not certain, the command asks on a terminal. Without a terminal it
refuses and names the option to give.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np

from fl.protocol import strict_json
from fl.protocol.codec import DOCUMENT_CAP
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.task import IGNORE, Domain, Task, TaskClass, TaskKind
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN, PICTURE, TASKS
from fl.training.data.dataset import Dataset
from fl.training.data.labels import LABELS_CAP, LabelMap, propose, spelled, unknown, without_column
from fl.training.data.listing import Listing, shown
from fl.training.settings import Settings, Training
from scripts.wiring.home import Home
from scripts.wiring.options import DataOptions, LabelOptions, MeaningOptions, TaskOptions

FLAGS = "--task NAME or FILE, or --classes A,B,C with --disease A"


def given_task(options: TaskOptions) -> Task | None:
    """Return the task that the options name, or None if they name none.

    Raises:
        SettingInvalid: there is no such task, the options contradict each other, or this version cannot train it.
        EncodingError: the file is not a task.
    """
    if options.task_name and (options.classes or options.disease):
        raise SettingInvalid("task", "give either --task or --classes, not both")
    if options.disease and not options.classes:
        raise SettingInvalid("disease", "give --classes, too")
    if options.classes:
        return _own_task(_listed(options.classes), _listed(options.disease or ""))
    return _supported(_named(options.task_name).task) if options.task_name else None


def given_training(options: TaskOptions) -> Training | None:
    """Return the training of a file of settings; None if the options name no file, or it has none."""
    return _named(options.task_name).training if options.task_name else None


def task_of(home: Home, options: TaskOptions) -> Task | None:
    """Return the task of the options, else the one in consortium.json, else None."""
    task = given_task(options)
    if task is None and home.deployment_file.exists():
        return home.deployment.task
    return task


def task_that_explains(dataset: Dataset) -> Task:
    """Return the built-in task that knows all names of a data set and tells the most classes apart.

    Drawn pictures have their own tasks, so that every reader of a result sees that they are drawn.

    Raises:
        SettingInvalid: no task knows all names, or several tasks fit equally well.
    """
    names = used_names(dataset)
    proposals = {task.code: propose(names, task) for task in TASKS.values() if task.drawn == dataset.drawn}
    classes = {code: len(set(known.values())) for code, known in proposals.items() if len(known) == len(names)}
    best = [code for code, count in classes.items() if count == max(classes.values())]
    if len(best) == 1 and classes[best[0]] > 1:
        return TASKS[best[0]]
    listed = ", ".join(map(repr, names))
    why = f"{' and '.join(best)} both know" if len(best) > 1 else "no built-in task tells apart"
    raise SettingInvalid("task", f"{why} the labels {listed} in {dataset.source}; give {FLAGS}")


@dataclass(frozen=True)
class Meaning:
    """The meaning of names, from --labels and --label."""

    labels: Mapping[str, str]
    task: Task | None = None
    """The task of the file of labels, or else of the file of settings."""
    called: Mapping[str, str] = field(default_factory=dict)
    """A name -> a code, from the file of settings."""

    def of_names(self, names: Sequence[str], task: Task) -> dict[str, str]:
        """Return what is known about names: what the options say first, then the file of settings, then the task."""
        return {**propose(names, task), **spelled(names, self.called), **self.labels}

    @classmethod
    def of(cls, options: LabelOptions) -> Meaning:
        """Read --task, --labels and --label; each replaces what those before it say about a name.

        Raises:
            SettingInvalid: a --label is not NAME=CLASS, or a file does not exist.
            EncodingError: a file is neither a label map nor a file of settings.
        """
        named = options.task_name if isinstance(options, DataOptions | MeaningOptions) else None
        settings = _named(named) if named else None
        from_file = LabelMap.from_bytes(_read(options.labels, "labels")) if options.labels else None
        labels = dict(from_file.labels) if from_file else {}
        for text in options.label:
            own, mark, code = text.rpartition("=")
            if not mark or not own:
                raise SettingInvalid("label", f"{text!r} is not NAME=CLASS")
            labels[own] = code.strip()
        task = from_file.task if from_file else settings.task if settings else None
        return cls(labels, task, settings.names if settings else {})


def map_labels(dataset: Dataset, task: Task, meaning: Meaning, described: str = "") -> LabelMap:
    """Return what each name in a data set means: from the options, else as the task knows it, else ask the person.

    Raises:
        LabelsUnknown: the meaning of a name is unknown, and there is no terminal to ask on.
        SettingInvalid: the file of labels is for another task, a name is mapped to a class that this task does not
            have, or drawn pictures are used for a task of real ones.
    """
    if meaning.task is not None and meaning.task != task:
        raise SettingInvalid("labels", f"the file is for the task {meaning.task.code}, not {task.code}")
    if dataset.drawn and not task.drawn:
        why = f"the pictures in {dataset.source} are drawn, so their task is {LEUKEMIA_DRAWN.code}, not {task.code}"
        raise SettingInvalid("task", why)
    wrong = [f"{own}={code}" for own, code in meaning.labels.items() if code not in (*task.codes, IGNORE)]
    if wrong:
        raise SettingInvalid("label", f"{wrong[0]}: the classes are {', '.join(task.codes)}, or {IGNORE}")
    names = used_names(dataset)
    labels = meaning.of_names(names, task)
    missing = [own for own in names if own not in labels]
    if missing and not _terminal():
        raise unknown(dataset.source, missing, task)
    labels |= {own: _ask(own, task) for own in missing}
    return LabelMap(task, labels, described)


def tell_names(listing: Listing, task: Task, meaning: Meaning) -> None:
    """Print what the names of a source mean in a task, and which classes have no picture.

    Raises:
        LabelsUnknown: the meaning of a name is unknown.
        DatasetUnusable: a label of a task has no column.
    """
    labels = meaning.of_names(listing.class_names, task)
    click.echo(f"Task {task.code}: {task.name}")
    for own in listing.class_names:
        if own in labels:
            click.echo(f"  {shown(own)!r} is {labels[own]}")
    if missing := [own for own in listing.class_names if own not in labels]:
        raise unknown(listing.source, missing, task)
    there = {labels[own] for own in listing.class_names}
    if absent := [code for code in task.codes if code not in there]:
        if task.several and not listing.named:
            raise without_column(listing.source, absent)
        click.echo(f"  There is no picture of {', '.join(absent)}.")


def used_names(dataset: Dataset) -> list[str]:
    """Return the names that at least one image of a data set has; where it may have several labels, all names."""
    if dataset.marks is not None:
        return list(dataset.class_names)
    return [dataset.class_names[index] for index in np.flatnonzero(dataset.class_counts())]


def counts(dataset: Dataset) -> str:
    """Return the number of images of each class, as text."""
    return ", ".join(f"{n} {name}" for n, name in zip(dataset.class_counts(), dataset.class_names, strict=True))


def _ask(own: str, task: Task) -> str:
    meant = ", ".join(f"{one.code} ({one.name})" for one in task.classes)
    click.echo(f"What do the images labelled {own!r} show? {meant}; or {IGNORE} to skip them.")
    answer: str = click.prompt("Class", type=click.Choice([*task.codes, IGNORE]))
    return answer


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _named(name: str) -> Settings:
    if name in TASKS:
        return Settings(TASKS[name], {})
    document = strict_json.loads(_read(Path(name), "task"), "task", DOCUMENT_CAP)
    if not isinstance(document, dict):
        raise EncodingError("task", "it is not a JSON object")
    return Settings.from_dict(document)


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LABELS_CAP + 1)
    except OSError as error:
        known = f", and not a built-in task ({', '.join(TASKS)})" if what == "task" else ""
        raise SettingInvalid(what, f"{path} is not a file{known}") from error
    if len(data) > LABELS_CAP:
        raise SettingInvalid(what, f"{path} has more than {LABELS_CAP} bytes")
    return data


def _supported(task: Task) -> Task:
    if task.domain == Domain.TABLE:
        raise SettingInvalid("task", f"{task.code} is about tables; train it with `hemaledger coordinator table`")
    return task


def _own_task(classes: list[str], disease: list[str]) -> Task:
    unknown_names = [name for name in disease if name not in classes]
    if unknown_names:
        raise SettingInvalid("disease", f"{unknown_names[0]!r} is not among --classes")
    made = tuple(TaskClass(_code(name), name, name in disease) for name in classes)
    try:
        return Task(
            code="own-" + "-".join(one.code for one in made)[:30].strip("-_"),
            name=" or ".join(classes)[:80].strip(),
            kind=TaskKind.BINARY if (len(made), len(disease)) == (2, 1) else TaskKind.CLASSES,
            classes=made,
            reported=" or ".join(disease)[:80].strip(),
            domain=Domain.STAINED_CELL,
            units=PICTURE,
        )
    except EncodingError as error:
        raise SettingInvalid("classes", error.why) from error


def _code(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return re.sub(r"[^a-z0-9]+", "-", "".join(x for x in plain if not unicodedata.combining(x))).strip("-")[:40]


def _listed(text: str) -> list[str]:
    return [unicodedata.normalize("NFC", part.strip()) for part in text.split(",") if part.strip()]
