"""`hemaledger staff`: accounts of the site that nobody can open for oneself."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import click

from chain.addresses import parse_address
from fl.protocol.errors import SettingInvalid
from scripts._exit import guarded
from scripts._home import Home
from scripts._options import home_option
from scripts._wiring import now
from scripts.serve import open_accounts, site_config
from webui.store.accounts import DoctorFacts, Hours, NewAccount, fold_email
from webui.store.database import Database, upgrade_database
from webui.store.disclosures import DisclosureStore
from webui.store.models import SiteRole
from webui.store.passwords import MAX_CHARS, MIN_CHARS

PASSWORD_VARIABLE = "HEMALEDGER_STAFF_PASSWORD"  # noqa: S105 - the name of the variable, not a password
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? (?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d)")
ROLES = [role.value for role in SiteRole if role != SiteRole.PATIENT]


@click.group()
def staff() -> None:
    """Accounts for doctors, auditors and operators of the site; patients sign up themselves."""


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
def add(home: Path, role: str, hours: tuple[str, ...], **given: str | int) -> None:
    """Create one account. The password is asked for, or read from HEMALEDGER_STAFF_PASSWORD."""
    facts = None
    if role == SiteRole.DOCTOR.value:
        opening = tuple(stretch for text in hours for stretch in parse_hours(text))
        facts = DoctorFacts(str(given["specialty"]), str(given["room"]), int(given["slot_minutes"]), opening)
    password = _password()
    config = site_config(Home(home), "", "UTC", tls=False)
    open_accounts(config).create(
        NewAccount(SiteRole(role), str(given["email"]), str(given["full_name"]), password, facts)
    )
    click.echo(f"{given['email']} can sign in as {role}.")


@staff.command()
@home_option
@click.option("--email", required=True, help="Of the doctor's account on the site.")
@click.option("--account", help="The trustee's account on the ledger; without it the link is taken away.")
@guarded
def link(home: Path, email: str, account: str | None) -> None:
    """Say with which trustee's account a doctor approves requests on the site. It gives no right on the ledger."""
    trustee = parse_address(account, "account") if account else None
    config = site_config(Home(home), "", "UTC", tls=False)
    upgrade_database(config.database_url)
    DisclosureStore(Database(config.database_url), now).link_trustee(fold_email(email), trustee)
    click.echo(f"{email} answers requests as {account}." if account else f"{email} answers no requests any more.")


def parse_hours(text: str) -> list[Hours]:
    """Return the stretches of `mon-fri 09:00-12:00`, or raise SettingInvalid."""
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
    password = os.environ.get(PASSWORD_VARIABLE) or click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise SettingInvalid("password", f"it needs {MIN_CHARS} to {MAX_CHARS} characters")
    return str(password)
