"""A patient's checks: upload, result, history, erasure. Treating doctors see results and add notes."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fl.protocol.codec import sha256
from fl.protocol.errors import HemaledgerError, ImageUnreadable, MalformedError, NoAnswer
from fl.training.pictures.decode import PictureReading
from webui.errors import (
    NoHeadAnnounced,
    NoneReadable,
    NoPrivateAnswersLeft,
    NotFound,
    PrivateWayFailed,
    TrusteesSilent,
)
from webui.http.error_pages import status_of
from webui.http.error_words import sentence_of
from webui.http.headers import page_number
from webui.http.languages import zone
from webui.http.sessions import member, only
from webui.pages.check_image import check_images
from webui.ports.federation import ServedModel
from webui.ports.private import PrivateOffer
from webui.presentation.forms import PRIVATE, ImageForm, NoteForm, PressForm
from webui.presentation.history_forms import HistoryForm
from webui.presentation.receipt_wording import receipt_panel
from webui.presentation.review_wording import step_of_review
from webui.presentation.texts import gettext, ngettext
from webui.presentation.wording import Saying
from webui.site import site
from webui.store.models import SiteRole
from webui.store.openings import How
from webui.store.records import PAGE_ROWS
from webui.usecases.gists import Sealed
from webui.usecases.patient_records import Shown
from webui.usecases.sealing import sealed_of

SCANNED_ROWS = 40
"""With a filter by answer, a page looks at so many records: only the sealed record knows its answer."""
NO_PRIVATE = (NoHeadAnnounced, NoPrivateAnswersLeft, TrusteesSilent, PrivateWayFailed)
"""Why a private prediction was not made; the page of the form says it."""
MOST_NAMED = 5
"""Files with a problem that a message names; the page of the check has the reason of each."""

blueprint = Blueprint("checks", __name__, url_prefix="/checks")


@blueprint.get("/")
@only(SiteRole.PATIENT)
def history() -> ResponseReturnValue:
    """List the patient's checks, a page at a time, by answer and date if asked for."""
    form, page, running = HistoryForm(request.args), page_number(), site()
    if not form.validate():
        return render_template(
            "checks/history.html", form=form, checks=[], advice={}, page=0, older=None, scanned=0
        ), 400
    wanted = form.wanted
    rows_at_once = PAGE_ROWS if wanted is None else SCANNED_ROWS
    rows = running.record_store.between(member().id, *form.span(zone()), page, rows_at_once)
    older = page + 1 if len(rows) == rows_at_once else None
    if wanted is None:
        checks = running.patient_records.glance(member(), [row.id for row in rows])
    else:
        sealed = [Sealed(row.id, row.leaf.digest) for row in rows if row.erased_at is None]
        checks = running.gists.fitting(member(), sealed, wanted)
    shown = {"checks": checks, "advice": _advice(checks), "page": page, "older": older, "scanned": len(rows)}
    return render_template("checks/history.html", form=form, **shown)


def _advice(checks: list[Shown]) -> dict[int, Saying | None]:
    """Return what to do after the newest review, for the rows of those checks that have one."""
    newest = site().worklist.reviews(member(), [each.row for each in checks])
    return {row_id: step_of_review([review]) for row_id, review in newest.items() if review is not None}


