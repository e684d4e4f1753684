"""Maps the class names in a hospital's own data to the classes of a task.

Invariant: only mapped data are trained on or stored; a name without a certain meaning stays unknown. The order of names
and parts of words have no meaning.

A name is split into words: Unicode form KC, case folded, without accents; a leading number and words like `cells` are
dropped. Negation is a rule (`non-leukemia`, `leukemia free`), so a class is never confused with its opposite.

Source: names of public data sets of blood cells and X-rays (C-NMC, ALL-IDB, the Taleqani set, chest X-rays).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from fl.protocol import strict_json
from fl.protocol.codec import Fields
from fl.protocol.errors import DatasetUnusable, EncodingError, LabelsUnknown
from fl.protocol.task import IGNORE, MAX_NAME, Task
from fl.protocol.task_catalogue import DRAWN_SUFFIX
from fl.training.data.dataset import Dataset
from fl.training.data.marks import strata
from fl.training.data.vocabulary import AFFIRMATIONS, DISEASED, EXTRA, HEALTHY, NEGATIONS, NOISE, SPELLINGS

LABELS_CAP = 256 * 1024
"""The largest label file, in bytes."""
MAX_NAMES = 1000
_WHAT = "file of labels"
_SEVERAL = "its images may have several labels at once"
_ANY_DISEASE = ""
"""The meaning of a word for the disease if several classes are the disease: no single class."""


@dataclass(frozen=True)
class LabelMap:
    """The meaning of each of the hospital's names: a class code of the task, or `ignore`."""

    task: Task
    labels: Mapping[str, str]
    described: str = ""
    """The name of these data that an auditor publishes; empty = no name."""

    def __post_init__(self) -> None:
        """Raise EncodingError if a name is mapped to a class that the task does not have."""
        known = {*self.task.codes, IGNORE}
        for own, code in self.labels.items():
            if code not in known:
                raise EncodingError(_WHAT, f"{own!r} is mapped to {code!r}; use one of {', '.join(sorted(known))}")

    def apply(self, dataset: Dataset) -> Dataset:
        """Return `dataset` with the task's codes as its classes, in the task's order, without ignored images.

        Where an image may have several labels, an ignored name is no label, and no image is left out. A data set with
        one class per image then counts as images with exactly that label.

        Raises:
            LabelsUnknown: images have a class name that is not mapped.
            DatasetUnusable: all images are ignored, or images with several labels meet a task of one class per image.
        """
        names = dataset.class_names
        used = np.flatnonzero(dataset.class_counts())
        missing = [names[index] for index in used if names[index] not in self.labels]
        if missing:
            raise unknown(dataset.source, missing, self.task)
        if self.task.several:
            return self._mark(dataset)
        if dataset.marks is not None:
            raise DatasetUnusable(dataset.source, f"{_SEVERAL}; {self.task.code} is a task of one class per image")
        codes = self.task.codes
        target = np.full(len(names), -1, np.int64)
        for index, own in enumerate(names):
            if self.labels.get(own, IGNORE) != IGNORE:
                target[index] = codes.index(self.labels[own])
        kept = target[dataset.labels] >= 0
        if not kept.any():
            raise DatasetUnusable(dataset.source, "its labels are all ignored, so there are no images to use")
        part = dataset.take(kept)
        return replace(part, labels=target[part.labels], class_names=codes)

    def _mark(self, dataset: Dataset) -> Dataset:
        """Return `dataset` with marks for the task's codes; names with one meaning are one label.

        A label about which a table or an array has no column is unknown, not absent, so such data are refused.
        """
        own = dataset.marks
        if own is None:
            own = np.eye(len(dataset.class_names), dtype=np.bool_)[dataset.labels]
        columns = [
            own[:, [self.labels.get(name, IGNORE) == code for name in dataset.class_names]].any(axis=1)
            for code in self.task.codes
        ]
        marks = np.stack(columns, axis=1)
        listed = dataset.marks is None or (dataset.listing is not None and dataset.listing.named)
        known = {self.labels.get(name) for name in dataset.class_names}
        if not listed and (lost := [code for code in self.task.codes if code not in known]):
            raise without_column(dataset.source, lost)
        return replace(dataset, labels=strata(marks), class_names=self.task.codes, marks=marks)

    def to_bytes(self) -> bytes:
        """Return the file, laid out for a person to edit."""
        labels = dict(sorted(self.labels.items()))
        document = {"data": self.described, "labels": labels, "task": self.task.to_dict()}
        return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> LabelMap:
        """Parse a file, or raise EncodingError."""
        document = strict_json.loads(data, _WHAT, LABELS_CAP)
        if not isinstance(document, dict):
            raise EncodingError(_WHAT, "it is not a JSON object with labels and task")
        fields = Fields(document, _WHAT)
        fields.only("data", "labels", "task")
        labels = Fields(fields.mapping("labels"), _WHAT)
        if len(labels.value) > MAX_NAMES:
            raise EncodingError(_WHAT, f"it has more than {MAX_NAMES} names")
        described = fields.text("data")
        if len(described) > MAX_NAME or not described.isprintable():
            raise EncodingError(_WHAT, f"data is not a printable text of at most {MAX_NAME} characters")
        return cls(Task.from_dict(fields.mapping("task")), {own: labels.text(own) for own in labels.value}, described)


