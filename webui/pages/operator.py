"""The operator's pages: staff accounts, members and invitations, the next round, ceremonies, health.

Invariant: the operator's key is not on this site. What goes onto the ledger is prepared here as a file, and carried out
by a command on the operator's machine.
"""

from __future__ import annotations

import io
import secrets
import zipfile

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.names import Role
from fl.replay.withdrawals import Stage
from webui.errors import AccountExists, NotFound
from webui.http.error_pages import status_of
from webui.http.error_words import sentence_of
from webui.http.readiness import readiness
from webui.http.sessions import member, only
from webui.ports.orders import FACTS, OrderKind
from webui.presentation import operator_wording, order_wording, table_wording
from webui.presentation.forms import PressForm
from webui.presentation.operator_forms import DisableForm, StaffForm
from webui.site import site
from webui.store.models import SiteRole
from webui.store.new_accounts import DoctorFacts, NewAccount
from webui.usecases.committee_tables import ceremony_missing, ceremony_progress
from webui.usecases.orders import ADMITTED, CEREMONIES, USES, Orders, invitation
from webui.usecases.round_form import NUMBERS, asked_terms
from webui.usecases.round_orders import facts_of
from webui.usecases.round_terms import meaning_of

blueprint = Blueprint("operator", __name__, url_prefix="/operator")
CODE_S = 24 * 3600
OPERATOR = SiteRole.OPERATOR
ORDER = "any(" + ", ".join(f"'{kind}'" for kind in OrderKind) + ")"


@blueprint.get("/")
@only(OPERATOR)
def overview() -> ResponseReturnValue:
    """Show at a glance what runs and what needs the operator."""
    running = site()
    federation = running.services.audits.history().federation
    members = running.ledger_tables.table("members").rows
    open_ceremonies = [each[-1] for each in federation.threshold.ceremonies.values() if each and not each[-1].ended]
    return render_template(
        "operator/overview.html",
        staff=running.staff.all(),
        active=sum(row.values["state"] == "active" for row in members),
        keyless=[row for row in members if row.values["state"] == "no key"],
        round=federation.active_round,
        last_round=federation.last_round,
        ceremonies=open_ceremonies,
        withdrawals=sum(each.stage is Stage.ASKED for each in running.withdrawals.all()),
        ledger=running.health.ledger(),
        run=running.full_audits.now(),
    )


@blueprint.route("/staff", methods=["GET", "POST"])
@only(OPERATOR)
def staff() -> ResponseReturnValue:
    """List the accounts of staff, and create one."""
    form, status = StaffForm(), 200
    if form.validate_on_submit():
        try:
            created = _create(form)
        except AccountExists as error:
            form.email.errors, status = [sentence_of(error)], status_of(error)
        else:
            flash(gettext("The account is ready. Now make a one-time code for its owner."), "good")
            return redirect(url_for("operator.account", account_id=created))
    elif form.is_submitted():
        status = 400
    page = render_template("operator/staff.html", form=form, accounts=site().staff.all(), words=table_wording)
    return page, status


def _create(form: StaffForm) -> int:
    """Create an account whose password nobody knows; its owner chooses one with a one-time code."""
    role = SiteRole(form.role.data)
    facts = None
    if role is SiteRole.DOCTOR:
        facts = DoctorFacts(form.specialty.data or "Haematology", form.room.data or "", 30, form.hours)
    new = NewAccount(role, form.email.data, form.name.data, secrets.token_urlsafe(32), facts)
    return site().accounts.create(new).id


@blueprint.get("/staff/<int:account_id>")
@only(OPERATOR)
def account(account_id: int) -> ResponseReturnValue:
    """Show one account, with what can be done to it."""
    return _account_page(account_id)


def _account_page(account_id: int, code: str = "") -> str:
    shown = site().staff.one(account_id)
    own = account_id == member().id
    call = site().staff.to_call(account_id)
    return render_template("operator/account.html", account=shown, form=DisableForm(), code=code, own=own, call=call)


@blueprint.post("/staff/<int:account_id>/code")
@only(OPERATOR)
def code(account_id: int) -> ResponseReturnValue:
    """Show a new one-time code; it is nowhere else, and an earlier one ends."""
    if not PressForm().validate_on_submit():
        raise NotFound
    running = site()
    made = running.staff.start_reset(running.staff.one(account_id).email, CODE_S)
    return _account_page(account_id, made)


@blueprint.post("/staff/<int:account_id>/disable")
@only(OPERATOR)
def disable(account_id: int) -> ResponseReturnValue:
    """Block an account; the operator cannot block the own one."""
    form = DisableForm()
    if not form.validate_on_submit() or account_id == member().id:
        raise NotFound
    running = site()
    cancelled = running.staff.disable(running.staff.one(account_id).email, keep_appointments=bool(form.keep.data))
    flash(gettext("The account is blocked. %(count)s appointments were cancelled.", count=len(cancelled)), "good")
    return redirect(url_for("operator.account", account_id=account_id))


