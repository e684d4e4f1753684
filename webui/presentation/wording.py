"""Numbers and facts as words for people.

Invariant: a sentence says no more than the facts do.

Source: PROTOCOL.md 5S (a sealed round is shown as such); GMC guidance on sharing uncertainty with patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from fl.audit.narrative import CheckOutcome, Results
from fl.protocol.task import Domain, Origin, Task, TaskClass
from webui.ports.federation import HeldOut
from webui.usecases.doubt import sees
from webui.usecases.urgency import LIKELY

_HELP = "Another image or a doctor can help."
SHARES = {"accuracy", "balanced_accuracy", "sensitivity", "specificity", "precision", "recall", "f1", "npv", "ppv"}
NAMES = {
    "auroc": "AUROC",
    "auc": "AUROC",
    "f1": "F1",
    "recall": "Sensitivity",
    "samples": "Images tested",
    "kappa": "Kappa",
    "correct": "Judged correctly",
    "npv": "Negative predictive value",
    "ppv": "Positive predictive value",
}
CHIEF = ("sensitivity", "recall", "specificity", "balanced_accuracy", "accuracy", "auroc")
MEANS = {"sensitivity", "recall", "specificity", "precision", "f1", "auroc", "auc"}
"""Without a single disease, these are means over the classes, each against the rest."""
EXACT = {"accuracy": "All findings right", "correct": "Images with all findings right"}
PHASES = {
    "open": ("Open", "hospitals train and commit their updates", "wait"),
    "advertise": ("Keys", "hospitals train and advertise keys for their masks", "wait"),
    "share": ("Shares", "hospitals train and share the secrets behind their masks", "wait"),
    "complain": ("Checks", "hospitals train and check the shares that they received", "wait"),
    "mask": ("Masking", "hospitals commit their masked updates", "wait"),
    "agree": ("Agreement", "hospitals sign the set of updates", "wait"),
    "unmask": ("Unmasking", "hospitals reveal what is needed to unmask the sum, and nothing else", "wait"),
    "frozen": ("Frozen", "the set of updates is fixed", "wait"),
    "proposed": ("Proposed", "auditors must now replay the round and attest the new model", "wait"),
    "final": ("Final", "auditors replayed the round and attested the new model", "good"),
    "aborted": ("Aborted", "the previous model stays in use", "bad"),
}
PROTECTIONS = {
    "masked": ("Masked", "Nobody, not even the coordinator, could read a single hospital's update."),
    "sealed": (
        "Sealed",
        "The coordinator and the auditors could read each hospital's update; other hospitals could not.",
    ),
}

OUTCOMES = {
    CheckOutcome.RIGHT: ("good", "right", "Checked"),
    CheckOutcome.WRONG: ("bad", "wrong", "Checked, and wrong"),
    CheckOutcome.OPEN: ("wait", "not checked", "Not checked"),
}


@dataclass(frozen=True)
class Saying:
    """A finding in words and the tone it is shown in: good, wait, bad or plain."""

    tone: str
    title: str
    text: str


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
    thing, reported = thing_of(task), task.reported
    if task.several:
        return _findings(task, shares or {})
    if probability is None:
        return _likeliest(task, label, kept, shares or {})
    clear = sees(task, probability, kept)
    if clear is None:
        return Saying("wait", f"The model is not sure about this {thing}", _doubt(task, reported, kept))
    if clear:
        decide = "blood counts and an examination decide" if task.domain == Domain.STAINED_CELL else "a doctor decides"
        return Saying(
            "bad",
            f"The model sees signs of {reported} in this {thing}",
            "This is not a diagnosis, but it is a reason to see a doctor. Please show this result to a doctor soon: "
            f"{decide}.",
        )
    return Saying(
        "good",
        f"The model sees no signs of {reported} in this {thing}",
        f"One {thing} cannot rule out a disease. If you feel unwell, please see a doctor. If a doctor has asked for "
        "tests, please have them.",
    )


def _likeliest(task: Task, label: str, kept: Sequence[str] | None, shares: Mapping[str, float]) -> Saying:
    """Return what an answer says where no class is a disease."""
    thing, name = thing_of(task), class_name(task, label)
    unsure = f"The model is not sure about this {thing}"
    if kept is not None and len(kept) != 1:
        return Saying("wait", unsure, _open_classes(task, kept))
    if kept is None and shares.get(label, 1.0) < LIKELY:
        text = f"The likeliest class is {name}, with only {percent(shares[label])}. {_HELP}"
        return Saying("wait", unsure, text)
    text = f"It chose among {len(task.classes)} classes. Some look alike, and it can be wrong. A doctor knows more."
    return Saying("plain", f"The model takes this {thing} for: {name}", text)


def findings_of(task: Task, shares: Mapping[str, float]) -> list[TaskClass]:
    """Return the labels whose probability is above their threshold, in the task's order."""
    return [one for one in task.classes if shares.get(one.code, 0.0) > one.threshold]


def _findings(task: Task, shares: Mapping[str, float]) -> Saying:
    """Return what an answer says where a picture may have several findings, or none."""
    thing, seen, count = thing_of(task), findings_of(task, shares), len(task.classes)
    if not seen:
        text = (
            f"It looks for these {count} findings and for nothing else, and it can miss one. One {thing} cannot rule "
            "out a disease. If you feel unwell, or if a doctor has asked for tests, please see a doctor."
        )
        return Saying("good", f"The model sees none of its {count} findings in this {thing}", text)
    listed = listing([one.name for one in seen])
    text = "Each finding has a probability of its own, and the model can be wrong about each. This is not a diagnosis."
    if any(one.disease for one in seen):
        text = f"{text} Please show this result to a doctor soon."
    tone = "bad" if any(one.disease for one in seen) else "plain"
    signs = "signs of " if tone == "bad" else ""
    return Saying(tone, f"The model sees {signs}{listed} in this {thing}", text)


