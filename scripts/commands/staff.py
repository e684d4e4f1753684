"""`hemaledger staff`: manage the site's accounts of doctors, auditors, operators and the hospital's staff."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import SettingInvalid
from scripts.wiring.exit import guarded
from scripts.wiring.options import home_option

if TYPE_CHECKING:
    from webui.config import SiteConfig
    from webui.store.new_accounts import DoctorFacts, Hours
    from webui.store.staff import StaffStore

PASSWORD_VARIABLE = "HEMALEDGER_STAFF_PASSWORD"  # noqa: S105 - the name of the variable, not a password
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? (?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d)")
ROLES = ("doctor", "auditor", "operator", "hospital")
"""The values of webui.store.models.SiteRole without `patient`: patients sign up themselves."""
email_option = click.option("--email", required=True, help="The account's e-mail address.")


@click.group()
def staff() -> None:
    """Accounts for doctors, auditors, operators and staff who train for the hospital. Patients sign up themselves.

    `disable`, `enable` and `reset` also work for patients' accounts.
    """


@staff.command()
@home_option
@click.option("--role", type=click.Choice(ROLES), required=True)
@email_option
@click.option("--full-name", required=True, help="The person's name on the pages.")
@click.option("--specialty", default="Haematology", show_default=True, help="Of a doctor, shown to patients.")
@click.option("--room", default="", help="Of a doctor: where patients go.")
@click.option("--slot-minutes", type=click.IntRange(5, 240), default=30, show_default=True, help="Of a doctor.")
@click.option("--hours", multiple=True, help='Of a doctor, such as "mon-fri 09:00-12:00". Repeatable.')
@click.option("--place", default="", help="Of a doctor: the clinic's site, such as a town. Patients search by it.")
@click.option("--language", multiple=True, help="Of a doctor: a code such as en. Repeatable.")
@guarded
def add(  # noqa: PLR0913  # one parameter per option
    home: Path,
    role: str,
    email: str,
    full_name: str,
    *,
    specialty: str,
    room: str,
    slot_minutes: int,
    hours: tuple[str, ...],
    place: str,
    language: tuple[str, ...],
) -> None:
    """Create an account. Set its password in HEMALEDGER_STAFF_PASSWORD, or type it when asked."""
    from scripts.wiring.site_accounts import open_accounts
    from webui.store.models import SiteRole
    from webui.store.new_accounts import DoctorFacts, NewAccount

    facts = None
    if role == SiteRole.DOCTOR.value:
        opening = tuple(stretch for text in hours for stretch in parse_hours(text))
        facts = DoctorFacts(specialty, room, slot_minutes, opening, place, language)
    new = NewAccount(SiteRole(role), email, full_name, _password(), facts)
    open_accounts(_config(home)).create(new)
    click.echo(f"{email} can sign in as {role}.")


@staff.command()
@home_option
@email_option
@click.option("--account", help="The trustee's account on the ledger. Without it, the link is removed.")
@guarded
def link(home: Path, email: str, account: str | None) -> None:
    """Link a doctor's account on the site to a trustee's account. The link gives no right on the ledger."""
    from chain.transactions.addresses import parse_address
    from scripts.wiring.clock import now
    from webui.store.database import Database, upgrade_database
    from webui.store.decryption_requests import RequestStore

    trustee, config = parse_address(account, "account") if account else None, _config(home)
    upgrade_database(config.database_url)
    RequestStore(Database(config.database_url), now).link_trustee(email, trustee)
    click.echo(f"{email} answers requests as {account}." if account else f"{email} no longer answers requests.")


@staff.command("list")
@home_option
@guarded
def list_(home: Path) -> None:
    """List all accounts except patients': role, e-mail address, name, state."""
    for account in _staff(home).all():
        state = f"disabled since {_moment(account.disabled_at)}" if account.disabled_at else "enabled"
        click.echo(f"{account.role:9} {account.email}  {account.name}  ({state})")


@staff.command()
@home_option
@email_option
@click.option("--new-email", help="The new e-mail address.")
@click.option("--full-name", help="The new name on the pages.")
@click.option("--role", type=click.Choice(ROLES), help="The new role. This signs the person out.")
@click.option("--specialty", help="Of a doctor.")
@click.option("--room", help="Of a doctor.")
@click.option("--slot-minutes", type=click.IntRange(5, 240), help="Of a doctor.")
@click.option("--hours", multiple=True, help="Of a doctor, as in `add`. They replace all earlier hours.")
@guarded
def change(  # noqa: PLR0913  # one parameter per option
    home: Path,
    email: str,
    *,
    new_email: str | None,
    full_name: str | None,
    role: str | None,
    specialty: str | None,
    room: str | None,
    slot_minutes: int | None,
    hours: tuple[str, ...],
) -> None:
    """Change an account. Options that you omit change nothing. Booked appointments stay."""
    from webui.store.models import SiteRole
    from webui.store.staff import Change

    store, new_role = _staff(home), SiteRole(role) if role else None
    before = store.doctor(email)
    changed = hours or any(value is not None for value in (specialty, room, slot_minutes))
    becomes_doctor = new_role is SiteRole.DOCTOR and before is None
    doctor = _doctor_facts(before, hours, specialty, room, slot_minutes) if changed or becomes_doctor else None
    store.change(email, Change(new_email, full_name, new_role, doctor))
    click.echo(f"The account {new_email or email} is changed.")


