"""Appointments in people's own calendars: a file for each, and a private address for all of them.

Invariant: the address shows times, places and names of doctors; for a doctor it shows no patient's name. Whoever knows
the address can read it, so it can be renewed and ended at any time.
"""

from __future__ import annotations

from contextlib import nullcontext

from flask import Blueprint, Response, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, gettext

from webui.config import Limit
from webui.errors import NotFound
from webui.http.sessions import member, only
from webui.presentation.forms import PressForm
from webui.site import site
from webui.store.accounts import SignedInUser
from webui.store.models import Account, Appointment, SiteRole
from webui.store.throttle import Meter
from webui.store.tokens import Caller
from webui.usecases.calendar_files import Method, calendar_file, entry_of, place_of

blueprint = Blueprint("calendar", __name__, url_prefix="/calendar")
NEW_ADDRESSES = Limit(20, 60 * 60)
"""Each sends a mail."""
NO_TOKEN = 0
"""Instead of the number of a personal token."""
PAST_S = 90 * 24 * 3600
"""How long a past appointment stays in the calendar."""


@blueprint.get("/")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def settings() -> ResponseReturnValue:
    """Show whether there is a private address."""
    return render_template("appointments/feed.html", made_at=site().book.feeds.made_at(member().id), address=None)


@blueprint.post("/renew")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def renew() -> ResponseReturnValue:
    """Make a new address and show it once; the old one ends."""
    if not PressForm().validate_on_submit():
        raise NotFound
    site().throttle.take(Meter("new calendar address", str(member().id), NEW_ADDRESSES))
    token = site().book.feeds.renew(member().id, site().notices.feed_made)
    address = url_for("calendar.feed", token=token, _external=True)
    made_at = site().book.feeds.made_at(member().id)
    return render_template("appointments/feed.html", made_at=made_at, address=address)


@blueprint.post("/revoke")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def revoke() -> ResponseReturnValue:
    """End the address."""
    if not PressForm().validate_on_submit():
        raise NotFound
    site().book.feeds.revoke(member().id)
    flash(gettext("The address of your calendar has ended."), "plain")
    return redirect(url_for("calendar.settings"))


@blueprint.get("/feed/<token>.ics")
def feed(token: str) -> ResponseReturnValue:
    """Send somebody's whole calendar; the token in the address is the key."""
    owner = site().book.feeds.owner(token)
    g.caller = Caller(  # for the access log: a program reads in the name of the owner
        SignedInUser(owner.id, SiteRole(owner.role), owner.name, owner.session_version), frozenset(), NO_TOKEN
    )
    now, book = site().services.clock(), site().appointments
    if owner.role == SiteRole.DOCTOR:
        bookings = book.of_doctor(owner.id, now - PAST_S)
    else:
        bookings = [each for each in book.of_patient(owner.id) if each.ends_at > now - PAST_S]
    wanted = site().preferences.of(owner.id).language
    with force_locale(wanted) if wanted else nullcontext():  # who reads is a program, in its owner's name
        return _file(list(bookings), owner, Method.PUBLISH)


@blueprint.get("/<int:appointment_id>.ics")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def one(appointment_id: int) -> ResponseReturnValue:
    """Send one appointment of the visitor."""
    booking = site().appointments.of(member().id, appointment_id)
    owner = booking.doctor.account if member().role is SiteRole.DOCTOR else booking.patient.account
    return _file([booking], owner, Method.PUBLISH)


def _file(bookings: list[Appointment], owner: Account, method: Method) -> Response:
    running, now = site(), site().services.clock()
    details = running.appointments.details(bookings)
    terms = {each.account_id: each.terms for each in running.appointments.doctors()}
    entries = []
    for booking in bookings:
        detail, known = details.get(booking.id), terms.get(booking.doctor_id)
        video, place = (known.video_address, known.place) if known is not None else ("", "")
        entries.append(entry_of(booking, detail, _title(booking, owner), place_of(booking, detail, video, place), now))
    data = calendar_file(entries, running.book.head.publisher, method)
    response = Response(data, content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = "attachment; filename=appointments.ics"
    return response


def _title(booking: Appointment, owner: Account) -> str:
    if owner.role == SiteRole.DOCTOR:
        return str(gettext("Appointment with a patient"))
    return str(gettext("Appointment: %(doctor)s", doctor=booking.doctor.account.name))
