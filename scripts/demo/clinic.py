"""The demo's doctors as trustees: links their accounts on site and ledger, and writes their approval kits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fl.protocol.names import KeyUse, Role
from scripts.commands.trustee import trustee_of, write_kit
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.roles import load_account
from webui.config import SiteConfig
from webui.store.database import Database
from webui.store.decryption_requests import RequestStore


def link_trustees(home: Home, config: SiteConfig, trustees: Sequence[str]) -> Path:
    """Link each trustee to the demo's doctor of that name and write the approval kit; return the folder of the kits.

    The demo's password opens all kits. In a real consortium each trustee chooses a password and keeps the kit secret.
    """
    folder = home.folder / "site" / "kits"
    password = (home.folder / "site" / "demo-password").read_text(encoding="ascii")
    store = RequestStore(Database(config.database_url), now)
    for name in trustees:
        member = home.member(name).as_a(Role.TRUSTEE)
        store.link_trustee(f"{name}@clinic.example", load_account(member).address)
        write_kit(trustee_of(home, name), member, KeyUse.RECORDS, folder / f"{name}.json", password)
    return folder
