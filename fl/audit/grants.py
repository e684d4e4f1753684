"""The audit of grants: each one is sealed to the member that it names, by a member who could open the model.

Invariant: the audit needs no key. Whether a grant holds the right key only its reader can tell.

Source: PROTOCOL.md 4 (Grants) and 7.
"""

from __future__ import annotations

from fl.audit.access import suite_if_known
from fl.audit.findings import FindingCollector
from fl.protocol.audit import Report
from fl.protocol.errors import GrantUnusable
from fl.protocol.federation import Federation
from fl.protocol.grants import Grant
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.names import Role, Suite
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Round
from fl.replay.granted_models import check_grant
from fl.replay.long_keys import long_keys_of
from fl.replay.round_documents import read_config


def audit_grants(federation: Federation, vault: Vault, report: Report) -> None:
    """Check every grant, and note each one that is right."""
    name_of = federation.book.name_of
    for grant in federation.grants.made:
        sender, reader = name_of(grant.record.sender), name_of(grant.record.reader)
        number = grant.model.number
        with FindingCollector(report, number or None, f"grant of a model to {reader} by {sender}") as outcome:
            check_grant(grant, vault, _long_key(federation, grant, vault))
            _check_release(federation, grant, vault)
            report.checks["files"] += 1
        if outcome.ok:
            report.notes.append(f"{sender} granted the model of round {number} to {reader}, who came later.")


def _long_key(federation: Federation, grant: Grant, vault: Vault) -> LongKey | None:
    """Return the long key to which a grant must be sealed; None for a model of suite 1."""
    if suite_if_known(grant.model.source, vault) != Suite.HYBRID or grant.entry is None:
        return None
    reader = grant.record.reader
    return long_keys_of(federation, {reader: grant.reader_key}, vault, grant.entry.position)[reader]


def _check_release(federation: Federation, grant: Grant, vault: Vault) -> None:
    """Raise GrantUnusable if a hospital got a model that trustees must release."""
    source, hospital = grant.model.source, federation.book.members[grant.record.reader].role == Role.HOSPITAL
    if isinstance(source, Round) and hospital and read_config(source, vault).release:
        raise GrantUnusable(grant.record.sender, "the model is held back, and only trustees can release it")
