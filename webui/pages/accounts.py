"""Signing up, in and out; a new password."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from webui.errors import AccountExists, CodeRefused, PasswordWeak, SignInRefused, SiteBusy, TooManyAttempts
from webui.http.error_pages import status_of
from webui.http.error_words import sentence_of
from webui.http.second_step import enter
from webui.http.sessions import begin_session, end_session, member, only, safe_next, start_page, visitor
from webui.presentation.sign_up_forms import PasswordForm, ResetForm, SignInForm, SignUpForm
from webui.site import Site, site
from webui.store.access_log import LogEvent
from webui.store.accounts import SignedInUser
from webui.store.emails import search_key
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount, PatientFacts
from webui.store.sessions import Steps
from webui.store.throttle import Meter

blueprint = Blueprint("accounts", __name__)


@blueprint.route("/sign-up", methods=["GET", "POST"])
def sign_up() -> ResponseReturnValue:
    user = visitor()
    if user is not None:
        flash(gettext("You already have an account, and you are signed in."), "plain")
        return redirect(start_page(user))
    running = site()
    form = SignUpForm(datetime.fromtimestamp(running.services.clock(), running.config.tz).date())
    status = 200
    if form.validate_on_submit():
        try:
            begin_session(_create(running, form))
        except AccountExists as error:
            form.email.errors, status = [sentence_of(error)], status_of(error)
        except PasswordWeak as error:
            form.password.errors, status = [sentence_of(error)], status_of(error)
        else:
            flash(gettext("Welcome. Your account is ready."), "good")
            return redirect(url_for("checks.new"))
    elif form.is_submitted():
        status = 400
    return render_template("accounts/sign_up.html", form=form), status


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    form, status = SignInForm(), 200
    user = visitor()
    if user is not None and request.method == "GET":
        return redirect(start_page(user))
    if form.validate_on_submit():
        try:
            user = _verify(site(), form)
        except SignInRefused as error:
            form.password.errors, status = [sentence_of(error)], status_of(error)
        else:
            return enter(user, safe_next(request.args.get("next")))
    elif form.is_submitted():
        status = SignInRefused.http_status if form.email.data and form.password.data else 400
    return render_template("accounts/sign_in.html", form=form), status


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End this session."""
    end_session()
    flash(gettext("You have signed out on this device."), "plain")
    return redirect(url_for("home.index"))


@blueprint.route("/password", methods=["GET", "POST"])
@only(*SiteRole)
def password() -> ResponseReturnValue:
    """Change the visitor's password; every other session ends."""
    running, form, status = site(), PasswordForm(), 200
    if form.validate_on_submit():
        running.throttle.take(Meter("new password", str(member().id), running.config.limits.new_passwords))
        try:
            with running.doors.passwords.enter():
                changed = running.accounts.change_password(
                    member().id, form.old.data, form.password.data, running.ways_back.changed
                )
            begin_session(changed, Steps(member().steps))
        except SignInRefused as error:
            form.old.errors, status = [gettext("This is not your current password. Try again.")], status_of(error)
        except PasswordWeak as error:
            form.password.errors, status = [sentence_of(error)], status_of(error)
        else:
            flash(gettext("Your password has been changed. Your other devices are signed out."), "good")
            return redirect(url_for("accounts.password"))
    elif form.is_submitted():
        status = 400
    return render_template("accounts/password.html", form=form), status


@blueprint.route("/new-password", methods=["GET", "POST"])
def new_password() -> ResponseReturnValue:
    """Set a new password with a code from the hospital."""
    form, status = ResetForm(), 200
    if form.validate_on_submit():
        try:
            user = _reset(site(), form)
        except CodeRefused as error:
            form.code.errors, status = [sentence_of(error)], status_of(error)
        except PasswordWeak as error:
            form.password.errors, status = [sentence_of(error)], status_of(error)
        else:
            answer = enter(user)
            flash(gettext("Your password has been changed. All earlier sessions have ended."), "good")
            return answer
    elif form.is_submitted():
        status = 400
    return render_template("accounts/new_password.html", form=form), status


def _reset(running: Site, form: ResetForm) -> SignedInUser:
    limit, account = running.config.limits.new_passwords, search_key(form.email.data)
    running.throttle.take(Meter("code", account, limit), Meter("code address", _address(), limit))
    with running.doors.passwords.enter():
        return running.accounts.replace_forgotten(
            form.email.data, form.code.data, form.password.data, running.ways_back.replaced
        )


def _create(running: Site, form: SignUpForm) -> SignedInUser:
    running.throttle.take(Meter("sign-up", _address(), running.config.limits.sign_up_address))
    facts = PatientFacts(form.date_of_birth.data)
    new = NewAccount(SiteRole.PATIENT, form.email.data, form.name.data, form.password.data, facts)
    with running.doors.passwords.enter():
        return running.accounts.create(new)


def _verify(running: Site, form: SignInForm) -> SignedInUser:
    """Return who signs in; only failures count against the limits."""
    limits, account = running.config.limits, search_key(form.email.data)
    pair = Meter("sign-in pair", f"{_address()} {account}", limits.sign_in_pair)
    shared = (
        Meter("sign-in account", account, limits.sign_in_account),
        Meter("sign-in address", _address(), limits.sign_in_address),
    )
    try:
        running.throttle.take(pair, *shared)
        with running.doors.passwords.enter():
            user = running.accounts.sign_in(form.email.data, form.password.data)
    except SiteBusy:
        running.throttle.give_back(pair, *shared)  # nobody tried a password
        raise
    except (SignInRefused, TooManyAttempts) as error:
        event = LogEvent.REFUSED if isinstance(error, SignInRefused) else LogEvent.LOCKED
        running.failed_sign_ins.note(form.email.data, running.line(None, event, "password", request.remote_addr))
        raise
    running.throttle.forget(pair)
    running.throttle.give_back(*shared)
    return user


def _address() -> str:
    return request.remote_addr or "unknown"