@staff.command()
@home_option
@email_option
@click.option("--keep-appointments", is_flag=True, help="Do not cancel the doctor's appointments.")
@click.option("--hospital-name", default="", help="In the mails to patients.")
@click.option("--zone", default="UTC", show_default=True, help="Of the times in these mails, an IANA name.")
@click.option("--address", default="", help="Of the site, in these mails, such as https://site.example.")
@guarded
def disable(home: Path, email: str, *, keep_appointments: bool, hospital_name: str, zone: str, address: str) -> None:
    """Block an account now: its sessions end, nobody can sign in, and a doctor offers no more appointments.

    The command cancels future appointments. Patients see on the site that the hospital cancelled, and each gets a
    mail, which the running site sends. Call them, too.
    """
    from webui.http.languages import outside_pages

    with outside_pages():
        cancelled = _telling(home, hospital_name, zone, address).disable(email, keep_appointments=keep_appointments)
    click.echo(f"{email} can no longer sign in.")
    for booking in cancelled:
        patient = booking.patient.account
        click.echo(f"Cancelled: {_moment(booking.starts_at)}, {patient.name} ({patient.email})")


@staff.command()
@home_option
@email_option
@guarded
def enable(home: Path, email: str) -> None:
    """Unblock an account. Its password is the same as before."""
    _staff(home).enable(email)
    click.echo(f"{email} can sign in again.")


@staff.command()
@home_option
@email_option
@click.option(
    "--hours",
    "lasts",
    type=click.IntRange(1, 168),
    default=24,
    show_default=True,
    help="How many hours the code is valid.",
)
@guarded
def reset(home: Path, email: str, lasts: int) -> None:
    """Print a one-time code for somebody who forgot the password and must choose a new one.

    Check the person's identity before you give them the code. Anybody with the code can take over the account.
    """
    from scripts.wiring.clock import now

    code = _staff(home).start_reset(email, lasts * 3600)
    click.echo(f"One-time code for {email}: {code}")
    click.echo(f"It works once, until {_moment(now() + lasts * 3600)}, on the site's page /new-password.")


@staff.command("remove-second-step")
@home_option
@email_option
@guarded
def remove_second_step(home: Path, email: str) -> None:
    """Remove passkeys, app and recovery codes of somebody who lost them. Check the person's identity before.

    The person is signed out everywhere, and sets up a new second step at the next sign-in.
    """
    _staff(home).remove_second_steps(email)
    click.echo(f"{email} has no second step any more, and is signed out.")


def parse_hours(text: str) -> list[Hours]:
    """Return the hours of each day in `mon-fri 09:00-12:00`, or raise SettingInvalid."""
    from webui.store.new_accounts import Hours

    match = HOURS.fullmatch(text.strip().lower())
    malformed = SettingInvalid("hours", f"{text!r} does not have the form 'mon-fri 09:00-12:00'")
    if match is None:
        raise malformed
    try:
        first, last = DAYS.index(match["first"]), DAYS.index(match["last"] or match["first"])
        opens, closes = (_minute(match[name]) for name in ("opens", "closes"))
    except ValueError as error:
        raise malformed from error
    if last < first or closes <= opens:
        raise SettingInvalid("hours", f"{text!r} ends before it begins")
    return [Hours(day, opens, closes) for day in range(first, last + 1)]


def _minute(clock: str) -> int:
    moment = datetime.strptime(clock, "%H:%M").replace(tzinfo=UTC)
    return 60 * moment.hour + moment.minute


def _password() -> str:
    return os.environ.get(PASSWORD_VARIABLE) or str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _config(home: Path) -> SiteConfig:
    from scripts.wiring.home import Home
    from scripts.wiring.site_accounts import site_config

    return site_config(Home(home), "", "UTC", tls=False)


def _staff(home: Path) -> StaffStore:
    from scripts.wiring.clock import now
    from webui.store.database import Database, upgrade_database
    from webui.store.staff import StaffStore

    config = _config(home)
    upgrade_database(config.database_url)
    return StaffStore(Database(config.database_url), now)


def _telling(home: Path, hospital: str, zone: str, address: str) -> StaffStore:
    """Return the accounts, with mails to the patients whose appointments are cancelled."""
    from scripts.wiring.clock import now
    from scripts.wiring.home import Home
    from scripts.wiring.site_accounts import site_config
    from webui.store.database import Database, upgrade_database
    from webui.store.mail import MailStore
    from webui.store.staff import StaffStore
    from webui.usecases.appointment_mail import AppointmentMail, Letterhead
    from webui.usecases.mail import Mail

    config = site_config(Home(home), hospital, zone, tls=False)
    upgrade_database(config.database_url)
    database = Database(config.database_url)
    head = Letterhead(hospital, config.mail.sender, address.rstrip("/"), config.tz)
    return StaffStore(database, now, AppointmentMail(Mail(MailStore(database, now), None), head, now).tell)


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _doctor_facts(
    before: DoctorFacts | None,
    hours: tuple[str, ...],
    specialty: str | None,
    room: str | None,
    slot_minutes: int | None,
) -> DoctorFacts:
    from webui.store.new_accounts import DoctorFacts

    known = before or DoctorFacts("Haematology", "", 30, ())
    return DoctorFacts(
        known.specialty if specialty is None else specialty,
        known.room if room is None else room,
        known.slot_minutes if slot_minutes is None else slot_minutes,
        tuple(stretch for text in hours for stretch in parse_hours(text)) or known.hours,
    )
