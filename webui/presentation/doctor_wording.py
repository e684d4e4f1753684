"""A doctor's work in words: urgency, age, doubt, and what a review says.

Invariant: a sentence says no more than the facts do.

Source: usecases/urgency.py (the order); usecases/review_format.py (decisions).
"""

from __future__ import annotations

from collections.abc import Sequence

from fl.protocol.task import Task
from webui.ports.decryption_requests import AskReason
from webui.presentation.texts import gettext, ngettext
from webui.presentation.verdict_wording import class_name
from webui.presentation.wording import Saying, listing
from webui.store.worklist import ORDERED_CHECKS
from webui.usecases.agenda import Why
from webui.usecases.gists import urgency_of_shown
from webui.usecases.patient_records import Shown
from webui.usecases.record_format import Check
from webui.usecases.review_format import Decision, Review
from webui.usecases.urgency import Urgency, urgency_of

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
TWO_DAYS_H = 48
TWO_HOURS_MIN = 120


def urgency(value: Urgency) -> Saying:
    """Return an urgency as a pill."""
    match value:
        case Urgency.HIGH:
            return Saying("bad", gettext("Signs of disease"), "")
        case Urgency.UNSURE:
            return Saying("wait", gettext("Not sure"), "")
        case Urgency.UNKNOWN:
            return Saying("wait", gettext("Closed to this site"), "")
        case Urgency.OTHER:
            return Saying("plain", gettext("No disease asked"), "")
        case Urgency.LOW:
            return Saying("good", gettext("No signs"), "")


def urgency_of_check(check: Check) -> Urgency:
    """Return how urgent a check is."""
    return urgency_of(check)


def urgency_of_record(shown: Shown) -> Urgency:
    """Return how urgent a check or a risk is."""
    return urgency_of_shown(shown)


def beside_words(why: Why) -> str:
    """Return why a result is beside an appointment."""
    match why:
        case Why.NAMED:
            return gettext("for this appointment")
        case Why.OPEN:
            return gettext("most urgent without a review")
        case Why.NEWEST:
            return gettext("newest result")


def age(then: int, now: int) -> str:
    """Return how long ago something was: minutes, then hours up to two days, then days."""
    passed = max(now - then, 0)
    minutes, hours, days = passed // MINUTE_S, passed // HOUR_S, passed // DAY_S
    if minutes < TWO_HOURS_MIN:
        return ngettext("%(num)d minute ago", "%(num)d minutes ago", minutes)
    if hours < TWO_DAYS_H:
        return ngettext("%(num)d hour ago", "%(num)d hours ago", hours)
    return ngettext("%(num)d day ago", "%(num)d days ago", days)


def doubt(check: Check) -> str:
    """Return which answers the model cannot exclude; empty if the model does not say."""
    task, kept = check.model.task, check.kept
    if kept is None:
        return ""
    if not kept:
        return gettext("The picture is unlike every class of the model.")
    names = listing([class_name(task, code) for code in kept])
    if len(kept) == 1:
        return gettext("One answer remains: %(name)s.", name=names)
    return gettext("The model cannot exclude any of these: %(names)s.", names=names)


def decision(review: Review, task: Task | None) -> Saying:
    """Return what a doctor said about the model's answer; without the task, classes are codes."""
    match review.decision:
        case Decision.CONFIRMED:
            return Saying("good", gettext("The doctor agrees with the model's answer"), "")
        case Decision.UNCLEAR:
            return Saying("wait", gettext("The doctor cannot tell from this picture"), "")
        case Decision.OTHER:
            answer = own_answer(review.labels, task)
            return Saying("wait", gettext("The doctor gives another answer: %(answer)s", answer=answer), "")


def own_answer(labels: Sequence[str], task: Task | None) -> str:
    """Return the names of a doctor's own answer."""
    if not labels:
        return gettext("none of the model's findings")
    return listing([class_name(task, code) if task is not None and code in task.codes else code for code in labels])


def ask_reason(value: AskReason | int) -> str:
    """Return why a doctor asks for a record, in the doctor's own person."""
    match AskReason(value):
        case AskReason.TREATING:
            return gettext("I treat this patient and need the earlier result")
        case AskReason.OPINION:
            return gettext("A colleague asked for my opinion")
        case AskReason.URGENT:
            return gettext("The patient needs care now and cannot be asked")
        case AskReason.PATIENT:
            return gettext("The patient asked me to look at it")
        case AskReason.COMPARISON:
            return gettext("I compare it with another test of this patient")
        case AskReason.OTHER:
            return gettext("Another reason, which the sentence names")


def ask_reasons() -> list[AskReason]:
    """Return the reasons in the order of a list."""
    return list(AskReason)


def ordered_checks() -> int:
    """Return how many checks a worklist orders at most."""
    return ORDERED_CHECKS


def in_eights(raw: bytes) -> str:
    """Return hexadecimal digits in groups of eight, to read over the telephone."""
    text = raw.hex()
    return " ".join(text[start : start + 8] for start in range(0, len(text), 8))
