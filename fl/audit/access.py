"""Which files a member's key opens in an audit, and why it does not open the others.

Invariant: when a file is not sealed to this member, the audit notes the reason and reports no finding.

Source: PROTOCOL.md 4 (readers).
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import HemaledgerError
from fl.protocol.federation import Federation, LedgerOpening
from fl.protocol.grants import model_of
from fl.protocol.names import Address, Role, Suite
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Round
from fl.replay.ledger_view import Keyring
from fl.replay.round_documents import read_config, suite_of


@dataclass(frozen=True)
class AuditKey:
    """The account and keys with which an audit opens files."""

    account: Address
    keyring: Keyring

    def role(self, federation: Federation) -> str:
        member = federation.book.members.get(self.account)
        return "hospital" if member is not None and member.role == Role.HOSPITAL else "auditor"


def why_closed(federation: Federation, key: AuditKey, source: Round | LedgerOpening, vault: Vault) -> str:
    """Return why this key cannot open a model; empty when it can."""
    role = key.role(federation)
    if key.account not in source.keys:
        return f"the {role} had no key in this federation at that time"
    if not _has_key(key, source.keys[key.account].epoch, suite_if_known(source, vault)):
        return f"the key that the {role} had at that time is missing on this machine"
    if role == "hospital" and federation.book.members[key.account].revoked:
        return "the hospital was revoked, so no file is sealed to it any more"
    return _held_back(source, vault) if role == "hospital" and isinstance(source, Round) else ""


def why_model_closed(federation: Federation, key: AuditKey, source: Round | LedgerOpening, vault: Vault) -> str:
    """Return why this key cannot open a model by its file or by a grant; empty when it can."""
    granted = any(
        _has_key(key, grant.record.epoch, suite_if_known(grant.model.source, vault))
        for grant in federation.grants.of(model_of(source).digest)
        if grant.record.reader == key.account
    )
    return "" if granted else why_closed(federation, key, source, vault)


def why_sealed_away(federation: Federation, key: AuditKey, current: Round) -> str:
    """Return why this key cannot open the updates of a round; empty when it can."""
    if key.role(federation) != "hospital":
        return ""
    if not current.masked:
        return "its updates are sealed to the coordinator and the auditors, so no hospital can open them"
    if current.wide is None and key.account not in current.roster:
        return "its masked files are sealed to the hospitals of its roster, and this hospital was not one of them"
    return ""


def suite_if_known(source: Round | LedgerOpening, vault: Vault) -> Suite:
    """Return how a round's files are sealed; suite 1 if its configuration cannot be read, which is a finding itself."""
    try:
        return suite_of(source, vault)
    except HemaledgerError:
        return Suite.P256


def _has_key(key: AuditKey, epoch: int, suite: Suite) -> bool:
    return epoch in (key.keyring.long_keys if suite == Suite.HYBRID else key.keyring.keys)


def _held_back(current: Round, vault: Vault) -> str:
    try:
        release_needed = read_config(current, vault).release
    except HemaledgerError:
        return "its configuration cannot be read"
    return "its model is held back: until trustees release it, only auditors can open it" if release_needed else ""