@blueprint.route("/new", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def new() -> ResponseReturnValue:
    """Check an uploaded image, and go to the result."""
    form, status, model, asked, refused = ImageForm(), 200, _model(), None, None
    form.offer(_hospitals())
    offer, no_private = _private()
    answering = model or (offer.model if offer is not None else None)
    if form.validate_on_submit() and answering is not None and answering.task.drawn and not form.drawn.data:
        form.drawn.errors, status = [gettext("Please tick this box first.")], 400
    elif form.validate_on_submit():
        try:
            return _checked(form)
        except NoAnswer as error:
            refused, status = error, status_of(error)
            if isinstance(error.__cause__, NoneReadable):
                form.image.errors = _sentences(error.__cause__.files)
        except NoneReadable as error:
            form.image.errors, status = _sentences(error.files), status_of(error)
        except MalformedError as error:
            form.image.errors, status = [sentence_of(error)], status_of(error)
            asked = error if isinstance(error, ImageUnreadable) else None
        except NO_PRIVATE as error:
            form.way.errors, status = [sentence_of(error)], status_of(error)
            offer, no_private = _private()
    elif form.is_submitted():
        status = 400
    elif model is None and offer is not None:
        form.way.data = PRIVATE
    profile = site().record_store.patient(member().id)
    shown = {"form": form, "profile": profile, "model": answering, "asked": asked, "refused": refused}
    private = {"offer": offer, "no_private": no_private, "has_model": model is not None}
    return render_template("checks/new.html", **shown, **private), status


def _checked(form: ImageForm) -> ResponseReturnValue:
    """Check what was sent, and go to the result; raises as `check_images`."""
    reading = PictureReading(form.file_page.data, int(form.bits.data) if form.bits.data else None)
    private = form.way.data == PRIVATE
    uploads, server = form.image.data, form.chosen_server
    check_id, unreadable = check_images(site(), member().id, uploads, reading, server, private=private)
    for sentence in _sentences(unreadable):
        flash(sentence, "wait")
    if private:
        flash(_private_left(), "plain")
    return redirect(url_for("checks.result", check_id=check_id))


def _private() -> tuple[PrivateOffer | None, HemaledgerError | None]:
    """Return what a private prediction would use now, or why there is none; nothing on a site without them."""
    service = site().services.private
    if service is None:
        return None, None
    try:
        return service.offer(), None
    except HemaledgerError as error:
        return None, error


def _private_left() -> str:
    """Return how many private answers are left after one was used."""
    offer, error = _private()
    left = offer.left if offer is not None else 0 if isinstance(error, NoPrivateAnswersLeft) else None
    if left is None:
        return gettext("One private answer of this hospital is used.")
    return gettext("One private answer is used. This hospital has %(count)d left for this model.", count=left)


def _sentences(errors: Sequence[ImageUnreadable]) -> list[str]:
    """Return what is wrong with each file; a cookie has no room for the words of many."""
    said = [sentence_of(error) for error in errors]
    if len(said) <= MOST_NAMED:
        return said
    more = len(said) - MOST_NAMED
    return [
        *said[:MOST_NAMED],
        ngettext("%(num)d more file has a problem.", "%(num)d more files have a problem.", more),
    ]


def _hospitals() -> list[str]:
    """Return the hospitals whose servers may judge a picture; none if there is no choice or no model."""
    try:
        servers = [route.server for route in site().services.predictions.servers()]
    except HemaledgerError:
        return []
    return servers if len(servers) > 1 else []


def _model() -> ServedModel | None:
    """Return the current model, or None; the prediction itself reports why there is none."""
    try:
        return site().services.predictions.model()
    except HemaledgerError:
        return None


@blueprint.get("/<int:check_id>")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def result(check_id: int) -> ResponseReturnValue:
    """Show one check, as far as this hospital can open it."""
    return _page(check_id, NoteForm()), 200


@blueprint.post("/<int:check_id>/notes")
@only(SiteRole.DOCTOR)
def add_note(check_id: int) -> ResponseReturnValue:
    form = NoteForm()
    if not form.validate_on_submit():
        return _page(check_id, form), 400
    site().patient_records.add_note(member(), check_id, form.text.data)
    flash(gettext("Your note is encrypted and saved with this check."), "good")
    return redirect(url_for("checks.result", check_id=check_id))


@blueprint.get("/<int:check_id>/image.png")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def image(check_id: int) -> ResponseReturnValue:
    """Send the picture with the worst answer, which is the only one of most checks (check_pictures.py has all)."""
    shown = site().patient_records.show(member(), site().record_store.visible(member(), check_id))
    if shown.check is None:
        raise NotFound
    return Response(shown.check.image_png, mimetype="image/png")


@blueprint.get("/<int:check_id>/proof.json")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def proof(check_id: int) -> ResponseReturnValue:
    """Send the proof that a root on the ledger covers this record."""
    row = site().record_store.visible(member(), check_id)
    if member().role is SiteRole.DOCTOR:
        site().openings.note(member().id, [row], How.PROOF)
    document = site().anchoring.proof(row, sha256(sealed_of(row).file))
    name = f"attachment; filename=proof-{row.number}.json"
    return Response(document, mimetype="application/json", headers={"Content-Disposition": name})


@blueprint.route("/<int:check_id>/erase", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def erase(check_id: int) -> ResponseReturnValue:
    """Ask for confirmation, then erase a check and its notes for good."""
    row = site().record_store.visible(member(), check_id)
    if PressForm().validate_on_submit():
        if site().record_store.erase(row.id, member().id):
            text = gettext("This check and all its notes are erased.")
        else:
            text = gettext(
                "This check and all its notes are erased. The last copies in the database's log will be deleted within "
                "minutes."
            )
        flash(text, "plain")
        return redirect(url_for("checks.result", check_id=check_id))
    if row.erased_at is not None:
        return redirect(url_for("checks.result", check_id=check_id))
    return render_template("checks/erase.html", row=row, notes=site().record_store.notes_on(row.id))


def _page(check_id: int, form: NoteForm) -> str:
    running = site()
    row = running.record_store.visible(member(), check_id)
    shown = running.patient_records.show(member(), row)
    about = running.patient_records.show_all(member(), running.record_store.notes_on(row.id))
    reviews = [each.review for each in about if each.review is not None]
    closed = running.work.states(member().id, [row.id])[row.id][1] and not reviews
    running.work.mark(member().id, row.id, read=not closed)
    return render_template(
        "checks/result.html" if shown.risk is None else "risk/result.html",
        shown=shown,
        request_view=running.record_requests.under_way(member(), row.id) if shown.state == "waiting" else None,
        notes=[each for each in about if each.review is None],
        reviews=reviews,
        closed_review=closed,
        standing=running.anchoring.standing(row),
        receipt=receipt_panel(running.receipts.far(row), running.trust_code()),
        form=form,
    )
