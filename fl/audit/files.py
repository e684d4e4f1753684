"""The audit of a round's files in the vault: each must be the one that the ledger names; none is opened.

Invariant: a missing file that the round did not need gives a note with the reason, never a finding.

Source: PROTOCOL.md 4 (steps 1 and 2) and 7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from fl.audit.access import suite_if_known
from fl.audit.findings import FindingCollector
from fl.crypto.envelope_form import Expected, check_core, check_file
from fl.protocol.audit import AuditStep, Report
from fl.protocol.errors import MalformedError, TamperedError, VaultMissing
from fl.protocol.federation import Federation, LedgerOpening
from fl.protocol.grants import MODEL_READERS
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Address, Digest, show
from fl.protocol.ports import Vault
from fl.protocol.rounds.clusters import terms_of
from fl.protocol.rounds.round import Phase, Round
from fl.replay.exclusions import why_excluded
from fl.replay.expected_files import expected_answer, expected_masked, expected_update, model_read, update_files
from fl.replay.file_reader import FileReader
from fl.replay.first_file import opened_first
from fl.replay.group_key import GroupTerms, group_terms
from fl.replay.participants import BUNDLE_CAP
from fl.replay.received_parcels import received_by
from fl.replay.retention import Update
from fl.replay.round_documents import read_config
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

    def check_model(self, source: Round | LedgerOpening, parameters: int) -> None:
        """Check the file of a model or its parts, and the group key of a first model."""
        parts, file = model_read(source, parameters, self._vault)
        if isinstance(source, LedgerOpening) and file:
            self._check_first(source, file, parts[0].expected)
            return
        for part in parts:
            self.check_one(part.expected)

    def _check_first(self, opening: LedgerOpening, file: bytes, expected: Expected) -> None:
        """Check the file of a ledger's first model, which was read, and those of its group key if it has one."""
        terms, envelope = opened_first(opening, file)
        check_core(envelope, expected.core)
        self._report.checks["files"] += 1
        if terms is not None:
            self._check_key_files(terms)
            self._note_unnamed("The first model", terms, opening.keys)

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
        for subject, digest, receiver in self._shares(current):
            self._check_shares(current, subject, digest, receiver)
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
        with self._finding(current.number, "group key", AuditStep.OPENING) as outcome:
            self._check_key_files(group_terms(current))
            if reader is not None:
                reader.check_group(current)
        if outcome.ok:
            self._note_unnamed(f"Round {current.number}", group_terms(current), current.keys)

    def _check_key_files(self, terms: GroupTerms) -> None:
        for seq in range(len(terms.files)):
            self.check_one(terms.expected(seq))

    def _note_unnamed(self, what: str, terms: GroupTerms, keys: Mapping[Address, MemberKey]) -> None:
        """Note who had a key and is not named in the files of a group key."""
        named, book = terms.readers(self._vault), self._federation.book
        for account, key in keys.items():
            if book.members[account].role in MODEL_READERS and key.key_id not in named:
                self._report.notes.append(f"{what}: its group key is not sealed to {self._name(account)}.")

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

    def _shares(self, current: Round) -> Iterator[tuple[str, Digest, Address | None]]:
        """Yield the files of shares of those who continued after the set-up; with clusters one for each receiver."""
        if terms_of(current) is not None:
            yield from ((f"shares for {self._name(who)}", digest, who) for who, digest in current.received.items())
            return
        for dealer in current.sharers:
            if dealer in current.dealt:
                yield f"shares of {self._name(dealer)}", current.dealt[dealer].bundle_digest, None

    def _check_shares(self, current: Round, subject: str, digest: Digest, receiver: Address | None) -> bool:
        """Check a file of shares of the set-up: one dealer's, or with clusters those for one `receiver`."""
        if not self._vault.has(digest) and current.phase == Phase.ABORTED:
            self._report.notes.append(f"Round {current.number}: the {subject} are not in the vault; it was aborted.")
            return True
        with self._finding(current.number, subject, AuditStep.SETUP) as outcome:
            if receiver is None:
                read_document(self._vault, digest, BUNDLE_CAP)
            else:
                received_by(current, receiver, self._vault)
            self._report.checks["files"] += 1
        return outcome.ok

    def _check_answer(self, current: Round, hospital: Address) -> bool:
        """Check the file of a hospital's unmasking response."""
        subject = f"unmasking response of {self._name(hospital)}"
        if not self._vault.has(current.revealed[hospital].digest):
            self._report.notes.append(f"Round {current.number}: the {subject} is not in the vault.")
            return True
        with self._finding(current.number, subject, AuditStep.ANSWERS) as outcome:
            self.check_one(expected_answer(current, hospital, suite_if_known(current, self._vault)))
        return outcome.ok

    def _name(self, account: Address) -> str:
        return self._federation.book.name_of(account)

    def _finding(self, number: int, subject: str, step: AuditStep) -> FindingCollector:
        return FindingCollector(self._report, number, subject, step)
