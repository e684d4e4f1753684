"""The words for kinds of pages in the access log, and for all pages of one part of the site."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

PAGES = {
    "accounts.new_password": _l("New password"),
    "appointments.cancel": _l("Cancelling an appointment"),
    "appointments.confirm": _l("Booking an appointment"),
    "appointments.confirm_move": _l("Moving an appointment"),
    "appointments.move": _l("Moving an appointment"),
    "appointments.undo": _l("Taking a cancellation back"),
    "appointments.doctors": _l("Choose a doctor"),
    "appointments.slots": _l("Free times of a doctor"),
    "auditor.replay": _l("Check of a round"),
    "audits.compare": _l("Compare two models"),
    "checks.add_note": _l("A note on a check"),
    "checks.image": _l("The picture of a check"),
    "health.health": _l("Health"),
    "home.model": _l("The model"),
    "hospital.curves": _l("Curves"),
    "hospital.dashboard": _l("The round now"),
    "hospital.members": _l("Members"),
    "languages.choose": _l("Language"),
    "operator.account": _l("An account of the staff"),
    "operator.ceremonies": _l("Ceremonies"),
    "operator.code": _l("Code for a new password, by the staff"),
    "operator.disable": _l("Account disabled by the staff"),
    "operator.enable": _l("Account enabled by the staff"),
    "operator.health": _l("Health"),
    "operator.invite": _l("An invitation"),
    "operator.members": _l("Members"),
    "operator.next_round": _l("Next round"),
    "operator.order": _l("An order"),
    "operator.order_file": _l("An order"),
    "operator.overview": _l("Overview"),
    "operator.staff": _l("Staff accounts"),
    "requests.about_me": _l("Who asked for my records"),
    "requests.ask": _l("Ask for a record"),
    "requests.find": _l("Search for a record"),
    "requests.open_record": _l("Opening a record"),
    "requests.who_sees": _l("Who can see my records"),
    "risk.file": _l("Risks of a file"),
    "risk.mine": _l("My risks"),
    "schedule.calendar": _l("Calendar"),
    "step_up.question": _l("Second step asked again"),
    "viewer.view": _l("The viewer of a picture"),
    "worklist.index": _l("Worklist"),
}
"""Endpoint -> its page."""
PARTS = {
    "about": _l("About this site"),
    "access_log": _l("Access log"),
    "account": _l("Your account"),
    "accounts": _l("Your account"),
    "api": _l("The interface for programs"),
    "appointments": _l("Appointments"),
    "audits": _l("Full audit"),
    "calendar": _l("Calendar"),
    "checks": _l("My checks"),
    "factors": _l("Second step"),
    "fhir": _l("The FHIR interface for programs"),
    "health": _l("Health"),
    "hospital": _l("The round now"),
    "hospital_keys": _l("The hospital's key"),
    "ledger": _l("The ledger"),
    "local_training": _l("Training of the hospital"),
    "metrics": _l("Health"),
    "my_data": _l("My data"),
    "operator": _l("Overview"),
    "own_tools": _l("The model, to train with your own tools"),
    "passkeys": _l("Passkeys"),
    "pictures": _l("The picture of a check"),
    "receipts": _l("A receipt"),
    "requests": _l("Requests"),
    "reviews": _l("A review"),
    "risk": _l("Risks"),
    "schedule": _l("Working hours"),
    "tokens": _l("Tokens for programs"),
    "waiting": _l("Waiting list"),
    "ways_back": _l("New password"),
    "worklist": _l("Worklist"),
}
"""Part of the site (blueprint) -> the words for its other pages."""


def page_words(what: str) -> str:
    """Return the words for an endpoint; what the site does not know stays as it is."""
    found = PAGES.get(what) or PARTS.get(what.partition(".")[0])
    return str(found) if found is not None else what
