"""The page on which a trustee answers a request, and the endpoint for its script."""

from __future__ import annotations

from contextlib import suppress

from flask import Blueprint, flash, jsonify, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from fl.protocol import strict_json
from fl.protocol.codec import Fields
from fl.protocol.errors import EncodingError, PolicyNotApproved, TooLarge, UnavailableError
from fl.protocol.names import Address
from webui.errors import NoTrustee, OwnRequest
from webui.http.headers import allow_calculation
from webui.http.sessions import member, only
from webui.pages.requests import asked
from webui.ports.decryption_requests import RequestFacts, SignedAnswer
from webui.presentation.request_wording import purpose
from webui.site import site
from webui.store.models import SiteRole

blueprint = Blueprint("approvals", __name__, url_prefix="/approvals")
ANSWER_CAP = 16 * 1024
_WHAT = "answer"


@blueprint.get("/<int:number>")
@only(SiteRole.DOCTOR)
def approve(number: int) -> ResponseReturnValue:
    """Show one request with everything that the trustee's browser needs."""
    service, trustee = site().services.requests, _trustee(number)
    block = {**service.approval(number, trustee), "submit_url": url_for("approvals.submit", number=number)}
    facts = service.facts([number])[number]
    withdrawn = not site().record_requests.still_allowed(number)
    page = render_template("requests/approve.html", block=block, shown=_shown(facts), facts=facts, withdrawn=withdrawn)
    return allow_calculation(make_response(page))


@blueprint.post("/<int:number>")
@only(SiteRole.DOCTOR)
def submit(number: int) -> ResponseReturnValue:
    """Take a sealed answer and its signed transaction; without the patient's consent, only a refusal is accepted."""
    trustee, answer = _trustee(number), signed_answer()
    if answer.envelope is not None and not site().record_requests.still_allowed(number):
        raise PolicyNotApproved("consent")
    site().services.requests.submit(number, trustee, answer)
    site().wake.set()  # the upkeep tells who asked
    with suppress(UnavailableError):
        site().request_notices.waiting_for(member().id)  # the count in the menu
    flash(gettext("Your answer is on the ledger."), "good")
    return jsonify(location=url_for("requests.mine"))


def _shown(facts: RequestFacts) -> dict[str, object]:
    """Return the facts that the form shows: who, for which patient, why, and no more."""
    made_here = site().request_store.by_numbers([facts.number])
    about = asked(facts, made_here, site().reasons.of(list(made_here.values())))
    return {
        "requester": about.who,
        "about": about,
        "purpose": purpose(facts.purpose).title,
        "approvals": facts.approvals,
        "threshold": facts.threshold,
        "trustees": len(facts.trustees),
    }


def _trustee(number: int) -> Address:
    """Return the ledger account with which the signed-in doctor answers request `number`."""
    store = site().request_store
    account = store.trustee_of(member().id)
    if account is None:
        raise NoTrustee
    row = store.by_numbers([number]).get(number)
    if row is not None and row.asker_id == member().id:
        raise OwnRequest
    return account


def signed_answer() -> SignedAnswer:
    """Return what the browser of a trustee signed.

    Raises:
        TooLarge, EncodingError: it cannot be one.
    """
    size = request.content_length or 0
    if size > ANSWER_CAP:
        raise TooLarge(size, ANSWER_CAP)
    body = strict_json.loads(request.get_data(), _WHAT, ANSWER_CAP)
    if not isinstance(body, dict):
        raise EncodingError(_WHAT, "it is not an object")
    fields = Fields(body, _WHAT)
    fields.only("envelope", "transaction")
    envelope = None if body.get("envelope") is None else _bytes(fields.text("envelope"))
    return SignedAnswer(envelope, _bytes(fields.text("transaction")))


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise EncodingError(_WHAT, "it is not hexadecimal") from error
