"""Which task, and what the names in somebody's own data mean in it: from options, from files, or asked of a person.

Invariant: nothing is guessed. What is not certain is asked on a terminal; elsewhere it is refused with the option to
give.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from fl.protocol import strict_json
from fl.protocol.codec import DOCUMENT_CAP
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.task import IGNORE, Domain, Task, TaskClass, TaskKind
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN, PICTURE, TASKS
from fl.training.data.dataset import Dataset
from fl.training.data.labels import LABELS_CAP, LabelMap, propose, unknown
from scripts.wiring.home import Home

FLAGS = "--task NAME or FILE, or --classes A,B,C with --disease A"


def given_task(given: Mapping[str, Any]) -> Task | None:
    """Return the task that the options name; None where they name none.

    Raises:
        SettingInvalid: there is no such task, the options contradict each other, or it is of no kind that can be
            trained yet.
        EncodingError: the file holds no task.
    """
    name, classes, disease = given.get("task_name"), given.get("classes"), given.get("disease")
    if name and (classes or disease):
        raise SettingInvalid("task", "give either --task or --classes")
    if disease and not classes:
        raise SettingInvalid("disease", "it goes with --classes")
    if classes:
        return _own_task(_listed(classes), _listed(disease or ""))
    return _supported(_named(name)) if name else None


def task_of(home: Home, given: Mapping[str, Any]) -> Task | None:
    """Return the task of the options, else the one in consortium.json; None where there is neither."""
    task = given_task(given)
    if task is None and home.deployment_file.exists():
        return home.deployment.task
    return task


def task_that_explains(dataset: Dataset) -> Task:
    """Return the one built-in task that knows all names of a data set; of several the one that tells most apart.

    Drawn pictures have tasks of their own, which say so to everybody who reads a result.

    Raises:
        SettingInvalid: none does, or several do equally well.
    """
    names = used_names(dataset)
    proposals = {task.code: propose(names, task) for task in TASKS.values() if task.drawn == dataset.drawn}
    told = {code: len(set(known.values())) for code, known in proposals.items() if len(known) == len(names)}
    best = [code for code, count in told.items() if count == max(told.values())]
    if len(best) == 1 and told[best[0]] > 1:
        return TASKS[best[0]]
    listed = ", ".join(map(repr, names))
    why = f"{' and '.join(best)} both know" if len(best) > 1 else "no built-in task tells apart"
    raise SettingInvalid("task", f"{why} the labels {listed} in {dataset.source}; give {FLAGS}")


@dataclass(frozen=True)
class Meaning:
    """What a person said about names, by --labels and --label."""

    labels: Mapping[str, str]
    task: Task | None = None
    """Of the file."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Meaning:
        """Read the options.

        Raises:
            SettingInvalid: a --label is not NAME=CLASS, or there is no such file.
            EncodingError: the file holds no labels.
        """
        found = LabelMap.from_bytes(_read(Path(given["labels"]), "labels")) if given.get("labels") else None
        labels = dict(found.labels) if found else {}
        for text in given.get("label") or ():
            own, mark, code = text.rpartition("=")
            if not mark or not own:
                raise SettingInvalid("label", f"{text!r} is not NAME=CLASS")
            labels[own] = code.strip()
        return cls(labels, found.task if found else None)


def map_labels(dataset: Dataset, task: Task, meaning: Meaning, described: str = "") -> LabelMap:
    """Return what each name in a data set means: as said, else as known, else as a person answers now.

    Raises:
        LabelsUnknown: a name is not known, and there is no terminal to ask on.
        SettingInvalid: the file of labels is for another task, a name is said to mean no class of this one, or drawn
            pictures are to stand for real ones.
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
    labels = {**propose(names, task), **meaning.labels}
    missing = [own for own in names if own not in labels]
    if missing and not _terminal():
        raise unknown(dataset.source, missing, task)
    labels |= {own: _ask(own, task) for own in missing}
    return LabelMap(task, labels, described)


def used_names(dataset: Dataset) -> list[str]:
    """Return the names that images of a data set have."""
    return [dataset.class_names[index] for index in np.flatnonzero(dataset.class_counts())]


def counts(dataset: Dataset) -> str:
    """Return how many images of each class there are, in words."""
    return ", ".join(f"{n} {name}" for n, name in zip(dataset.class_counts(), dataset.class_names, strict=True))


def _ask(own: str, task: Task) -> str:
    meant = ", ".join(f"{one.code} ({one.name})" for one in task.classes)
    click.echo(f"The images labelled {own!r}: what are they? {meant}; {IGNORE} leaves them out.")
    answer: str = click.prompt("Class", type=click.Choice([*task.codes, IGNORE]))
    return answer


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _named(name: str) -> Task:
    if name in TASKS:
        return TASKS[name]
    document = strict_json.loads(_read(Path(name), "task"), "task", DOCUMENT_CAP)
    if not isinstance(document, dict):
        raise EncodingError("task", "it is not an object")
    return Task.from_dict(document)


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LABELS_CAP + 1)
    except OSError as error:
        known = f" and no built-in one ({', '.join(TASKS)})" if what == "task" else ""
        raise SettingInvalid(what, f"{path} is no file{known}") from error
    if len(data) > LABELS_CAP:
        raise SettingInvalid(what, f"{path} has more than {LABELS_CAP} bytes")
    return data


def _supported(task: Task) -> Task:
    if task.kind == TaskKind.LABELS or task.domain == Domain.TABLE:
        kind = f"{task.kind}, {task.domain}"
        raise SettingInvalid("task", f"{task.code} is of a kind that this version cannot train: {kind}")
    return task


def _own_task(classes: list[str], disease: list[str]) -> Task:
    strange = [name for name in disease if name not in classes]
    if strange:
        raise SettingInvalid("disease", f"{strange[0]!r} is not among --classes")
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
