"""A person's own account: address, password, second steps, sessions, preferences."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from webui.account_errors import LinkRefused
from webui.errors import AccountExists, SignInRefused
from webui.http.error_pages import status_of
from webui.http.error_words import sentence_of
from webui.http.headers import MAX_PAGE
from webui.http.second_step import must_set_up, recently
from webui.http.sessions import member, only, safe_next
from webui.presentation.account_forms import AddressForm, ConfirmForm, PreferenceForm
from webui.presentation.forms import PressForm
from webui.site import site
from webui.store.access_log import PAGE_ROWS, Sought
from webui.store.models import SiteRole
from webui.store.throttle import Meter

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.get("")
@only(*SiteRole)
def overview() -> ResponseReturnValue:
    """Show everything about the visitor's account on one page."""
    return _overview(_preference_form(), 200)


@blueprint.post("/preferences")
@only(*SiteRole)
def preferences() -> ResponseReturnValue:
    """Store language, time zone and form of dates, and the choice of mails."""
    form = _preference_form()
    if not form.validate_on_submit():
        return _overview(form, 400)
    site().preferences.choose(member().id, form.value)
    if form.bookings is not None:
        site().mail_choices.choose(member().id, bookings=form.bookings.data)
    if form.news is not None:
        site().patient_notices.store.choose(member().id, form.news)
    flash(gettext("Your choice is saved."), "good")
    return redirect(url_for("account.overview"))


def _preference_form() -> PreferenceForm:
    running, user = site(), member()
    bookings = running.mail_choices.bookings(user.id) if user.role is SiteRole.DOCTOR else None
    news = running.patient_notices.store.wanted(user.id) if user.role is SiteRole.PATIENT else None
    return PreferenceForm(running.preferences.of(user.id), running.config.zone, bookings, news)


@blueprint.post("/sessions/<int:row_id>/end")
@only(*SiteRole)
def end_session(row_id: int) -> ResponseReturnValue:
    """End one session of the visitor's account."""
    site().sessions.end(member().id, row_id)
    flash(gettext("That session has ended."), "good")
    return redirect(url_for("account.overview", _anchor="sessions"))


@blueprint.post("/sessions/end-others")
@only(*SiteRole)
def end_others() -> ResponseReturnValue:
    """End every session of the account except this one."""
    site().sessions.end_others(member())
    flash(gettext("All your other sessions have ended."), "good")
    return redirect(url_for("account.overview", _anchor="sessions"))


@blueprint.route("/confirm", methods=["GET", "POST"])
@only(*SiteRole)
def confirm() -> ResponseReturnValue:
    """Ask for the password once more, before a change of how the visitor signs in."""
    running, form, status = site(), ConfirmForm(), 200
    if form.validate_on_submit():
        meter = Meter("new password", str(member().id), running.config.limits.new_passwords)
        running.throttle.take(meter)
        try:
            with running.doors.passwords.enter():
                running.accounts.check_password(member().id, form.password.data)
        except SignInRefused as error:
            form.password.errors, status = [gettext("This is not your password. Try again.")], status_of(error)
        else:
            running.throttle.give_back(meter)
            running.sessions.confirm(member())
            return redirect(safe_next(request.args.get("next")) or url_for("account.overview"))
    elif form.is_submitted():
        status = 400
    return render_template("account/confirm.html", form=form), status


@blueprint.route("/email", methods=["GET", "POST"])
@only(*SiteRole)
@recently
def address() -> ResponseReturnValue:
    """Mail a link to the visitor's new address."""
    running, form, status = site(), AddressForm(), 200
    if form.validate_on_submit():
        running.throttle.take(Meter("mailed link", str(member().id), running.config.limits.mailed_links))
        path = url_for("account.new_address", code="CODE").replace("CODE", "{}")
        running.ways_back.ask_address(member(), form.email.data, path)
        flash(gettext("Look into the mailbox of your new address. The link there works for 30 minutes."), "good")
        return redirect(url_for("account.overview"))
    if form.is_submitted():
        status = 400
    return render_template("account/address.html", form=form, now=running.accounts.email_of(member().id)), status


@blueprint.route("/email/<code>", methods=["GET", "POST"])
@only(*SiteRole)
def new_address(code: str) -> ResponseReturnValue:
    """Change the address with the link from the mail; opening it alone changes nothing."""
    form = PressForm()
    if not form.validate_on_submit():
        return render_template("account/new_address.html", form=form)
    try:
        changed = site().ways_back.new_address(member(), code)
    except (LinkRefused, AccountExists) as error:
        flash(sentence_of(error), "wait")
    else:
        flash(gettext("Your e-mail address is now %(address)s.", address=changed), "good")
    return redirect(url_for("account.overview"))


@blueprint.get("/log")
@only(*SiteRole)
def log() -> ResponseReturnValue:
    """Show the lines of the access log that the visitor's own account made."""
    page = min(request.args.get("page", 0, type=int) or 0, MAX_PAGE)
    lines = site().access_log.lines(Sought(member().id), max(page, 0), PAGE_ROWS + 1)
    older = page + 1 if len(lines) > PAGE_ROWS else None
    return render_template("account/log.html", lines=lines[:PAGE_ROWS], page=page, older=older)


def _overview(form: PreferenceForm, status: int) -> ResponseReturnValue:
    running, user = site(), member()
    return render_template(
        "account/overview.html",
        form=form,
        email=running.accounts.email_of(user.id),
        factors=running.second_steps.of(user.id),
        sessions=[(row, running.sessions.is_current(row, user)) for row in running.sessions.of(user)],
        unfinished=must_set_up(user),
    ), status
