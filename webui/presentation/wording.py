"""Numbers and facts as words for people.

Invariant: a sentence says no more than the facts do.

Source: PROTOCOL.md 5S (a sealed round is shown as such).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from fl.audit.narrative import CheckOutcome, Results
from fl.protocol.task import Origin, Task
from webui.ports.federation import HeldOut
from webui.presentation.numbers_and_dates import decimal, per_cent, whole
from webui.presentation.texts import gettext, ngettext

SHARES = {"accuracy", "balanced_accuracy", "sensitivity", "specificity", "precision", "recall", "f1", "npv", "ppv"}
NAMES: Mapping[str, Any] = {
    "accuracy": _l("Accuracy"),
    "auroc": _l("AUROC"),
    "auc": _l("AUROC"),
    "balanced_accuracy": _l("Balanced accuracy"),
    "f1": _l("F1"),
    "loss": _l("Loss"),
    "precision": _l("Precision"),
    "recall": _l("Sensitivity"),
    "samples": _l("Images tested"),
    "sensitivity": _l("Sensitivity"),
    "specificity": _l("Specificity"),
    "kappa": _l("Kappa"),
    "correct": _l("Judged correctly"),
    "npv": _l("Negative predictive value"),
    "ppv": _l("Positive predictive value"),
}
CHIEF = ("sensitivity", "recall", "specificity", "balanced_accuracy", "accuracy", "auroc")
MEANS = {"sensitivity", "recall", "specificity", "precision", "f1", "auroc", "auc"}
"""Without a single disease, these are means over the classes, each against the rest."""
EXACT: Mapping[str, Any] = {
    "accuracy": _l("All findings right"),
    "correct": _l("Images with all findings right"),
}
PHASES: Mapping[str, tuple[Any, Any, str]] = {
    "open": (_l("Open"), _l("hospitals train and commit their updates"), "wait"),
    "advertise": (_l("Keys"), _l("hospitals train and advertise keys for their masks"), "wait"),
    "share": (_l("Shares"), _l("hospitals train and share the secrets behind their masks"), "wait"),
    "complain": (_l("Checks"), _l("hospitals train and check the shares that they received"), "wait"),
    "mask": (_l("Masking"), _l("hospitals commit their masked updates"), "wait"),
    "agree": (_l("Agreement"), _l("hospitals sign the set of updates"), "wait"),
    "unmask": (_l("Unmasking"), _l("hospitals reveal what is needed to unmask the sum, and nothing else"), "wait"),
    "frozen": (_l("Frozen"), _l("the set of updates is fixed"), "wait"),
    "proposed": (_l("Proposed"), _l("auditors must now replay the round and attest the new model"), "wait"),
    "final": (_l("Final"), _l("auditors replayed the round and attested the new model"), "good"),
    "superseded": (
        _l("Superseded"),
        _l("the coordinator went back to an earlier model, so this one is not used"),
        "plain",
    ),
    "aborted": (_l("Aborted"), _l("the previous model stays in use"), "bad"),
}
PROTECTIONS: Mapping[str, tuple[Any, Any]] = {
    "masked": (_l("Masked"), _l("Nobody, not even the coordinator, could read a single hospital's update.")),
    "sealed": (
        _l("Sealed"),
        _l("The coordinator and the auditors could read each hospital's update; other hospitals could not."),
    ),
}
OUTCOMES: Mapping[CheckOutcome, tuple[str, Any, Any]] = {
    CheckOutcome.RIGHT: ("good", _l("right"), _l("Checked")),
    CheckOutcome.WRONG: ("bad", _l("wrong"), _l("Checked, and wrong")),
    CheckOutcome.OPEN: ("wait", _l("not checked"), _l("Not checked")),
}


@dataclass(frozen=True)
class Saying:
    """A finding in words and the tone it is shown in: good, wait, bad or plain."""

    tone: str
    title: str
    text: str


def measured_on(data: HeldOut) -> str:
    """Return the images on which an auditor measured."""
    images, persons = whole(data.images), whole(data.persons)
    if data.origin == Origin.DRAWN:
        text = ngettext(
            "%(images)s drawn pictures of %(persons)s person",
            "%(images)s drawn pictures of %(persons)s persons",
            data.persons,
            images=images,
            persons=persons,
        )
    else:
        text = ngettext(
            "%(images)s pictures of %(persons)s person",
            "%(images)s pictures of %(persons)s persons",
            data.persons,
            images=images,
            persons=persons,
        )
    return f"{text} ({data.name})" if data.name else text


def attested(names: Sequence[str]) -> str:
    if not names:
        return gettext("no auditor has attested it.")
    return gettext("%(names)s replayed the round and got the same model.", names=listing(names))


def listing(names: Sequence[str]) -> str:
    """Return `a, b and c`."""
    if len(names) == 1:
        return names[0]
    return gettext("%(first)s and %(last)s", first=", ".join(names[:-1]), last=names[-1])


def chief_metrics(metrics: Mapping[str, float] | None) -> dict[str, float]:
    """Return the few metrics for patients and overviews, the most important first."""
    return {name: metrics[name] for name in CHIEF if name in metrics} if metrics else {}


def metric_name(name: str, task: Task | None = None) -> str:
    """Return what a metric is called; where no single disease is reported, many are means over classes or labels."""
    plain = str(NAMES.get(name, name.replace("_", " ").capitalize()))
    if task is None or task.reports:
        return plain
    if task.several and name in EXACT:
        return str(EXACT[name])
    if name not in MEANS:
        return plain
    if task.several:
        return gettext("%(name)s, mean of findings", name=plain)
    return gettext("%(name)s, mean of classes", name=plain)


def metric_value(name: str, value: float) -> str:
    """Return a metric's value for people; shares in per cent with one decimal place."""
    if name in SHARES:
        return per_cent(value, 1)
    return whole(round(value)) if float(value).is_integer() and abs(value) > 1 else decimal(value, 3)


def phase(name: str) -> Saying:
    title, text, tone = PHASES.get(name, (name.capitalize(), "", "plain"))
    return Saying(tone, str(title), str(text))


def outcome(check: CheckOutcome) -> Saying:
    tone, title, text = OUTCOMES[check]
    return Saying(tone, str(title), str(text))


def summary_of(results: Results | None) -> Saying:
    """Return the last audit's verdict on a round, for a pill."""
    if results is None:
        return Saying("plain", gettext("not yet"), gettext("No audit covers this round yet."))
    if results.findings:
        return Saying("bad", gettext("wrong"), gettext("The last audit found a problem in this round."))
    if results.notes or not results.passed:
        return Saying(
            "wait", gettext("in part"), gettext("The last audit found no problem, but it could not check everything.")
        )
    return Saying("good", gettext("right"), gettext("The last audit checked this round and found no problem."))


def protection(name: str) -> Saying:
    """Return who could read a single hospital's update in a round."""
    title, text = PROTECTIONS.get(name, (name.capitalize(), ""))
    return Saying("plain", str(title), str(text))


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