def propose(names: Iterable[str], task: Task) -> dict[str, str]:
    """Return the codes of the names whose meaning is certain."""
    words = _Words(task)
    meanings = {own: words.meaning(own) for own in names}
    return {own: code for own, code in meanings.items() if code}


def spelled(names: Iterable[str], called: Mapping[str, str]) -> dict[str, str]:
    """Return the codes of the names that `called` lists, whatever their capitals, accents, plurals and spaces are."""
    phrases = {_phrase(text): code for text, code in called.items()}
    found = {own: called.get(own) or phrases.get(_phrase(own)) for own in names}
    return {own: code for own, code in found.items() if code}


def without_column(source: str, lost: Iterable[str]) -> DatasetUnusable:
    """Return the error about labels of a task that no column of the data is about."""
    why = f"no column of its labels says which images show {', '.join(lost)}, and that is not the same as none"
    return DatasetUnusable(source, why)


def unknown(source: str, names: Iterable[str], task: Task) -> LabelsUnknown:
    """Return the error that lists the unknown names and the task's classes, and says what to do."""
    listed = ", ".join(repr(own) for own in names)
    how = "Add --label NAME=CLASS for each name, or --labels FILE; NAME=ignore excludes its images."
    return LabelsUnknown(source, listed, ", ".join(task.codes), how)


class _Words:
    """The meaning of words in one task."""

    def __init__(self, task: Task) -> None:
        disease = [one.code for one in task.classes if one.disease]
        healthy = [one.code for one in task.classes if not one.disease]
        self._own = {_phrase(text): one.code for one in task.classes for text in (one.name, one.code)}
        self._healthy = healthy[0] if disease and len(healthy) == 1 else None
        self._disease = (disease[0] if len(disease) == 1 else _ANY_DISEASE) if disease else None
        self._more = dict[str, str | None]()
        if self._disease is not None:
            self._more |= dict.fromkeys(map(_phrase, DISEASED), self._disease)
            self._more[_phrase(task.reported)] = self._disease
        if self._healthy is not None:
            self._more |= dict.fromkeys(map(_phrase, HEALTHY), self._healthy)
        extra = EXTRA.get(task.code.removesuffix(DRAWN_SUFFIX), {})
        self._more |= {_phrase(text): code for code, texts in extra.items() if code in task.codes for text in texts}

    def meaning(self, name: str) -> str | None:
        """Return the code of a class, or None (or an empty text) if it is not certain."""
        words = _words(name)
        if "?" in name or (words != ["all"] and _without(words, NOISE) == ["all"] and "ALL" not in name):
            return None  # a guess, or `all images`
        code = self._plain(words)
        return code if code is not None else self._negated(words)

    def _plain(self, words: list[str]) -> str | None:
        for kept in (words, _without(words, NOISE), _without(words, NOISE | AFFIRMATIONS)):
            phrase = " ".join(kept)
            for table in (self._own, self._more):
                if phrase in table:
                    return table[phrase]
        return None

    def _negated(self, words: list[str]) -> str | None:
        negations = [word for word in words if word in NEGATIONS]
        rest = [word for word in words if word not in NEGATIONS]
        if len(negations) != 1 or not rest:
            return None
        base = self._plain(rest)
        if base is not None and base == self._disease:
            return self._healthy
        if base is not None and base == self._healthy:
            return self._disease
        return None


def _words(name: str) -> list[str]:
    """Return a name's words: `0_Non-Leukaemia.Cells` gives non, leukemia, cell."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", name))
    plain = unicodedata.normalize("NFKD", split.casefold())
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words = [_one(word) for glued in re.findall(r"[^\W_]+", letters) for word in _unglued(glued)]
    return words[1:] if len(words) > 1 and words[0].isdigit() else words


def _unglued(word: str) -> list[str]:
    rest = word.removeprefix("non")
    return ["non", rest] if rest != word and _one(rest) in SPELLINGS.values() else [word]


def _one(word: str) -> str:
    if word in SPELLINGS or word in NEGATIONS:
        return SPELLINGS.get(word, word)
    single = word[:-1] if word.endswith("s") and len(word) > 3 and not word.endswith("ss") else word  # noqa: PLR2004
    return SPELLINGS.get(single, single)


def _phrase(text: str) -> str:
    return " ".join(_without(_words(text), NOISE))


def _without(words: list[str], dropped: frozenset[str]) -> list[str]:
    kept = [word for word in words if word not in dropped]
    return kept or words
