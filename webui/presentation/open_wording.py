"""What a patient should do first: after an unread review, or after a result that no doctor has reviewed yet.

Invariant: each sentence names the day of its result, because it need not be the newest one.

Source: usecases/open_results.py (what is open, and the order).
"""

from __future__ import annotations

from webui.presentation.doctor_wording import decision
from webui.presentation.risk_wording import risk_saying
from webui.presentation.texts import gettext
from webui.presentation.verdict_wording import reported_of
from webui.presentation.wording import Saying
from webui.usecases.gists import urgency_of_shown
from webui.usecases.open_results import OpenResult
from webui.usecases.urgency import Urgency
from webui.usecases.worklist import task_of


def open_step(result: OpenResult, day: str, *, booked: bool) -> Saying:
    """Return what to do about an open result of `day`; `booked` if the patient has an appointment ahead."""
    if result.reviewed:
        return _after_review(result, day)
    if result.shown.risk is not None:
        return _after_risk(result, day, booked=booked)
    return _after_check(result, day, booked=booked)


def _after_review(result: OpenResult, day: str) -> Saying:
    title = gettext("Read what the doctor says about your result of %(day)s", day=day)
    if result.review is None:
        return Saying("wait", title, gettext("A doctor has looked at it."))
    said = decision(result.review, task_of(result.shown))
    sign = urgency_of_shown(result.shown) is Urgency.HIGH
    tone = "bad" if said.tone == "good" and sign else said.tone
    return Saying(tone, title, gettext("%(sentence)s.", sentence=said.title))


def _after_risk(result: OpenResult, day: str, *, booked: bool) -> Saying:
    record = result.shown.risk
    answer = risk_saying(record).title if record is not None else ""
    if booked:
        title = gettext("Show your risk of %(day)s at your appointment", day=day)
    else:
        title = gettext("Show your risk of %(day)s to a doctor", day=day)
    return Saying("bad", title, gettext("%(answer)s. No doctor has looked at it yet.", answer=answer))


def _after_check(result: OpenResult, day: str, *, booked: bool) -> Saying:
    check = result.shown.check
    if check is None or urgency_of_shown(result.shown) is not Urgency.HIGH:
        title = gettext("Ask a doctor about your result of %(day)s", day=day)
        return Saying("wait", title, gettext("The model was not sure, and no doctor has looked at it yet."))
    text = gettext(
        "The model saw signs of %(disease)s. No doctor has looked at it yet.", disease=reported_of(check.model.task)
    )
    if booked:
        return Saying("bad", gettext("Show your result of %(day)s at your appointment", day=day), text)
    return Saying("bad", gettext("Show your result of %(day)s to a doctor soon", day=day), text)
