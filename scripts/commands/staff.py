"""`hemaledger staff`: accounts of the site that nobody can open for oneself."""

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
    from webui.store.accounts import DoctorFacts, Hours
    from webui.store.staff import StaffStore

PASSWORD_VARIABLE = "HEMALEDGER_STAFF_PASSWORD"  # noqa: S105 - the name of the variable, not a password
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? (?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d)")
ROLES = ("doctor", "auditor", "operator")
"""webui.store.models.SiteRole without patients, who sign up themselves."""


@click.group()
def staff() -> None:
    """Accounts for doctors, auditors and operators of the site; patients sign up themselves.

    `disable`, `enable` and `reset` work for patients' accounts, too.
    """


@staff.command()
@home_option
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--email", required=True)
@click.option("--full-name", required=True, help="The name that the pages show.")
@click.option("--specialty", default="Haematology", show_default=True, help="Doctors: what patients see.")
@click.option("--room", default="", help="Doctors: where patients go.")
@click.option("--slot-minutes", type=click.IntRange(5, 240), default=30, show_default=True, help="Doctors.")
@click.option("--hours", multiple=True, help='Doctors: "mon-fri 09:00-12:00"; may be given several times.')
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
) -> None:
    """Create one account. The password is asked for, or read from HEMALEDGER_STAFF_PASSWORD."""
    from scripts.wiring.site_accounts import open_accounts
    from webui.store.accounts import DoctorFacts, NewAccount
    from webui.store.models import SiteRole

    facts = None
    if role == SiteRole.DOCTOR.value:
        opening = tuple(stretch for text in hours for stretch in parse_hours(text))
        facts = DoctorFacts(specialty, room, slot_minutes, opening)
    new = NewAccount(SiteRole(role), email, full_name, _password(), facts)
    open_accounts(_config(home)).create(new)
    click.echo(f"{email} can sign in as {role}.")


@staff.command()
@home_option
@click.option("--email", required=True, help="Of the doctor's account on the site.")
@click.option("--account", help="The trustee's account on the ledger; without it the link is taken away.")
@guarded
def link(home: Path, email: str, account: str | None) -> None:
    """Say with which trustee's account a doctor approves requests on the site. It gives no right on the ledger."""
    from chain.transactions.addresses import parse_address
    from scripts.wiring.clock import now
    from webui.store.database import Database, upgrade_database
    from webui.store.decryption_requests import RequestStore

    trustee, config = parse_address(account, "account") if account else None, _config(home)
    upgrade_database(config.database_url)
    RequestStore(Database(config.database_url), now).link_trustee(email, trustee)
    click.echo(f"{email} answers requests as {account}." if account else f"{email} answers no requests any more.")


@staff.command("list")
@home_option
@guarded
def list_(home: Path) -> None:
    """Print every account that is no patient's: role, address, name, state."""
    for account in _staff(home).all():
        state = f"disabled since {_moment(account.disabled_at)}" if account.disabled_at else "enabled"
        click.echo(f"{account.role:9} {account.email}  {account.name}  ({state})")


@staff.command()
@home_option
@click.option("--email", required=True, help="By which the account signs in now.")
@click.option("--new-email")
@click.option("--full-name")
@click.option("--role", type=click.Choice(ROLES), help="Ends the account's sessions.")
@click.option("--specialty", help="Doctors.")
@click.option("--room", help="Doctors.")
@click.option("--slot-minutes", type=click.IntRange(5, 240), help="Doctors.")
@click.option("--hours", multiple=True, help="Doctors: all hours, as in `add`; they replace those of before.")
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
    """Change an account. What is not given stays; appointments that were booked stay, too."""
    from webui.store.models import SiteRole
    from webui.store.staff import Change

    store, new_role = _staff(home), SiteRole(role) if role else None
    before = store.doctor(email)
    asked = hours or any(given is not None for given in (specialty, room, slot_minutes))
    wanted = asked or (new_role is SiteRole.DOCTOR and before is None)
    doctor = _refitted(before, hours, specialty, room, slot_minutes) if wanted else None
    store.change(email, Change(new_email, full_name, new_role, doctor))
    click.echo(f"The account {new_email or email} is changed.")


@staff.command()
@home_option
@click.option("--email", required=True)
@click.option("--keep-appointments", is_flag=True, help="Cancel nothing: the patients still come.")
@guarded
def disable(home: Path, email: str, *, keep_appointments: bool) -> None:
    """End an account's sessions now; nobody signs in with it, and a doctor offers no times.

    Appointments ahead are cancelled. Patients see that the hospital did it; the site sends no mail, so call them.
    """
    cancelled = _staff(home).disable(email, keep_appointments=keep_appointments)
    click.echo(f"{email} cannot sign in any more.")
    for booking in cancelled:
        patient = booking.patient.account
        click.echo(f"Cancelled: {_moment(booking.starts_at)}, {patient.name} ({patient.email})")


@staff.command()
@home_option
@click.option("--email", required=True)
@guarded
def enable(home: Path, email: str) -> None:
    """Let somebody sign in again, with the password of before."""
    _staff(home).enable(email)
    click.echo(f"{email} can sign in again.")


@staff.command()
@home_option
@click.option("--email", required=True)
@click.option(
    "--hours", "lasts", type=click.IntRange(1, 168), default=24, show_default=True, help="How long it is good."
)
@guarded
def reset(home: Path, email: str, lasts: int) -> None:
    """Print a one-time code with which somebody who forgot the password chooses a new one.

    Make sure who it is before you hand it over: whoever has the code gets the account.
    """
    from scripts.wiring.clock import now

    code = _staff(home).start_reset(email, lasts * 3600)
    click.echo(f"One-time code for {email}: {code}")
    click.echo(f"It is good once, until {_moment(now() + lasts * 3600)}, on the site's page /new-password.")


def parse_hours(text: str) -> list[Hours]:
    """Return the stretches of `mon-fri 09:00-12:00`, or raise SettingInvalid."""
    from webui.store.accounts import Hours

    found = HOURS.fullmatch(text.strip().lower())
    malformed = SettingInvalid("hours", f"{text!r} is not of the form 'mon-fri 09:00-12:00'")
    if found is None:
        raise malformed
    try:
        first, last = DAYS.index(found["first"]), DAYS.index(found["last"] or found["first"])
        opens, closes = (_minute(found[name]) for name in ("opens", "closes"))
    except ValueError as error:
        raise malformed from error
    if last < first or closes <= opens:
        raise SettingInvalid("hours", f"{text!r} ends before it begins")
    return [Hours(day, opens, closes) for day in range(first, last + 1)]


def _minute(clock: str) -> int:
    moment = datetime.strptime(clock, "%H:%M").replace(tzinfo=UTC)
    return 60 * moment.hour + moment.minute


def _password() -> str:
    given = os.environ.get(PASSWORD_VARIABLE)
    return given or str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


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


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _refitted(
    before: DoctorFacts | None,
    hours: tuple[str, ...],
    specialty: str | None,
    room: str | None,
    slot_minutes: int | None,
) -> DoctorFacts:
    from webui.store.accounts import DoctorFacts

    known = before or DoctorFacts("Haematology", "", 30, ())
    return DoctorFacts(
        known.specialty if specialty is None else specialty,
        known.room if room is None else room,
        known.slot_minutes if slot_minutes is None else slot_minutes,
        tuple(stretch for text in hours for stretch in parse_hours(text)) or known.hours,
    )
