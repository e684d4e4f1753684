"""The words of two rounds side by side: what each fact is called, and what it is.

Invariant: no form of a program is shown. A list of facts becomes their names or sentences, a long row of numbers its
length, and a setting without a name here its path in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l

from fl.protocol.codec import JsonValue
from fl.protocol.task import Task
from webui.http.error_words import translated
from webui.presentation.numbers_and_dates import short, whole
from webui.presentation.wording import metric_name, metric_value, protection
from webui.usecases.lineage import Difference

MOST_NUMBERS = 6
"""A longer row of numbers is not shown."""
TERMS: Mapping[str, Any] = {
    "protection": _l("Protection"),
    "fewest hospitals": _l("Fewest hospitals"),
    "attestations needed": _l("Attestations needed"),
    "threshold": _l("Hospitals needed to unmask the sum"),
    "numbers in an update": _l("Numbers in an update"),
    "seconds for training": _l("Seconds for the training"),
    "seconds per step": _l("Seconds for each step after it"),
    "task": _l("Task"),
    "classes": _l("Classes"),
}
TRAINING: Mapping[str, Any] = {
    "clip": _l("Largest change of one value"),
    "l2 bound": _l("Largest change of all values together (L2 norm)"),
    "largest weight": _l("Most images that count for one hospital"),
    "word bits": _l("Bits of one number in the masked sum"),
    "seed": _l("Starting number of chance"),
    "local, augment": _l("How strongly pictures are varied"),
    "local, batch": _l("Pictures in one step of the training"),
    "local, class balance": _l("How strongly rare classes count more"),
    "local, clip norm": _l("Largest step of the training"),
    "local, epochs": _l("Passes over the pictures"),
    "local, held back": _l("Share of pictures held back"),
    "local, horizon": _l("Rounds that the training plans for"),
    "local, lr": _l("Learning rate at the start"),
    "local, lr final": _l("Learning rate at the end"),
    "local, smoothing": _l("Smoothing of the labels"),
    "local, weight decay": _l("Weight decay"),
    "model, classes": _l("Outputs of the network"),
    "model, depth": _l("Depth of the network"),
    "model, in channels": _l("Colours of a picture"),
    "model, kind": _l("Kind of network"),
    "model, preparation": _l("Preparation of pictures"),
    "model, size px": _l("Side of a picture in pixels"),
    "model, trained": _l("Which part of the network is trained"),
    "model, views": _l("Views of each picture"),
    "model, weights": _l("Published weights that the network starts from"),
    "model, width": _l("Width of the network"),
    "rule, columns": _l("Coefficients"),
    "rule, disease": _l("Which classes are a disease"),
    "rule, error": _l("Largest share of wrong answers"),
    "rule, kept": _l("Share of pictures that get an answer"),
    "rule, name": _l("How the updates become a model"),
    "rule, ridge": _l("How strongly coefficients are held near zero"),
    "rule, rows bits": _l("Bits of the number of patients"),
    "rule, sensitivity": _l("Wanted sensitivity"),
    "rule, step": _l("Step of the calibration"),
    "schema, columns": _l("Values of a patient"),
    "design, schema, columns": _l("Values of a patient"),
    "design, means": _l("Means of the values"),
    "design, spreads": _l("Spreads of the values"),
    "sum, lanes": _l("What the sum tells everybody"),
    "sum, purpose": _l("What the sum is for"),
}
"""By the path in a round's configuration."""
PURPOSES: Mapping[str, Any] = {
    "data-card": _l("to describe the images of all hospitals"),
    "group-vote": _l("to vote on groups of values"),
    "newton-step": _l("to move the coefficients of a regression"),
    "table-statistics": _l("to know means and spreads of the values"),
    "calibration-limits": _l("to find the limits of certain answers"),
}
WORDS: Mapping[str, Any] = {
    "": _l("none"),
    "all": _l("all of it"),
    "calibrate": _l("Calibration: the weights stay"),
    "fedavg": _l("Mean of the updates"),
    "keep": _l("The weights stay"),
    "newton": _l("Newton's method"),
    "plain/1": _l("plain"),
    "limits": _l("limits of certain answers"),
}


def fact_name(each: Difference, task: Task | None) -> str:
    """Return what the fact is called, for people."""
    if each.what == "members":
        return each.name
    if each.what == "metrics":
        return metric_name(each.name, task)
    known = (TRAINING if each.what == "training" else TERMS).get(each.name)
    if known is not None:
        return str(known)
    return each.name.rpartition(", ")[2].capitalize()


def fact_value(each: Difference, value: JsonValue) -> str:
    """Return what the fact is in one of the rounds."""
    if value is None:
        return "–"
    if each.what == "members":
        return str(gettext("update") if value else gettext("no update"))
    if each.what == "metrics" and isinstance(value, float | int):
        return metric_value(each.name, value)
    if each.name == "seed":
        return str(value)
    return _named(each.name, str(value)) or _plain(value)


def _named(name: str, value: str) -> str:
    """Return the words of a fact that has its own elsewhere; empty for another one."""
    if name == "protection":
        return protection(value).title
    if name == "task":
        return translated(value)
    if name == "sum, purpose":
        return str(PURPOSES.get(value, gettext("for a calculation over all hospitals")))
    return ""


def _plain(value: JsonValue) -> str:
    if isinstance(value, bool):
        return str(gettext("yes") if value else gettext("no"))
    if isinstance(value, int):
        return whole(value)
    if isinstance(value, float):
        return short(value)
    if isinstance(value, str):
        return str(WORDS.get(value, value))
    return _several(value)


def _several(value: JsonValue) -> str:
    """Return a list in words: the sentences or names of its parts, or its numbers, or how many they are."""
    parts = value if isinstance(value, list) else []
    if not parts:
        return str(gettext("none"))
    if all(isinstance(part, dict) for part in parts):
        sentences = [part.get("reveals") for part in parts if isinstance(part, dict)]
        if all(isinstance(sentence, str) for sentence in sentences):
            return " ".join(translated(str(sentence)) for sentence in sentences)
        names = [part.get("text") or part.get("name") for part in parts if isinstance(part, dict)]
        return ", ".join(translated(str(name)) for name in names if name) or _count(parts)
    if len(parts) > MOST_NUMBERS or any(isinstance(part, dict | list) for part in parts):
        return _count(parts)
    return ", ".join(_plain(part) for part in parts)


def _count(parts: list[JsonValue]) -> str:
    return str(ngettext("%(num)d number", "%(num)d numbers", len(parts)))
