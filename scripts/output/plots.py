"""Three plots of an evaluation as SVG texts: ROC, reliability, one dot per person.

Invariant: the same evaluation gives the same text. A plot holds no name of a person, and no script.

Source: matplotlib, which captum brings; it is imported when a plot is drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fl.protocol.task import Task
from fl.training.evaluation.answers import Answers
from fl.training.evaluation.curves import reliability, roc
from fl.training.evaluation.quality import Judgement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE_IN, STRIP_IN = 4.2, (8.4, 3.4)
"""Sizes in inches of 72 px."""
DOTS = "o", "s", "^", "D", "v", "P", "X", "*"
"""A class has a colour and a shape, so that nobody needs to tell colours apart."""
LEAST_DOT, LARGEST_DOT = 12.0, 120.0
"""Areas of dots in square points."""
_REFERENCE = re.compile(r"""(\bid="|href="#|url\(#)""")
"""Every plot gets ids of its own, because several are in one page."""


def draw(answers: Answers, judgement: Judgement, task: Task) -> dict[str, str]:
    """Return each plot by its name: an SVG element without a document around it."""
    plots = {
        "roc": _plot("roc", (SIDE_IN, SIDE_IN), lambda axes: _roc(axes, answers, task)),
        "reliability": _plot("reliability", (SIDE_IN, SIDE_IN), lambda axes: _reliability(axes, answers)),
    }
    if not judgement.people:
        return plots
    return {**plots, "persons": _plot("persons", STRIP_IN, lambda axes: _persons(axes, judgement, task))}


def _plot(name: str, size: tuple[float, float], paint: Callable[[Axes], None]) -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 10, "text.parse_math": False}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        axes.grid(visible=True, linewidth=0.4, color="#c9d3dc")
        paint(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = buffer.getvalue()
    return _REFERENCE.sub(rf"\g<1>{name}-", text[text.index("<svg") :]).rstrip()


def _roc(axes: Axes, answers: Answers, task: Task) -> None:
    for curve in roc(answers):
        name = task.reported if curve.label is None else task.classes[curve.label].name
        axes.plot(curve.false_alarms, curve.recognised, label=name, linewidth=1.6)
    axes.plot([0, 1], [0, 1], linestyle=":", color="#5b6b7b", label="chance")
    axes.set(xlabel="1 - specificity", ylabel="Sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), title="ROC")
    axes.legend(loc="lower right", fontsize=8)


def _reliability(axes: Axes, answers: Answers) -> None:
    found = reliability(answers.finding, answers.truth)
    axes.plot([0, 1], [0, 1], linestyle=":", color="#5b6b7b")
    axes.plot(found.said, found.true, marker="o", linewidth=1.2)
    axes.set(xlabel="Probability that the model gives", ylabel="Share that is true", title="Reliability")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _persons(axes: Axes, judgement: Judgement, task: Task) -> None:
    """One dot per person: its mean probability; the area grows with the number of images."""
    most = max(row.images for row in judgement.people)
    places: dict[int, list[int]] = {label: [] for label in range(len(task.classes))}
    for index, row in enumerate(judgement.people):
        places[row.label].append(index)
    for label, rows in places.items():
        own = [judgement.people[index] for index in rows]
        axes.scatter(
            [index + 1 for index in rows],
            [row.finding for row in own],
            s=[max(LEAST_DOT, LARGEST_DOT * row.images / most) for row in own],
            marker=DOTS[label % len(DOTS)],
            alpha=0.75,
            label=task.classes[label].name,
        )
    if task.disease:
        axes.axhline(judgement.threshold, linestyle=":", color="#5b6b7b")
    ticks = np.unique(np.linspace(1, len(judgement.people), min(12, len(judgement.people))).astype(int))
    axes.set_xticks(ticks.tolist())
    said = f"of {task.reported}" if task.disease else "of the predicted class"
    axes.set(xlabel="Person (number of the table)", ylabel=f"Mean probability\n{said}", ylim=(-0.04, 1.04))
    axes.set_title("Persons")
    axes.legend(fontsize=8)
