"""The API of checks: list, read, make; the picture and the proof of a record."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, request
from flask.typing import ResponseReturnValue

from fl.protocol.codec import sha256
from fl.training.pictures.decode import PictureReading
from webui.errors import NotFound
from webui.http.bearer import caller, page_asked, whole
from webui.http.headers import MAX_INTEGER
from webui.pages.api.operations import PAGE, Operation, answer, serves
from webui.pages.check_image import check_images
from webui.ports.api_errors import DrawnUnconfirmed, FieldRefused
from webui.presentation.api_views import check_json, listed, model_json
from webui.presentation.forms import MAX_PAGES
from webui.site import site
from webui.store.models import SiteRole
from webui.store.openings import How
from webui.store.records import PAGE_ROWS
from webui.store.tokens import Scope
from webui.usecases.patient_records import Shown
from webui.usecases.sealing import sealed_of

READERS = (SiteRole.PATIENT, SiteRole.DOCTOR)
BITS = {"10", "12", "14"}
UPLOAD = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {"type": "string", "format": "binary"},
        "drawn": {"enum": ["true"], "description": "Confirms that the model has only seen drawn cells."},
        "file_page": {"type": "integer", "minimum": 1, "description": "Which page of the file."},
        "bits": {"enum": sorted(BITS), "description": "Bits of each value, if the file does not say it."},
    },
}


@serves(Operation("GET", "/model", "model", "The current model, and who attested it.", "Model"))
def model() -> ResponseReturnValue:
    return answer(model_json(site().services.predictions.model()))


@serves(
    Operation(
        "GET",
        "/checks",
        "checks",
        "Checks, the newest first.",
        "Checks",
        READERS,
        Scope.CHECKS_READ,
        query=(PAGE, "patient"),
    )
)
def checks() -> ResponseReturnValue:
    running, page, reader = site(), page_asked(), caller()
    rows = running.record_store.of_patient(_patient(), page)
    found = running.patient_records.glance(reader, [row.id for row in rows])
    return answer(listed("checks", _with_reviews(found), page, more=len(rows) == PAGE_ROWS))


@serves(
    Operation(
        "POST",
        "/checks",
        "check",
        "Have a picture checked.",
        "Check",
        (SiteRole.PATIENT,),
        Scope.CHECKS_WRITE,
        201,
        body={"multipart/form-data": UPLOAD},
    )
)
def check() -> ResponseReturnValue:
    """Check a picture; the limits are those of the page."""
    running, image = site(), request.files.get("image")
    if image is None:
        raise FieldRefused("image", "send the picture as a file of a multipart form")
    if running.services.predictions.model().task.drawn and request.form.get("drawn") != "true":
        raise DrawnUnconfirmed
    check_id, _ = check_images(running, caller().id, [image], _reading())
    return answer(_shown(check_id), 201)


@serves(Operation("GET", "/checks/<int:check_id>", "one_check", "One check.", "Check", READERS, Scope.CHECKS_READ))
def one_check(check_id: int) -> ResponseReturnValue:
    return answer(_shown(check_id))


@serves(
    Operation(
        "GET", "/checks/<int:check_id>/image.png", "image", "The picture.", "image/png", READERS, Scope.CHECKS_READ
    )
)
def image(check_id: int) -> ResponseReturnValue:
    reader, running = caller(), site()
    shown = running.patient_records.show(reader, running.record_store.visible(reader, check_id))
    if shown.check is None:
        raise NotFound
    return Response(shown.check.image_png, mimetype="image/png")


@serves(
    Operation(
        "GET",
        "/checks/<int:check_id>/proof",
        "proof",
        "The proof that a root on the ledger covers the record.",
        "Proof",
        READERS,
        Scope.CHECKS_READ,
    )
)
def proof(check_id: int) -> ResponseReturnValue:
    """Send the proof; a doctor's look is noted, as on the page."""
    reader, running = caller(), site()
    row = running.record_store.visible(reader, check_id)
    if reader.role is SiteRole.DOCTOR:
        running.openings.note(reader.id, [row], How.PROOF)
    return Response(running.anchoring.proof(row, sha256(sealed_of(row).file)), mimetype="application/json")


def _shown(check_id: int) -> dict[str, object]:
    reader, running = caller(), site()
    shown = running.patient_records.show(reader, running.record_store.visible(reader, check_id))
    return _with_reviews([shown])[0]


def _with_reviews(found: Sequence[Shown]) -> list[dict[str, object]]:
    reviews = site().worklist.reviews(caller(), [each.row for each in found])
    return [check_json(each, reviews.get(each.row.id), reviewed=each.row.id in reviews) for each in found]


def _patient() -> int:
    """Return whose checks are asked for: a patient's own, or those of a patient in the doctor's care."""
    reader, asked = caller(), request.args.get("patient")
    if reader.role is SiteRole.PATIENT:
        if asked is not None and asked != str(reader.id):
            raise NotFound
        return reader.id
    if asked is None:
        raise FieldRefused("patient", "say whose checks you want")
    return site().record_store.patient_of(reader.id, whole(asked, "patient", MAX_INTEGER)).account_id


def _reading() -> PictureReading:
    """Return what the caller knows about the file."""
    page, bits = request.form.get("file_page"), request.form.get("bits")
    if bits is not None and bits not in BITS:
        raise FieldRefused("bits", "it must be 10, 12 or 14")
    number = whole(page, "file_page", MAX_PAGES) if page is not None else None
    if number == 0:
        raise FieldRefused("file_page", "the first page is 1")
    return PictureReading(number, int(bits) if bits else None)
