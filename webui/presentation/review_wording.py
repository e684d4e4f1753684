"""What a patient should do after a doctor's review.

Invariant: where the doctor says something else than the model, the model's advice does not stand alone.

Source: GMC, Good medical practice (clear information for patients); usecases/review_format.py (decisions).
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from fl.protocol.task import Task
from webui.presentation.doctor_wording import decision
from webui.presentation.numbers_and_dates import when
from webui.presentation.texts import gettext
from webui.presentation.wording import Saying
from webui.usecases.review_format import Decision, Part, Review


def review_lines(review: Review, task: Task | None, zone: ZoneInfo) -> list[str]:
    """Return what a review says for a sheet of paper: who and when, the decision, and what the patient may read."""
    texts = (review.reason if review.shows(Part.REASON) else "", review.note if review.shows(Part.NOTE) else "")
    return [
        gettext("A doctor looked at this: %(name)s, %(when)s.", name=review.author, when=when(review.written_at, zone)),
        f"{decision(review, task).title}.",
        *(text for text in (review.message, *texts) if text),
    ]


def step_of_review(reviews: Sequence[Review]) -> Saying | None:
    """Return what to do after the newest review; None without one, or if that doctor agrees with the model.

    Args:
        reviews: Those that the patient can read, the oldest first.
    """
    if not reviews or reviews[-1].decision is Decision.CONFIRMED:
        return None
    title = gettext("Read what the doctor says")
    if reviews[-1].decision is Decision.OTHER:
        return Saying("wait", title, gettext("A doctor gives another answer than the model."))
    return Saying("wait", title, gettext("A doctor looked at it and cannot tell from it."))


def lead_of(reviews: Sequence[Review], task: Task | None, model: Saying) -> Saying:
    """Return the headline of a patient's result: what the newest review says; without one, the model's answer."""
    if not reviews:
        return model
    if reviews[-1].decision is Decision.CONFIRMED:
        return Saying(model.tone, gettext("A doctor agrees. %(answer)s", answer=model.title), model.text)
    return decision(reviews[-1], task)


def model_line(model: Saying) -> str:
    """Return the model's answer, named as the model's, for a result that leads with a doctor's answer."""
    return gettext("The model's answer before the doctor looked: %(answer)s.", answer=model.title)
