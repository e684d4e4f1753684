"""A hospital's staff train with their own tools: download the model, upload weights, follow an upload."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from fl.crypto.model_signature import KEY_PROOF, MODEL_PROOF
from fl.protocol.errors import FederationNotOpened, HemaledgerError, NotReleased, TooLarge, UploadUnusable, WrongRound
from webui.errors import NotFound
from webui.http.error_pages import status_of
from webui.http.error_words import sentence_of
from webui.http.headers import page_number
from webui.http.sessions import member, only
from webui.pages.check_image import read_capped
from webui.ports.hospital import GlobalModel
from webui.presentation import hospital_wording
from webui.presentation.own_tools_forms import WeightsForm
from webui.site import site
from webui.store.models import SiteRole
from webui.store.throttle import Meter
from webui.usecases.model_bundle import CHECK_SIGNATURE, TYPES, VERIFY, bundle_of, file_of

blueprint = Blueprint("own_tools", __name__, url_prefix="/hospital")
LOG = logging.getLogger("hemaledger.site")
CARD, BUNDLE = "model-card.html", "model.zip"


@blueprint.get("/model")
@only(SiteRole.HOSPITAL)
def model() -> ResponseReturnValue:
    """Show the model that the next round starts from, with its files."""
    try:
        found = site().own_tools.service.model()
    except (FederationNotOpened, NotReleased) as error:
        return render_template("hospital/model.html", model=None, why=sentence_of(error))
    return render_template(
        "hospital/model.html",
        model=found,
        files=_files(found),
        verify=VERIFY,
        signed=CHECK_SIGNATURE,
        proven=len(_proofs(found)) == len((MODEL_PROOF, KEY_PROOF)),
    )


@blueprint.get("/models/<int:number>/<name>")
@only(SiteRole.HOSPITAL)
def download(number: int, name: str) -> ResponseReturnValue:
    """Send one file of a final round's model; round 0 is the model that opened the federation."""
    if name not in {*TYPES, CARD, BUNDLE}:
        raise NotFound
    with site().doors.audits.enter():
        found = _made_in(number)
        if name == CARD:
            data, kind = _card(found), "text/html"
        elif name == BUNDLE:
            more = {CARD: _card(found), **_proofs(found)}
            data, kind = bundle_of(found, more, site().own_tools.service.signed), "application/zip"
        else:
            data, kind = file_of(found, name), TYPES[name]
    stem, dot, ending = name.rpartition(".")
    called = f"{stem}-round-{number}{dot}{ending}" if name == BUNDLE else name
    return Response(data, mimetype=kind, headers={"Content-Disposition": f"attachment; filename={called}"})


def _proofs(found: GlobalModel) -> dict[str, bytes]:
    """Return the proofs of a model and of this hospital's key, as far as they are there."""
    origin, proofs = found.origin, site().services.proofs
    try:
        made = {MODEL_PROOF: proofs.of_model(origin.round, origin.digest), KEY_PROOF: proofs.of_key()}
    except HemaledgerError as error:
        LOG.warning("a model has no proof: %s: %s", error.name, error)
        return {}
    return {name: text.encode() for name, text in made.items() if text is not None}


@blueprint.route("/uploads", methods=["GET", "POST"])
@only(SiteRole.HOSPITAL)
def uploads() -> ResponseReturnValue:
    """List the uploads, and receive another one."""
    running, form, status = site(), WeightsForm(), 200
    if form.validate_on_submit():
        running.throttle.take(Meter("weights", str(member().id), running.config.limits.replays))
        try:
            with running.doors.audits.enter():
                data = read_capped(form.file.data, running.config.file_cap)
                row = running.own_tools.receive(member().id, data, form.declared, form.base.data or "")
        except (UploadUnusable, TooLarge) as error:
            form.file.errors, status = [sentence_of(error)], status_of(error)
            current_app.logger.info("an upload of weights was refused: %s", error)
        else:
            flash(_("Your weights passed every check. They are sealed and wait for the agent."), "good")
            return redirect(url_for("own_tools.upload", upload_id=row.id))
    elif form.is_submitted():
        status = 400
    page = page_number()
    shown, more = running.own_tools.page(page)
    older = page + 1 if more else None
    words = {each.row.id: hospital_wording.upload_saying(each) for each in shown}
    return render_template("hospital/uploads.html", form=form, shown=shown, words=words, page=page, older=older), status


@blueprint.get("/uploads/<int:upload_id>")
@only(SiteRole.HOSPITAL)
def upload(upload_id: int) -> ResponseReturnValue:
    """Show how far one upload is."""
    shown = site().own_tools.one(upload_id)
    return render_template("hospital/upload.html", shown=shown, saying=hospital_wording.upload_saying(shown))


def _made_in(number: int) -> GlobalModel:
    """Return the model of a round, or raise NotFound if the round made none."""
    try:
        return site().own_tools.service.model(number)
    except WrongRound as error:
        raise NotFound from error


def _files(found: GlobalModel) -> list[str]:
    return [name for name in (*TYPES, CARD) if name != "network.py" or found.network]


def _card(found: GlobalModel) -> bytes:
    return render_template("hospital/card.html", model=found).encode()
