"""The line of `doctor` about long keys: what is sealed to this member for decades, and what still is classical."""

from __future__ import annotations

from fl.protocol.errors import KeystoreUnreadable, SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.grants import MODEL_READERS
from fl.protocol.names import KeyUse, Role, Suite
from fl.replay.ledger_view import LedgerView
from fl.replay.long_committees import long_committee, newest_long_key
from fl.replay.long_keys import has_long_key
from fl.replay.round_documents import suite_of
from fl.roles.long_key_statement import stated_before
from fl.storage.keyring import FolderKeys, load_long_keys
from scripts.wiring.home import Home, MemberHome
from scripts.wiring.long_records import seals_for_decades
from scripts.wiring.roles import load_account, open_ledger

CLASSICAL = (
    "classical, so a quantum computer could open it: masks among members, questions to the site, backups for a person, "
    "and TLS"
)


def long_key_line(home: Home, member: MemberHome) -> str:
    """Say whether files can be sealed to this member for decades, and what nothing protects so long.

    Raises:
        SettingInvalid: it has no long key, and others count on it.
        KeystoreUnreadable: the private half is not here.
        LongKeyMissing: its site seals records for decades, and a trustee has no long key.
    """
    if member.role == Role.TRUSTEE:
        return _long_key_of_trustee(home, member)
    if member.role not in MODEL_READERS:
        return "this role reads no models"
    ledger = open_ledger(home)
    federation, account = LedgerView(ledger).refresh(), load_account(member).address
    found = federation.book.members.get(account)
    key = found.key if found is not None else None
    there = key is not None and has_long_key(federation, account, key, home.vault)
    source = federation.source if federation.openings else None
    used = source is not None and suite_of(source, home.vault) == Suite.HYBRID
    if key is None or not there:
        if used or stated_before(federation, account):
            why = f"no round opens without this member's; run `hemaledger {member.role.name.lower()} long-key`"
            raise SettingInvalid("long-key", why)
        return "none; it is needed only for rounds with --long-lived"
    if key.epoch not in load_long_keys(member.folder, member.password):
        raise KeystoreUnreadable(str(member.folder), f"it does not have the long key of epoch {key.epoch}")
    models = "models are sealed for decades" if used else "models are not sealed for decades"
    return f"epoch {key.epoch}; {models}{_records(home, member, federation)}. Still {CLASSICAL}"


def _records(home: Home, member: MemberHome, federation: Federation) -> str:
    """Say for a hospital whether its records are sealed for decades, to the trustees as well.

    Raises:
        LongKeyMissing, VaultMissing: they would be, but a trustee has no long key.
    """
    if member.role != Role.HOSPITAL:
        return ""
    if not seals_for_decades(member):
        return "; records are not sealed for decades (serve --long-lived)"
    committee = federation.threshold.in_force(KeyUse.RECORDS)
    if committee is not None:
        long_committee(federation, committee, home.vault)
    return "; records are sealed for decades"


def _long_key_of_trustee(home: Home, member: MemberHome) -> str:
    ledger = open_ledger(home)
    federation, account = LedgerView(ledger).refresh(), load_account(member).address
    key = newest_long_key(federation, account, home.vault)
    if key is None:
        return "none; it is needed only for records of sites with --long-lived"
    here = {each.key_id for each in FolderKeys(member.folder, member.password).long_keys()}
    if key.key_id not in here:
        raise KeystoreUnreadable(str(member.folder), f"it does not have the long key of epoch {key.epoch}")
    return f"epoch {key.epoch}; records of sites with --long-lived are sealed to it"
