"""The page on which a person makes and revokes tokens for programs."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from webui.config import Limit
from webui.http.second_step import recently
from webui.http.sessions import member, only
from webui.presentation.forms import PressForm
from webui.presentation.token_forms import TokenForm
from webui.site import site
from webui.store.models import SiteRole
from webui.store.throttle import Meter

blueprint = Blueprint("tokens", __name__, url_prefix="/account/tokens")
NEW_TOKENS = Limit(20, 60 * 60)


@blueprint.route("/", methods=["GET", "POST"])
@only(*SiteRole)
@recently
def mine() -> ResponseReturnValue:
    """List the tokens, and make a new one; its secret is on the page that answers, and nowhere else."""
    running, owner, form = site(), member(), TokenForm(member().role)
    secret, status = None, 200
    if form.validate_on_submit():
        running.throttle.take(Meter("new token", str(owner.id), NEW_TOKENS))
        days, told = int(form.days.data), running.notices.token_made
        secret = running.tokens.create(owner, form.label.data, form.chosen, days, told)
        form = TokenForm.empty(owner.role)
    elif form.is_submitted():
        status = 400
    rows, now = running.tokens.of(owner.id), running.services.clock()
    return render_template("tokens/mine.html", form=form, tokens=rows, secret=secret, now=now), status


@blueprint.post("/<int:token_id>/revoke")
@only(*SiteRole)
def revoke(token_id: int) -> ResponseReturnValue:
    """End one token."""
    if PressForm().validate_on_submit():
        site().tokens.revoke(member().id, token_id)
        flash(gettext("The token is revoked. Programs that use it are refused from now on."), "plain")
    return redirect(url_for("tokens.mine"))