@blueprint.post("/staff/<int:account_id>/enable")
@only(OPERATOR)
def enable(account_id: int) -> ResponseReturnValue:
    """Let the owner of an account sign in again."""
    if not PressForm().validate_on_submit():
        raise NotFound
    running = site()
    running.staff.enable(running.staff.one(account_id).email)
    flash(gettext("The owner of this account can sign in again."), "good")
    return redirect(url_for("operator.account", account_id=account_id))


@blueprint.get("/members")
@only(OPERATOR)
def members() -> ResponseReturnValue:
    """List the members with their state, invite one, and prepare orders about them."""
    table = site().ledger_tables.table("members")
    roles = [role.name.lower() for role in ADMITTED]
    made = site().kits.store.waiting()
    return render_template("operator/members.html", table=table, roles=roles, words=table_wording, made=made)


@blueprint.get("/invitation")
@only(OPERATOR)
def invite() -> ResponseReturnValue:
    """Return an invitation as one file: the consortium, and what the new member has to do."""
    running, role, name = site(), request.args.get("role", ""), request.args.get("name", "")[:200]
    machine = running.services.machine
    try:
        files = invitation(
            running.services.audits.history(), machine.consortium_file() if machine else None, role, name
        )
    except (SettingInvalid, EncodingError) as error:
        flash(operator_wording.problem(error.why), "bad")
        return redirect(url_for("operator.members"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    response = Response(buffer.getvalue(), mimetype="application/zip")
    response.headers["Content-Disposition"] = f"attachment; filename=invitation-{role}.zip"
    return response


@blueprint.get(f"/orders/<{ORDER}:kind>")
@only(OPERATOR)
def order(kind: str) -> ResponseReturnValue:
    """Prepare an order: its form, and once the form is right what the order does, as a sentence and as a file."""
    chosen = OrderKind(kind)
    asked = request.args.get("check") == "yes"
    running = site()
    prepared, problems = (
        Orders(running.services.audits, running.services.clock).prepare(chosen, request.args, member().name)
        if asked
        else (None, {})
    )
    given = {name: request.args.get(name, "") for name in FACTS[chosen]}
    book = running.services.audits.history().federation.book
    page = render_template(
        "operator/order.html",
        kind=chosen,
        given=given,
        order=prepared,
        problems=problems,
        roles=[role.name.lower() for role in ADMITTED],
        uses=tuple(USES),
        ceremonies=CEREMONIES,
        members=[each for each in book.members.values() if not each.revoked and each.role != Role.OPERATOR],
        trustees=[each.name for each in book.having(Role.TRUSTEE)],
        words=operator_wording,
        say=order_wording,
    )
    return page, 400 if problems else 200


@blueprint.get(f"/orders/<{ORDER}:kind>.json")
@only(OPERATOR)
def order_file(kind: str) -> ResponseReturnValue:
    """Return a prepared order as a file."""
    running = site()
    orders = Orders(running.services.audits, running.services.clock)
    prepared, _ = orders.prepare(OrderKind(kind), request.args, member().name)
    if prepared is None:
        raise NotFound
    response = Response(prepared.to_bytes(), mimetype="application/json")
    response.headers["Content-Disposition"] = f"attachment; filename=order-{kind}.json"
    return response


@blueprint.get("/round")
@only(OPERATOR)
def next_round() -> ResponseReturnValue:
    """Choose terms of the next round, and read what they mean."""
    history = site().services.audits.history()
    terms, problems = asked_terms(request.args)
    return render_template(
        "operator/round.html",
        terms=terms,
        problems=problems,
        meaning=meaning_of(terms, history),
        facts=facts_of(terms),
        numbers=NUMBERS,
        round=history.federation.active_round,
        words=operator_wording,
    ), 400 if problems else 200


@blueprint.get("/ceremonies")
@only(OPERATOR)
def ceremonies() -> ResponseReturnValue:
    """Show each ceremony: the running ones with who must act, and the committees in force."""
    history = site().services.audits.history()
    names = history.federation.book.name_of
    running = [
        {
            "ceremony": each[-1],
            "progress": ceremony_progress(each[-1]),
            "missing": [names(who) for who in ceremony_missing(each[-1])],
        }
        for each in history.federation.threshold.ceremonies.values()
        if each and not each[-1].ended
    ]
    table = site().ledger_tables.table("ceremonies")
    return render_template(
        "operator/ceremonies.html", running=running, table=table, words=table_wording, say=operator_wording
    )


@blueprint.get("/health")
@only(OPERATOR, SiteRole.AUDITOR)
def health() -> ResponseReturnValue:
    """Show the health of ledger, vault and site; auditors see the ledger's part."""
    running = site()
    whole = member().role is OPERATOR
    return render_template(
        "operator/health.html",
        ledger=running.health.ledger(),
        system=running.health.system() if whole else None,
        ready=readiness(running).document() if whole else None,
        now=running.services.clock(),
        words=operator_wording,
    )
