"""The audit of a round's files in the vault: each must be the one that the ledger names; none is opened.

Invariant: a missing file that the round did not need gives a note with the reason, never a finding.

Source: PROTOCOL.md 4 (steps 1 and 2) and 7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from fl.audit.findings import FindingCollector
from fl.crypto.envelope import Expected, check_file
from fl.protocol.audit import AuditStep, Report
from fl.protocol.errors import MalformedError, TamperedError, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.grants import MODEL_READERS
from fl.protocol.names import Address, Digest, show
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Phase, Round
from fl.replay.exclusions import why_excluded
from fl.replay.expected_files import (
    FileReader,
    expected_answer,
    expected_masked,
    expected_update,
    read_config,
    update_files,
)
from fl.replay.group_key import expected_key_file, key_readers
from fl.replay.participants import BUNDLE_CAP
from fl.replay.retention import Update
from fl.replay.vault_files import read_document


class FileAudit:
    """Checks the files of one federation's rounds."""

    def __init__(
        self, federation: Federation, vault: Vault, report: Report, deletable: Mapping[Update, tuple[Digest, Digest]]
    ) -> None:
        """Check files; `deletable` names those that may be missing, with the record and the report that allow it."""
        self._deletable = deletable
        self._federation = federation
        self._vault = vault
        self._report = report

    def check_one(self, expected: Expected) -> None:
        """Check one file, or raise the error in it."""
        check_file(self._vault.get(expected.digest, expected.cap), expected)
        self._report.checks["files"] += 1

    def check(self, current: Round, reader: FileReader | None) -> bool:
        """Check every hospital's files; return whether all updates are right.

        Args:
            current: The round.
            reader: Opens the updates outside the set to find out why; None when this key opens no file of the round.
        """
        if current.wide is not None:
            self._check_group_key(current, reader)
        gone = self.deleted(current)
        self._note_deleted(current, gone)
        there = [hospital for hospital, digest in current.commitments.items() if digest not in gone]
        updates = [self._check_update(current, hospital, reader) for hospital in there]
        for dealer in current.sharers if current.dealt else ():
            self._check_bundle(current, dealer)
        for hospital in current.revealed:
            self._check_answer(current, hospital)
        if updates and not gone:
            self._report.add_passed(current.number, AuditStep.UPDATES)
        return all(updates)

    def deleted(self, current: Round) -> list[Digest]:
        """Return the updates of a round that are gone, and were allowed to go."""
        updates = (
            (who, each) for who, each in current.commitments.items() if (current.number, each) in self._deletable
        )
        return [digest for hospital, digest in updates if not self._is_there(current, hospital)]

    def _is_there(self, current: Round, hospital: Address) -> bool:
        """Return whether the vault has a hospital's update, right or wrong, with all its parts."""
        if not self._vault.has(current.commitments[hospital]):
            return False
        try:
            files = self._files(current, hospital)
        except (TamperedError, MalformedError):
            return True  # a wrong list is there
        return all(self._vault.has(each.digest) for each in files)

    def _note_deleted(self, current: Round, gone: list[Digest]) -> None:
        allowed = Counter(self._deletable[current.number, digest] for digest in gone)
        for (record, report), count in sorted(allowed.items()):
            files = "1 update was" if count == 1 else f"{count} updates were"
            self._report.notes.append(
                f"Round {current.number}: {files} deleted under the retention record {show(record)} after the clean "
                f"audit {show(report)}."
            )

    def _check_group_key(self, current: Round, reader: FileReader | None) -> None:
        """Check the files of a wide round's group key, and note who is not named in them."""
        files = current.wide.key_files if current.wide is not None else ()
        with self._finding(current.number, "group key", AuditStep.OPENING) as outcome:
            for seq in range(len(files)):
                self.check_one(expected_key_file(current, seq))
            if reader is not None:
                reader.check_group(current)
        if not outcome.ok:
            return
        named, book = key_readers(current, self._vault), self._federation.book
        for account, key in current.keys.items():
            if book.members[account].role in MODEL_READERS and key.key_id not in named:
                self._report.notes.append(
                    f"Round {current.number}: its group key is not sealed to {self._name(account)}."
                )

    def _check_update(self, current: Round, hospital: Address, reader: FileReader | None) -> bool:
        """Check one hospital's file without opening it; a file outside the set may be missing."""
        subject = f"{'masked' if current.masked else 'sealed'} update of {self._name(hospital)}"
        if hospital not in current.hospitals and not self._is_there(current, hospital):
            when = "aborted before it was needed" if current.phase == Phase.ABORTED else "frozen without it"
            self._report.notes.append(
                f"Round {current.number}: the {subject} is not in the vault; the round was {when}."
            )
            return True
        if current.frozen is not None and hospital not in current.hospitals:
            why = why_excluded(self._federation, current, hospital, self._vault, reader)
            self._report.notes.append(f"Round {current.number}: the set does not include the {subject}; {why}")
            return True
        with self._finding(current.number, subject, AuditStep.UPDATES) as outcome:
            for expected in self._files(current, hospital):
                self.check_one(expected)
        return outcome.ok

    def _files(self, current: Round, hospital: Address) -> tuple[Expected, ...]:
        """Return the files of a hospital's update; without the configuration, which another finding names, its one."""
        try:
            read_config(current, self._vault)
        except (VaultMissing, TamperedError, MalformedError):
            return (expected_masked(current, hospital) if current.masked else expected_update(current, hospital),)
        return tuple(part.expected for part in update_files(current, hospital, self._vault))

    def _check_bundle(self, current: Round, dealer: Address) -> bool:
        """Check the file of shares of a hospital that continued after the set-up."""
        subject = f"shares of {self._name(dealer)}"
        record = current.dealt.get(dealer)
        missing = record is not None and not self._vault.has(record.bundle_digest)
        if missing and current.phase == Phase.ABORTED:
            self._report.notes.append(f"Round {current.number}: the {subject} are not in the vault; it was aborted.")
            return True
        with self._finding(current.number, subject, AuditStep.SETUP) as outcome:
            if record is not None:
                read_document(self._vault, record.bundle_digest, BUNDLE_CAP)
                self._report.checks["files"] += 1
        return outcome.ok

    def _check_answer(self, current: Round, hospital: Address) -> bool:
        """Check the file of a hospital's unmasking response."""
        subject = f"unmasking response of {self._name(hospital)}"
        if not self._vault.has(current.revealed[hospital].digest):
            self._report.notes.append(f"Round {current.number}: the {subject} is not in the vault.")
            return True
        with self._finding(current.number, subject, AuditStep.ANSWERS) as outcome:
            self.check_one(expected_answer(current, hospital))
        return outcome.ok

    def _name(self, account: Address) -> str:
        return self._federation.book.name_of(account)

    def _finding(self, number: int, subject: str, step: AuditStep) -> FindingCollector:
        return FindingCollector(self._report, number, subject, step)
