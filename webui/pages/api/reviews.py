"""The API of a doctor's work: the worklist, and a review of a check or risk.

Invariant: the rules are those of the pages (usecases/worklist.py); what a list opens is noted for the patient.
"""

from __future__ import annotations

from flask import url_for
from flask.typing import ResponseReturnValue

from fl.protocol.codec import Fields, JsonValue
from webui.http.bearer import body, caller, page_asked
from webui.pages.api.operations import PAGE, Operation, answer, serves
from webui.ports.api_errors import FieldRefused
from webui.presentation.api_views import check_json, listed, ref
from webui.presentation.care_views import work_item_json
from webui.presentation.letters import review_letter
from webui.site import site
from webui.store.models import SiteRole
from webui.store.tokens import Scope
from webui.store.worklist import Wanted
from webui.usecases.review_format import MAX_LABELS, Decision, Part
from webui.usecases.worklist import Verdict

DOCTOR = (SiteRole.DOCTOR,)


@serves(
    Operation(
        "GET",
        "/worklist",
        "worklist",
        "Checks of the patients in your care, the most urgent first.",
        "Worklist",
        DOCTOR,
        Scope.REVIEWS_READ,
        query=(PAGE,),
    )
)
def worklist() -> ResponseReturnValue:
    page = page_asked()
    found = site().worklist.page(caller(), Wanted(), None, page)
    return answer(listed("items", [work_item_json(each) for each in found.items], page, more=found.more))


@serves(
    Operation(
        "POST",
        "/checks/<int:check_id>/review",
        "review",
        "Say what you think of a check. The review is encrypted, and the patient gets a mail.",
        "Check",
        DOCTOR,
        Scope.REVIEWS_WRITE,
        201,
        body={"application/json": ref("NewReview")},
    )
)
def review(check_id: int) -> ResponseReturnValue:
    running, doctor = site(), caller()
    row = running.record_store.visible(doctor, check_id)
    verdict = _verdict(body("decision", "labels", "reason", "note", "message", "patient_sees"))
    address = running.config.address + url_for("checks.result", check_id=check_id)
    now = running.services.clock()
    running.worklist.review(doctor, check_id, verdict, lambda: review_letter(doctor.name, address), now)
    running.work.mark(doctor.id, row.id, read=True)
    shown = running.patient_records.show(doctor, row)
    return answer(check_json(shown, running.worklist.reviews(doctor, [row]).get(row.id), reviewed=True), 201)


def _verdict(sent: Fields) -> Verdict:
    try:
        decision = Decision(sent.text("decision"))
        sees = frozenset(Part(each) for each in _texts(sent, "patient_sees"))
    except ValueError as error:
        raise FieldRefused("decision or patient_sees", "it is not one of the allowed words") from error
    labels = tuple(_texts(sent, "labels"))
    texts = {name: sent.text(name).strip() if name in sent.value else "" for name in ("reason", "note", "message")}
    return Verdict(decision, labels, **texts, patient_sees=sees)


def _texts(sent: Fields, name: str) -> list[str]:
    """Return a list of short texts; empty if it was not sent."""
    given: JsonValue = sent.value.get(name, [])
    if not isinstance(given, list) or len(given) > MAX_LABELS or not all(isinstance(each, str) for each in given):
        raise FieldRefused(name, f"it must be a list of at most {MAX_LABELS} texts")
    return [str(each) for each in given]
