"""What a result says, what it means, what it does not mean, and what to do next.

Invariant: one of four cases: signs of the disease, no signs, cannot tell, or no cell that the model knows. A sample
has the worst of its pictures' answers, and the counts of all (usecases/sampling.py).

Source: GMC guidance on sharing uncertainty with patients; Plain Language Action and Information Network.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from dataclasses import dataclass

from fl.protocol.task import Task
from fl.roles.serving.routing import Why
from webui.http.error_words import translated, why_no_answer
from webui.ports.federation import Route
from webui.presentation.texts import gettext, ngettext
from webui.presentation.verdict_wording import in_this, one_of, reported_of, thing_of, verdict
from webui.presentation.wording import Saying
from webui.usecases.record_format import Check
from webui.usecases.record_pictures import Pictured
from webui.usecases.sampling import UNREADABLE

GOOD, WAIT, BAD, PLAIN = "good", "wait", "bad", "plain"
NONE = "none"
"""The tone of a picture without an answer."""
BADNESS = {BAD: 4, WAIT: 3, PLAIN: 2, GOOD: 1, NONE: 0}
"""The answer of a sample has the tone of its worst picture, also in records whose first picture is another."""


@dataclass(frozen=True)
class Tally:
    """How many pictures of a sample got each answer."""

    total: int
    signs: int
    clear: int
    unsure: int
    named: int
    """With the name of a class, where no class is a disease."""
    unknown: int
    """Without an answer."""
    unreadable: int
    """Files that could not be read."""
    mean: float | None
    """Of the probability of the disease, over the pictures with an answer; None where no class is a disease."""
    highest: float | None


def tally_of(check: Check) -> Tally:
    """Count the answers of all pictures of a check."""
    pictures = check.pictures
    tones = Counter(tone_of(check.model.task, each) for each in pictures)
    unreadable = sum(each.refused is not None and each.refused.reason == UNREADABLE for each in pictures)
    known = [each.probability for each in pictures if each.probability is not None]
    mean, highest = (sum(known) / len(known), max(known)) if known else (None, None)
    return Tally(
        total=len(pictures),
        signs=tones[BAD],
        clear=tones[GOOD],
        unsure=tones[WAIT],
        named=tones[PLAIN],
        unknown=tones[NONE] - unreadable,
        unreadable=unreadable,
        mean=mean,
        highest=highest,
    )


def tone_of(task: Task, picture: Pictured) -> str:
    """Return good, wait, bad or plain as `verdict` does, or `none` for a picture without an answer."""
    return said_of(task, picture).tone


def said_of(task: Task, picture: Pictured) -> Saying:
    """Return what the model says about one picture of a sample."""
    no = picture.refused
    if no is not None and no.reason == UNREADABLE:
        return Saying(NONE, gettext("This file could not be read"), gettext("%(why)s.", why=translated(no.why)))
    if no is not None:
        title = gettext("This shows no cell that the model knows")
        return Saying(
            NONE,
            title,
            gettext("%(verdict)s: %(why)s.", verdict=translated(no.verdict), why=why_no_answer(no.reason, no.why)),
        )
    return verdict(task, picture.label, picture.probability, picture.kept, picture.shares)


def answer_of(check: Check) -> Saying:
    """Return the answer of a check: of its picture, or of its sample."""
    task = check.model.task
    said = verdict(task, check.label, check.probability, check.kept, check.shares)
    if len(check.pictures) == 1:
        return said
    said = max([said, *(said_of(task, each) for each in check.pictures)], key=lambda each: BADNESS[each.tone])
    tally, disease = tally_of(check), reported_of(task)
    if tally.signs:
        title = gettext(
            "The model sees signs of %(disease)s in %(count)d of %(total)d pictures",
            disease=disease,
            count=tally.signs,
            total=tally.total,
        )
    elif said.tone == WAIT:
        title = gettext(
            "The model is not sure about %(count)d of %(total)d pictures", count=tally.unsure, total=tally.total
        )
    elif said.tone == GOOD and not disease:
        title = gettext(
            "The model sees none of its findings in %(count)d of %(total)d pictures",
            count=tally.clear,
            total=tally.total,
        )
    elif said.tone == GOOD:
        title = gettext(
            "The model sees no signs of %(disease)s in %(count)d of %(total)d pictures",
            disease=disease,
            count=tally.clear,
            total=tally.total,
        )
    else:
        title = gettext(
            "The model has answers for %(count)d of %(total)d pictures",
            count=tally.total - tally.unknown - tally.unreadable,
            total=tally.total,
        )
    return Saying(said.tone, title, said.text)


def counts_of(check: Check) -> list[str]:
    """Return one line for each kind of answer in a sample; none for a check of one picture."""
    tally, disease = tally_of(check), reported_of(check.model.task)
    if tally.total == 1:
        return []
    return [
        line
        for count, line in (
            (
                tally.signs,
                ngettext(
                    "%(num)d picture with signs of %(disease)s",
                    "%(num)d pictures with signs of %(disease)s",
                    tally.signs,
                    disease=disease,
                ),
            ),
            (
                tally.unsure,
                ngettext(
                    "%(num)d picture about which the model is not sure",
                    "%(num)d pictures about which the model is not sure",
                    tally.unsure,
                ),
            ),
            (
                tally.clear,
                _clear(tally.clear, disease),
            ),
            (
                tally.named,
                ngettext(
                    "%(num)d picture with the name of a kind of cell",
                    "%(num)d pictures with the name of a kind of cell",
                    tally.named,
                ),
            ),
            (
                tally.unknown,
                ngettext(
                    "%(num)d picture that shows no cell that the model knows",
                    "%(num)d pictures that show no cell that the model knows",
                    tally.unknown,
                ),
            ),
            (
                tally.unreadable,
                ngettext(
                    "%(num)d file that could not be read",
                    "%(num)d files that could not be read",
                    tally.unreadable,
                ),
            ),
        )
        if count
    ]


def _clear(count: int, disease: str) -> str:
    """Return how many pictures have no signs of the disease, or none of the findings where no class is a disease."""
    if not disease:
        return ngettext("%(num)d picture without a finding", "%(num)d pictures without a finding", count)
    return str(
        ngettext(
            "%(num)d picture without signs of %(disease)s",
            "%(num)d pictures without signs of %(disease)s",
            count,
            disease=disease,
        )
    )


def means(check: Check) -> list[str]:
    """Return what an answer means, in short sentences for the patient."""
    task, tone = check.model.task, answer_of(check).tone
    disease = reported_of(task)
    if tone == BAD:
        return [
            gettext("Something in the picture looks to the model like %(disease)s.", disease=disease),
            gettext("This is a reason to see a doctor soon. It is no reason to be sure."),
        ]
    if tone == WAIT:
        return [
            gettext("The model cannot tell. It says so instead of guessing."),
            gettext("A better picture can help. A doctor can say more."),
        ]
    if tone == GOOD and not task.reported:
        return [gettext("The model sees none of its findings %(where)s.", where=in_this(task))]
    if tone == GOOD:
        return [gettext("Nothing in the picture looks to the model like %(disease)s.", disease=disease)]
    return [gettext("The model gives this %(thing)s the name that fits best.", thing=thing_of(task))]


def means_not(check: Check) -> list[str]:
    """Return what an answer does not mean."""
    unknown = gettext(
        "It does not mean that the picture shows what the model knows. The private way cannot check that."
    )
    return [*([unknown] if check.private else []), *_means_not(check)]


def _means_not(check: Check) -> list[str]:
    task, tone = check.model.task, answer_of(check).tone
    if tone == BAD:
        return [
            gettext("It is not a diagnosis. The model can be wrong."),
            gettext("Do not start, stop or change a treatment because of it."),
        ]
    if tone == GOOD:
        return [
            gettext("It does not mean that you are healthy. %(one)s cannot rule out a disease.", one=one_of(task)),
            gettext("If you feel unwell, see a doctor, whatever this page says."),
        ]
    return [
        gettext("It is not a diagnosis, neither good nor bad."),
        gettext("If you feel unwell, see a doctor, whatever this page says."),
    ]


def next_step(check: Check) -> str:
    """Return the one sentence about what to do next."""
    tone = answer_of(check).tone
    if check.private and tone == GOOD:
        return str(gettext("Do not rely on this result alone. Keep the appointments that you have."))
    steps = {
        BAD: gettext("Show this result to a doctor soon. You can book an appointment about it now."),
        WAIT: gettext("Try a sharper picture of one cell, or ask a doctor about this one."),
        GOOD: gettext("You need not do anything because of this result. Keep the appointments that you have."),
    }
    return str(steps.get(tone, gettext("Ask a doctor what this kind of cell means for you.")))


def step_after(check: Check | None, *, booked: bool) -> Saying:
    """Return what a patient should do next: after the last check, if there is one that can be read."""
    if check is None:
        title = gettext("Have a picture checked")
        return Saying(PLAIN, title, gettext("You need a picture of one stained white blood cell from a laboratory."))
    tone = answer_of(check).tone
    if tone == BAD and booked:
        title = gettext("Show your last result at your appointment")
        text = gettext(
            "The model saw signs of %(disease)s. The doctor whom you booked can open it.",
            disease=reported_of(check.model.task),
        )
        return Saying(BAD, title, text)
    if tone == BAD:
        title = gettext("Show your last result to a doctor soon")
        return Saying(BAD, title, gettext("The model saw signs of %(disease)s.", disease=reported_of(check.model.task)))
    if tone == WAIT:
        title = gettext("Try a sharper picture, or ask a doctor")
        return Saying(WAIT, title, gettext("The model was not sure about your last picture."))
    if tone == PLAIN:
        title = gettext("Ask a doctor what your last result means")
        return Saying(PLAIN, title, gettext("The model says what it sees. It does not say whether that is a disease."))
    title = gettext("Nothing because of your last result")
    return Saying(GOOD, title, gettext("If you feel unwell, see a doctor, whatever the model says."))


def data_uri(picture: bytes, kind: str = "image/webp") -> str:
    """Return a small picture as part of a page."""
    return f"data:{kind};base64," + b64encode(picture).decode()


def route_reason(route: Route) -> str:
    """Return why this hospital's server judged a picture."""
    reasons = {
        Why.WISH: gettext("you chose this hospital."),
        Why.HOME: gettext("it is this site's own hospital."),
        Why.NEAREST: gettext("this site's own computer was busy, and this one was the nearest."),
        Why.FREEST: gettext("this site's own computer was busy, and this one had the shortest queue."),
        Why.FALLBACK: gettext("another computer did not answer in time."),
    }
    reason = reasons.get(Why(route.why), "") if route.why in set(Why) else ""
    return (
        reason
        if route.km is None or round(route.km) == 0
        else f"{reason} {gettext('It is about %(km)d km away.', km=round(route.km))}"
    )
