"""Retention: an auditor offers a record after a clean audit; a coordinator accepts it and deletes the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fl.protocol.errors import HemaledgerError, RetentionRefused, SettingInvalid
from fl.protocol.names import Digest, StatementKind
from fl.protocol.records import StatementMade
from fl.replay.ledger_view import LedgerView
from fl.replay.retention import (
    BREAKS_A_RULE,
    CleanReport,
    RetentionRecord,
    accepted,
    check_not_needed,
    check_record,
    offers_of,
    old_updates,
    parts_of_update,
)

if TYPE_CHECKING:
    from fl.protocol.audit import Report
    from fl.protocol.federation import Federation
    from fl.protocol.ports import Ledger, Vault
    from fl.storage.cached_vault import CachedVault
    from fl.storage.vault import FolderVault
    from scripts.wiring.home import Home, MemberHome


@dataclass(frozen=True)
class Collected:
    """What a coordinator deleted."""

    record: Digest
    named: int
    deleted: int


def record_offer(
    ledger: Ledger, vault: Vault, report: Report, federation: Federation, keep_rounds: int
) -> tuple[RetentionRecord, Digest]:
    """Put report and record into the vault, and state the record on the ledger.

    Raises:
        SettingInvalid: the audit has findings, or there is nothing old enough.
    """
    if not report.clean:
        raise SettingInvalid("retain", "the audit has findings or alarms; nothing may be deleted")
    summed = checked_rounds(federation, report)
    files = tuple(each for each in old_updates(federation, keep_rounds, summed) if vault.has(each[1]))
    if not files or federation.position is None:
        raise SettingInvalid("keep-rounds", "there is no update outside the window whose round was summed again")
    consortium = ledger.anchor.consortium
    clean = CleanReport(consortium, ledger.account, federation.position.block, clean=True, summed=summed)
    record = RetentionRecord(consortium, ledger.account, keep_rounds, vault.put(clean.to_bytes()), files)
    digest = vault.put(record.to_bytes())
    text = f"{len(files)} updates, {keep_rounds} rounds kept"
    ledger.append(StatementMade(ledger.account, record.through, StatementKind.RETENTION, digest, text))
    return record, digest


def checked_rounds(federation: Federation, report: Report) -> tuple[int, ...]:
    """Return the rounds that an audit summed again, and those that ended without a proposal."""
    from fl.protocol.audit import AuditStep

    done = (
        each.number
        for each in federation.rounds
        if each.ended and (each.proposal is None or AuditStep.SUM in report.passed.get(each.number, ()))
    )
    return tuple(done)


def collect(home: Home, member: MemberHome, keep_rounds: int, *, really: bool = True) -> Collected:
    """Accept the newest right record of an auditor and delete its files.

    Raises:
        SettingInvalid: no auditor offered one.
        RetentionRefused: each breaks a rule, names a file that another round needs, or keeps fewer rounds than this
            coordinator wants.
        VaultForbidden, VaultUnavailable: the vault does not let this account delete.
    """
    from scripts.wiring.roles import open_ledger

    ledger, vault = open_ledger(home, member), home.vault
    vault.check()
    federation = LedgerView(ledger).refresh()
    record, digest = checked_offer(federation, vault, keep_rounds)
    if not really:
        return Collected(digest, len(record.files), sum(vault.has(each) for _, each in record.files))
    accept(ledger, record, digest)
    return Collected(digest, len(record.files), delete(federation, vault, record))


def delete(federation: Federation, vault: FolderVault | CachedVault, record: RetentionRecord) -> int:
    """Delete the files of a record, of each the parts first, so that the rest is found again; return how many."""
    deleted = 0
    for update in record.files:
        for part in parts_of_update(federation, vault, update):
            vault.delete(part)
        deleted += vault.delete(update[1])
    return deleted


def checked_offer(federation: Federation, vault: Vault, keep_rounds: int) -> tuple[RetentionRecord, Digest]:
    """Return the newest record of an auditor that keeps all rules; raises as `collect`, about the newest of all."""
    first: HemaledgerError | None = None
    for entry, made in offers_of(federation):
        try:
            record = check_record(federation, vault, entry, made)
            check_not_needed(made.digest, record, federation.rounds)
            if record.keep_rounds < keep_rounds:
                why = f"it keeps {record.keep_rounds} rounds, and this coordinator wants to keep {keep_rounds}"
                raise RetentionRefused(made.digest, why)
        except BREAKS_A_RULE as error:
            first = first or error
            continue
        return record, made.digest
    if first is not None:
        raise first
    raise SettingInvalid("retain", "no auditor recorded what may be deleted; ask for `hemaledger auditor retain`")


def accept(ledger: Ledger, record: RetentionRecord, digest: Digest) -> None:
    """State on the ledger that this coordinator accepts a record, unless it is there, before anything is deleted."""
    if not accepted(LedgerView(ledger).refresh(), digest):
        text = f"{len(record.files)} updates, {record.keep_rounds} rounds kept"
        ledger.append(StatementMade(ledger.account, record.through, StatementKind.RETENTION, digest, text))
