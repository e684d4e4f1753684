"""Receipts: to download for those who may see a check, and to compare with the ledger for everybody."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fl.protocol.errors import EncodingError
from fl.protocol.names import DIGEST_BYTES, Digest, parse_hex
from webui.errors import NotFound
from webui.http.languages import zone
from webui.http.sessions import member, only
from webui.presentation.receipt_forms import ReceiptForm
from webui.presentation.receipt_wording import Printed, receipt_far, risk_sheet, sheet_of
from webui.site import site
from webui.store.models import SiteRole, StoredRecord
from webui.store.openings import How
from webui.store.throttle import Meter
from webui.usecases.receipt_checks import RECEIPT_CAP, Comparison
from webui.usecases.receipts import Answered, Receipt
from webui.usecases.risk_format import RiskRecord

blueprint = Blueprint("receipts", __name__)


@blueprint.get("/checks/<int:check_id>/receipt.json")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def as_json(check_id: int) -> ResponseReturnValue:
    """Send the receipt of a check, for computers."""
    row, _, receipt = _receipt(check_id)
    return _file(receipt.to_bytes(), "application/json", f"receipt-{row.number}.json")


@blueprint.get("/checks/<int:check_id>/receipt.pdf")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def as_pdf(check_id: int) -> ResponseReturnValue:
    """Send the receipt of a check, for people."""
    from webui.usecases.receipt_paper import pdf_of  # noqa: PLC0415  # reportlab

    row, check, receipt = _receipt(check_id)
    config = site().config
    address = url_for("receipts.compare", leaf=receipt.leaf.hex(), _external=True)
    review = site().patient_records.newest_review(member(), row)
    printed = Printed(row.number or "", address, config.hospital_name, zone(), site().trust_code(), review)
    sheet = risk_sheet(check, receipt, printed) if isinstance(check, RiskRecord) else sheet_of(check, receipt, printed)
    with site().doors.checks.enter():
        data = pdf_of(sheet, (f"receipt-{row.number}.json", receipt.to_bytes()))
    return _file(data, "application/pdf", f"receipt-{row.number}.pdf")


@blueprint.get("/checks/<int:check_id>/receipt.tlog-proof")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def as_proof(check_id: int) -> ResponseReturnValue:
    """Send the proof of a receipt; while it waits, say so on the page of the answer."""
    row, _, receipt = _receipt(check_id)
    if receipt.proof is None:
        flash(receipt_far(receipt.far), "wait")
        return redirect(url_for("checks.result", check_id=check_id))
    return _file(receipt.proof.encode(), "text/plain", f"receipt-{row.number}.tlog-proof")


@blueprint.route("/receipts/check", methods=["GET", "POST"])
def compare() -> ResponseReturnValue:
    """Compare a receipt, or its fingerprint, with the ledger."""
    form, found, status = ReceiptForm(), None, 200
    try:
        if form.validate_on_submit():
            found = _compared(form.content())
        elif form.is_submitted():
            status = 400
        elif "leaf" in request.args:
            _count()
            leaf = Digest(parse_hex(request.args["leaf"].strip(), DIGEST_BYTES, "fingerprint"))
            found = site().receipt_checks.of_leaf(leaf)
    except EncodingError:
        form.refuse()
        status = 400
    return render_template("results/compare.html", form=form, found=found, cap=RECEIPT_CAP), status


def _compared(data: bytes) -> Comparison:
    _count()
    return site().receipt_checks.of_file(data)


def _count() -> None:
    site().throttle.take(Meter("compare receipts", request.remote_addr or "unknown", site().config.limits.receipts))


def _receipt(check_id: int) -> tuple[StoredRecord, Answered, Receipt]:
    """Return an answer that this person may see, opened, with its receipt."""
    running = site()
    row = running.record_store.visible(member(), check_id)
    shown = running.patient_records.show(member(), row, How.PROOF)
    answered = shown.check or shown.risk
    if answered is None:
        raise NotFound
    return row, answered, running.receipts.of(row, answered)


def _file(data: bytes, kind: str, name: str) -> Response:
    return Response(data, mimetype=kind, headers={"Content-Disposition": f"attachment; filename={name}"})