def _doubt(task: Task, reported: str, kept: Sequence[str] | None) -> str:
    """Return why the model is not sure."""
    sides = None if kept is None else {one.disease for one in task.classes if one.code in kept}
    if sides is None or len(sides) == 1:
        return f"The model's answer is not clear enough to say {reported} or no {reported}. {_HELP}"
    if kept:
        return f"The model cannot exclude {reported}, and it cannot exclude that there is no {reported}. {_HELP}"
    return f"To the model, this looks neither like {reported} nor like no {reported}. {_HELP}"


def _open_classes(task: Task, kept: Sequence[str]) -> str:
    """Return which classes a model without a disease cannot exclude."""
    names = listing([class_name(task, code) for code in kept]) if kept else ""
    return (
        f"It cannot exclude any of these: {names}." if names else "To the model, this looks like none of its classes."
    )


def thing_of(task: Task) -> str:
    """Return what one input is: `cell`, `X-ray`."""
    return {Domain.STAINED_CELL: "cell", Domain.XRAY: "X-ray"}.get(task.domain, "entry")


def class_name(task: Task, code: str) -> str:
    """Return the name of a class for people; its code if the task has no such class."""
    return next((one.name for one in task.classes if one.code == code), code)


def measured_on(data: HeldOut) -> str:
    """Return the images on which an auditor measured."""
    persons = f" of {data.persons:,} person{'s' if data.persons != 1 else ''}"
    kind = "drawn pictures" if data.origin == Origin.DRAWN else "pictures"
    name = f" ({data.name})" if data.name else ""
    return f"{data.images:,} {kind}{persons}{name}"


def attested(names: Sequence[str]) -> str:
    if not names:
        return "no auditor has attested it."
    return f"{listing(names)} replayed the round and got the same model."


def listing(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


LATEST = 253_402_214_400
"""A day before the year 10000, where calendars end; a request may name any deadline."""


def _moment(seconds: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(min(seconds, LATEST), zone)


def when(seconds: int, zone: ZoneInfo) -> str:
    """Return a moment with date, time and zone."""
    moment = _moment(seconds, zone)
    return f"{moment.day} {moment:%b %Y, %H:%M} {moment.tzname()}"


def on_day(seconds: int, zone: ZoneInfo) -> str:
    moment = _moment(seconds, zone)
    return f"{moment:%A}, {moment.day} {moment:%B %Y}"


def at_time(seconds: int, zone: ZoneInfo) -> str:
    return f"{_moment(seconds, zone):%H:%M}"


def iso(seconds: int, zone: ZoneInfo) -> str:
    """Return a moment for the `datetime` attribute of a `time` element."""
    return _moment(seconds, zone).isoformat()


def birthday(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def percent(share: float) -> str:
    """Return a share in 0..1 in whole per cent; never 0 % or 100 %, because no answer is certain."""
    rounded = round(share * 100)
    return "below 1 %" if rounded < 1 else "above 99 %" if rounded > 99 else f"{rounded} %"  # noqa: PLR2004 per cent


def chief_metrics(metrics: Mapping[str, float] | None) -> dict[str, float]:
    """Return the few metrics for patients and overviews, the most important first."""
    return {name: metrics[name] for name in CHIEF if name in metrics} if metrics else {}


def metric_name(name: str, task: Task | None = None) -> str:
    """Return what a metric is called; where no single disease is reported, many are means over classes or labels."""
    plain = NAMES.get(name, name.replace("_", " ").capitalize())
    if task is None or task.reports:
        return plain
    if task.several and name in EXACT:
        return EXACT[name]
    return f"{plain}, mean of {'findings' if task.several else 'classes'}" if name in MEANS else plain


def metric_value(name: str, value: float) -> str:
    """Return a metric's value for people; shares in per cent with one decimal place."""
    if name in SHARES:
        return f"{value * 100:.1f} %"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.3f}"


def phase(name: str) -> Saying:
    title, text, tone = PHASES.get(name, (name.capitalize(), "", "plain"))
    return Saying(tone, title, text)


def outcome(check: CheckOutcome) -> Saying:
    return Saying(*OUTCOMES[check])


def summary_of(results: Results | None) -> Saying:
    """Return the last audit's verdict on a round, for a pill."""
    if results is None:
        return Saying("plain", "not yet", "No audit covers this round yet.")
    if results.findings:
        return Saying("bad", "wrong", "The last audit found a problem in this round.")
    if results.notes or not results.passed:
        return Saying("wait", "in part", "The last audit found no problem, but it could not check everything.")
    return Saying("good", "right", "The last audit checked this round and found no problem.")


def protection(name: str) -> Saying:
    """Return who could read a single hospital's update in a round."""
    title, text = PROTECTIONS.get(name, (name.capitalize(), ""))
    return Saying("plain", title, text)


def hexed(raw: bytes) -> str:
    return "0x" + raw.hex()


def shortened(raw: bytes) -> str:
    """Return both ends of a digest, to compare at a glance."""
    text = raw.hex()
    return f"{text[:8]}…{text[-6:]}"


def grouped(raw: bytes) -> list[str]:
    """Return the hexadecimal digits in groups of 32, so that a line can break between them."""
    text = raw.hex()
    return [text[start : start + 32] for start in range(0, len(text), 32)]


def bars(raw: bytes) -> list[tuple[int, int]]:
    """Return a digest as a bar chart: the place and the height (4..28) of each byte."""
    return [(index * 5, 4 + byte * 24 // 255) for index, byte in enumerate(raw)]
