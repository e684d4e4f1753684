"""What a member's key opens in an audit, and why not more.

Invariant: a file that is not sealed to this member is a reason, not a finding.

Source: PROTOCOL.md 4 (readers).
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import HemaledgerError
from fl.protocol.federation import Federation, LedgerOpening
from fl.protocol.names import Address, Role
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import read_config
from fl.replay.ledger_view import Keyring


@dataclass(frozen=True)
class AuditKey:
    """With what an audit opens files: a member's account and keys."""

    account: Address
    keyring: Keyring

    def role(self, federation: Federation) -> str:
        """Return what this member is, in a word."""
        member = federation.book.members.get(self.account)
        return "hospital" if member is not None and member.role == Role.HOSPITAL else "auditor"


def why_closed(federation: Federation, key: AuditKey, source: Round | LedgerOpening, vault: Vault) -> str:
    """Return why this key cannot open a model, empty when it can."""
    role = key.role(federation)
    if key.account not in source.keys:
        return f"the {role} had no key in this federation at that time"
    if source.keys[key.account].epoch not in key.keyring.keys:
        return f"the key that the {role} had at that time is not here"
    if role == "hospital" and federation.book.members[key.account].revoked:
        return "the hospital was revoked, and nothing is sealed to it any more"
    return _held_back(source, vault) if role == "hospital" and isinstance(source, Round) else ""


def why_sealed_away(federation: Federation, key: AuditKey, current: Round) -> str:
    """Return why this key cannot open the updates of a round, empty when it can."""
    if key.role(federation) != "hospital":
        return ""
    if not current.masked:
        return "its updates are sealed to the coordinator and the auditors, and no hospital can open them"
    if key.account not in current.roster:
        return "its masked files are sealed to the hospitals that were asked to take part, and this one was not"
    return ""


def _held_back(current: Round, vault: Vault) -> str:
    try:
        held = read_config(current, vault).release
    except HemaledgerError:
        return "its configuration cannot be read"
    return "its model is held back until trustees release it, and only auditors open it before" if held else ""
