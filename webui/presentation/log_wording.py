"""The words of the access log: what each line says to people."""

from __future__ import annotations

from flask_babel import gettext

from webui.store.account_tables import AccessEntry


def log_event(entry: AccessEntry) -> str:
    """Return what happened, as a few words."""
    return log_words(entry.event)


def log_about(entry: AccessEntry) -> str:
    """Return which one it was: the numbers in the address of the page."""
    numbers = [part.partition("=")[2] for part in entry.about.split()]
    return str(gettext("number %(numbers)s", numbers=", ".join(numbers))) if numbers else ""


def log_words(event: str) -> str:
    """Return the words of a kind of line."""
    words = {
        "signed in": gettext("Signed in"),
        "sign-in refused": gettext("Wrong password or code"),
        "too many tries": gettext("Too many tries, refused for a while"),
        "signed out": gettext("Signed out"),
        "opened": gettext("Opened"),
        "downloaded": gettext("Downloaded"),
        "changed": gettext("Sent or changed"),
        "read by a program": gettext("Read by a program with a token"),
        "changed by a program": gettext("Sent or changed by a program with a token"),
    }
    return str(words.get(event, event))


def log_page(entry: AccessEntry) -> str:
    """Return which kind of page it was: in words if it is a known one, else as the site calls it."""
    words = {
        "": "",
        "password": gettext("with a password"),
        "app": gettext("with a password and a code of the app"),
        "passkey": gettext("with a passkey"),
        "recovery": gettext("with a password and a recovery code"),
        "checks.new": gettext("New check"),
        "checks.result": gettext("A result"),
        "checks.history": gettext("My checks"),
        "checks.proof": gettext("The proof of a record"),
        "checks.erase": gettext("Erasing a record"),
        "doctor.agenda": gettext("My patients"),
        "doctor.patient": gettext("A patient"),
        "account.overview": gettext("Your account"),
        "account.preferences": gettext("Language and time"),
        "account.end_session": gettext("Ending a session"),
        "account.end_others": gettext("Ending all other sessions"),
        "account.address": gettext("E-mail address"),
        "account.new_address": gettext("E-mail address"),
        "account.confirm": gettext("Password asked again"),
        "account.log": gettext("What happened in your account"),
        "accounts.password": gettext("Password"),
        "accounts.sign_up": gettext("New account"),
        "factors.choose": gettext("Second step"),
        "factors.app": gettext("App for codes"),
        "factors.start_app": gettext("App for codes"),
        "factors.remove_app": gettext("Removing the app for codes"),
        "factors.recovery": gettext("Recovery codes"),
        "passkeys.add": gettext("New passkey"),
        "passkeys.remove": gettext("Removing a passkey"),
        "requests.mine": gettext("Requests"),
        "requests.one": gettext("A request"),
        "approvals.approve": gettext("A trustee's answer"),
        "approvals.submit": gettext("A trustee's answer"),
        "consent.choose": gettext("Consent"),
        "access_log.table": gettext("Access log"),
        "access_log.file": gettext("Access log"),
        "access_log.check": gettext("Check of the access log"),
        "auditor.rounds": gettext("Rounds"),
        "auditor.one_round": gettext("One round"),
        "auditor.file": gettext("Check a file"),
        "home.index": gettext("Home page"),
        "checks.note": gettext("A note on a check"),
        "appointments.mine": gettext("Appointments"),
        "trustee_kit.start": gettext("Become a trustee"),
        "trustee_kit.join": gettext("My key as a trustee, onto the ledger"),
        "trustee_kit.shares": gettext("My share as a trustee"),
        "trustee_kit.kept": gettext("A new approval kit"),
        "hospital_keys.keys": gettext("The hospital's key"),
        "hospital_keys.order": gettext("A new key for the hospital"),
        "hospital_keys.withdraw": gettext("Order for a new key taken back"),
        "step_up.code": gettext("Second step asked again"),
        "step_up.passkey": gettext("Second step asked again"),
        "calendar.renew": gettext("A private address of the calendar"),
        "calendar.revoke": gettext("End of the private address of the calendar"),
        "calendar.feed": gettext("The calendar, by its private address"),
        "staff.change": gettext("Change of an account by the staff"),
        "staff.disable": gettext("Account disabled by the staff"),
        "staff.enable": gettext("Account enabled by the staff"),
        "staff.reset": gettext("Code for a new password, by the staff"),
        "staff.remove_steps": gettext("Second steps removed by the staff"),
    }
    return str(words.get(entry.what, entry.what))


def browser_words(stored: str) -> str:
    """Return the browser of a session, which is stored such as `Firefox on Windows` (http/places.py)."""
    browser, _, system = stored.partition(" on ")
    if browser and system:
        return str(gettext("%(browser)s on %(system)s", browser=browser, system=system))
    return stored or str(gettext("Unknown browser"))
