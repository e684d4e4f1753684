"""What a model's answer about one picture means, in careful words.

Invariant: a sentence says no more than the answer does, and what is not clear is called not sure.

Source: GMC guidance on sharing uncertainty with patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fl.protocol.task import Domain, Task, TaskClass
from webui.http.error_words import translated
from webui.presentation.numbers_and_dates import percent
from webui.presentation.texts import gettext
from webui.presentation.wording import Saying, listing
from webui.usecases.doubt import sees
from webui.usecases.urgency import LIKELY


def verdict(
    task: Task,
    label: str,
    probability: float | None,
    kept: Sequence[str] | None = None,
    shares: Mapping[str, float] | None = None,
) -> Saying:
    """Return what a prediction means, in careful words.

    Args:
        task: What the model tells apart.
        label: The code of the likeliest class.
        probability: Of what the task reports, in 0..1; None where no class is a disease.
        kept: The codes of the classes that remain possible; None if the model has no calibration. Disease and no
            disease, or nothing, is *not sure*; and so is a probability near one half, or on the other side.
        shares: Class code -> probability. They decide where a picture may have several findings; and without a disease,
            a likeliest class below `LIKELY` is *not sure*.
    """
    reported = reported_of(task)
    if task.several:
        return _findings(task, shares or {})
    if probability is None:
        return _likeliest(task, label, kept, shares or {})
    clear = sees(task, probability, kept)
    if clear is None:
        return Saying("wait", _not_sure(task), _doubt(reported, task, kept))
    where = in_this(task)
    if clear:
        return Saying(
            "bad",
            gettext("The model sees signs of %(disease)s %(where)s", disease=reported, where=where),
            _see_a_doctor(task),
        )
    return Saying(
        "good",
        gettext("The model sees no signs of %(disease)s %(where)s", disease=reported, where=where),
        gettext(
            "%(one)s cannot rule out a disease. If you feel unwell, please see a doctor. If a doctor has asked for "
            "tests, please have them.",
            one=one_of(task),
        ),
    )


def _see_a_doctor(task: Task) -> str:
    if task.domain == Domain.STAINED_CELL:
        return gettext(
            "This is not a diagnosis, but it is a reason to see a doctor. Please show this result to a doctor soon: "
            "blood counts and an examination decide."
        )
    return gettext(
        "This is not a diagnosis, but it is a reason to see a doctor. Please show this result to a doctor soon: "
        "a doctor decides."
    )


def _likeliest(task: Task, label: str, kept: Sequence[str] | None, shares: Mapping[str, float]) -> Saying:
    """Return what an answer says where no class is a disease."""
    if kept is not None and len(kept) != 1:
        return Saying("wait", _not_sure(task), _open_classes(task, kept))
    name = class_name(task, label)
    if kept is None and shares.get(label, 1.0) < LIKELY:
        text = gettext(
            "The likeliest class is %(name)s, with only %(share)s. Another image or a doctor can help.",
            name=name,
            share=percent(shares[label]),
        )
        return Saying("wait", _not_sure(task), text)
    text = gettext(
        "It chose among %(count)s classes. Some look alike, and it can be wrong. A doctor knows more.",
        count=len(task.classes),
    )
    return Saying("plain", _taken_for(task, name), text)


def findings_of(task: Task, shares: Mapping[str, float]) -> list[TaskClass]:
    """Return the labels whose probability is above their threshold, in the task's order."""
    return [one for one in task.classes if shares.get(one.code, 0.0) > one.threshold]


def _findings(task: Task, shares: Mapping[str, float]) -> Saying:
    """Return what an answer says where a picture may have several findings, or none."""
    where, seen, count = in_this(task), findings_of(task, shares), len(task.classes)
    if not seen:
        return Saying(
            "good",
            gettext("The model sees none of its %(count)s findings %(where)s", count=count, where=where),
            gettext(
                "It looks for these %(count)s findings and for nothing else, and it can miss one. %(one)s cannot rule "
                "out a disease. If you feel unwell, or if a doctor has asked for tests, please see a doctor.",
                count=count,
                one=one_of(task),
            ),
        )
    listed = listing([translated(one.name) for one in seen])
    if any(one.disease for one in seen):
        return Saying(
            "bad",
            gettext("The model sees signs of %(disease)s %(where)s", disease=listed, where=where),
            gettext(
                "Each finding has a probability of its own, and the model can be wrong about each. This is not a "
                "diagnosis. Please show this result to a doctor soon."
            ),
        )
    return Saying(
        "plain",
        gettext("The model sees %(findings)s %(where)s", findings=listed, where=where),
        gettext(
            "Each finding has a probability of its own, and the model can be wrong about each. This is not a diagnosis."
        ),
    )


def _doubt(reported: str, task: Task, kept: Sequence[str] | None) -> str:
    """Return why the model is not sure."""
    sides = None if kept is None else {one.disease for one in task.classes if one.code in kept}
    if sides is None or len(sides) == 1:
        return gettext(
            "The model's answer is not clear enough to say %(disease)s or no %(disease)s. Another image or a doctor "
            "can help.",
            disease=reported,
        )
    if kept:
        return gettext(
            "The model cannot exclude %(disease)s, and it cannot exclude that there is no %(disease)s. Another image "
            "or a doctor can help.",
            disease=reported,
        )
    return gettext(
        "To the model, this looks neither like %(disease)s nor like no %(disease)s. Another image or a doctor can "
        "help.",
        disease=reported,
    )


def _open_classes(task: Task, kept: Sequence[str]) -> str:
    """Return which classes a model without a disease cannot exclude."""
    if not kept:
        return gettext("To the model, this looks like none of its classes.")
    names = listing([class_name(task, code) for code in kept])
    return gettext("It cannot exclude any of these: %(names)s.", names=names)


def thing_of(task: Task) -> str:
    """Return what one input is: `cell`, `X-ray`."""
    return _of(task, gettext("cell"), gettext("X-ray"), gettext("entry"))


def in_this(task: Task) -> str:
    """Return the end of a sentence about what is in a picture; a language has its own forms of `this`."""
    return _of(task, gettext("in this cell"), gettext("in this X-ray"), gettext("in this entry"))


def one_of(task: Task) -> str:
    """Return the begin of a sentence about a single picture."""
    return _of(task, gettext("One cell"), gettext("One X-ray"), gettext("One entry"))


def _not_sure(task: Task) -> str:
    return _of(
        task,
        gettext("The model is not sure about this cell"),
        gettext("The model is not sure about this X-ray"),
        gettext("The model is not sure about this entry"),
    )


def _taken_for(task: Task, name: str) -> str:
    return _of(
        task,
        gettext("The model takes this cell for: %(name)s", name=name),
        gettext("The model takes this X-ray for: %(name)s", name=name),
        gettext("The model takes this entry for: %(name)s", name=name),
    )


def _of(task: Task, cell: str, xray: str, other: str) -> str:
    """Return the text that fits the kind of input."""
    return {Domain.STAINED_CELL: cell, Domain.XRAY: xray}.get(task.domain, other)


def is_cell(task: Task) -> bool:
    """Return whether one input is a stained cell."""
    return task.domain == Domain.STAINED_CELL


def reported_of(task: Task) -> str:
    """Return what a task reports, in the language of the page."""
    return translated(task.reported)


def class_name(task: Task, code: str) -> str:
    """Return the name of a class for people; its code if the task has no such class."""
    return next((translated(one.name) for one in task.classes if one.code == code), code)
