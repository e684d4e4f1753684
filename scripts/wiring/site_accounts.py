"""The site's settings and accounts, without the site itself."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from fl.files import write_atomic
from scripts.wiring.clock import now
from scripts.wiring.home import OWNER_ONLY, Home
from webui.config import MailSettings, SiteConfig
from webui.store.accounts import AccountStore
from webui.store.database import Database, upgrade_database
from webui.store.demo import demo_accounts
from webui.store.passwords import Passwords

DATABASE_VARIABLE = "HEMALEDGER_DATABASE_URL"
"""A variable, because the URL of a server has a password."""


def site_config(home: Home, hospital: str, zone: str, *, tls: bool, demo: bool = False) -> SiteConfig:
    """Return the site's settings. The first call creates the site's secret."""
    secret = home.folder / "site" / "secret"
    secret.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    if not secret.exists():
        write_atomic(secret, secrets.token_bytes(32), mode=0o600)
    return SiteConfig(
        database_url=os.environ.get(DATABASE_VARIABLE) or f"sqlite:///{(secret.parent / 'site.sqlite').resolve()}",
        secret_key=secret.read_bytes(),
        hospital_name=hospital,
        zone=zone,
        secure_cookies=tls,
        demo_accounts=demo,
        mail=MailSettings(folder=outbox(home)),
    )


def outbox(home: Home) -> Path:
    """Return the folder of the site's mails when there is no mail server."""
    return home.folder / "site" / "outbox"


def open_accounts(config: SiteConfig) -> AccountStore:
    """Return the site's accounts, after an upgrade of the database to the newest revision."""
    upgrade_database(config.database_url)
    return AccountStore(Database(config.database_url), Passwords(config.passwords), now)


def seed_demo(config: SiteConfig, home: Home) -> list[tuple[str, str]]:
    """Create the demo's invented people; return the role, e-mail address and password of each."""
    path = home.folder / "site" / "demo-password"
    if not path.exists():
        write_atomic(path, secrets.token_urlsafe(9).encode(), mode=0o600)
    password = path.read_text(encoding="ascii")
    accounts = demo_accounts(password)
    open_accounts(config).seed(accounts)
    return [(f"{account.role.value}: {account.email}", password) for account in accounts]
