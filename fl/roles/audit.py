"""The audit: a consortium replayed from genesis, every record and every file.

Invariant: nothing is taken on trust but the ledger's order; each digest, sender, phase, key epoch, aggregate and model
is computed again, and every difference is a named finding. One bad file does not end the audit.

Source: PROTOCOL.md 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from fl.crypto.envelope import Expected, check_file
from fl.crypto.keys import verify_possession
from fl.protocol.audit import Report, replay_records
from fl.protocol.codec import Fields, parse_document
from fl.protocol.errors import HemaledgerError, ModelDigestMismatch, StaleRound, WrongSender
from fl.protocol.federation import Federation, Opening
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, NO_DIGEST, Address, parse_hex
from fl.protocol.ports import Anchor, Endorser, Vault
from fl.protocol.records import Entry
from fl.protocol.round import Phase, Round
from fl.roles.artefacts import (
    Reader,
    digest_of,
    expected_answer,
    expected_masked,
    expected_model,
    expected_update,
    read_config,
    read_manifest,
)
from fl.roles.authority_audit import AuthorityAudit
from fl.roles.documents import read_document
from fl.roles.participants import BUNDLE_CAP
from fl.roles.replay import Tools, replay_round
from fl.roles.unmask import check_agreement
from fl.roles.view import Keyring, Stopwatch
from fl.training.quantise import Vector
from fl.training.weights import Manifest

REPORT_CAP = 1024 * 1024
_REPORT = "auditor's report"


@dataclass(frozen=True)
class AuditKey:
    """With what an audit opens files: an auditor's account and keys."""

    account: Address
    keyring: Keyring


class Audit:
    """One audit; `run` returns its report and the federation as replayed."""

    def __init__(
        self, anchor: Anchor, vault: Vault, key: AuditKey | None, watch: Stopwatch, endorser: Endorser
    ) -> None:
        self._anchor = anchor
        self._vault, self._watch, self._endorser = vault, watch, endorser
        self._reader = Reader(key.account, self._vault, key.keyring, self._watch) if key else None
        self._account = key.account if key else None
        self._report = Report()
        self._model: tuple[bytes, Vector] | None = None

    def run(self, entries: Sequence[Entry], progress: Callable[[int, int], None]) -> tuple[Report, Federation]:
        """Check everything; `progress(done, of)` is called after each round."""
        with self._watch("records"):
            federation = replay_records(Federation(self._anchor, verify_possession), entries, self._report)
        if self._reader is None:
            self._report.notes.append(
                "No auditor key was given: digests, senders and headers were checked; nothing was opened or summed."
            )
        if not federation.openings:
            self._report.notes.append("The federation was never opened; there is nothing more to check.")
        manifest = None
        parts: list[Opening | Round] = [*federation.openings, *federation.rounds]
        parts.sort(key=lambda part: part.opened.position)
        for done, part in enumerate(parts, start=1):
            if isinstance(part, Opening):
                manifest = self._opening(part)
            else:
                self._round(federation, part, manifest)
            progress(done, len(parts))
        AuthorityAudit(self._vault, self._report, self._finding).run(federation)
        return self._report, federation

    def _opening(self, opening: Opening) -> Manifest | None:
        """Check the manifest and the model that a ledger opened with."""
        manifest = None
        with self._finding(None, "model manifest"):
            manifest = read_manifest(opening, self._vault)
            self._report.checks["documents"] += 1
        if manifest is not None:
            self._note_unless_readable(opening, "The initial model was not opened")
            self._check_model(opening, manifest, "initial model")
        return manifest

    def _round(self, federation: Federation, current: Round, manifest: Manifest | None) -> None:
        number = current.number
        with self._finding(number, "round configuration"):
            read_config(current, self._vault)
            self._report.checks["documents"] += 1
        outcomes = [self._check_update(federation, current, hospital) for hospital in current.commitments]
        outcomes += [self._check_bundle(federation, current, dealer) for dealer in current.sharers if current.dealt]
        outcomes += [self._check_answer(federation, current, hospital) for hospital in current.revealed]
        self._note_spent(current)
        if current.proposal is None or manifest is None:
            return
        if current.masked:
            self._check_agreement(current)
        self._note_unless_readable(current, f"Round {number} was neither summed again nor opened")
        if all(outcomes):
            self._replay(current, manifest)
        else:
            self._report.notes.append(f"Round {number} could not be summed again, because of the findings above.")
        self._check_model(current, manifest, "global model")
        for auditor, digest in current.attestations.items():
            if digest != NO_DIGEST:
                self._check_report(federation, current, auditor)

    def _check_update(self, federation: Federation, current: Round, hospital: Address) -> bool:
        """Check one hospital's file without opening it; a file that was left out of the set may be missing."""
        subject = f"{'masked' if current.masked else 'sealed'} update of {federation.book.name_of(hospital)}"
        expected = expected_masked(current, hospital) if current.masked else expected_update(current, hospital)
        if hospital not in current.hospitals and not self._vault.has(expected.digest):
            when = "aborted before it was needed" if current.phase == Phase.ABORTED else "frozen without it"
            self._report.notes.append(
                f"Round {current.number}: the {subject} is not in the vault; the round was {when}."
            )
            return True
        if current.frozen is not None and not current.masked and hospital not in current.hospitals:
            return self._note_left_out(current, hospital, subject)
        with self._finding(current.number, subject) as outcome:
            self._check_file(expected)
        return outcome.ok

    def _note_left_out(self, current: Round, hospital: Address, subject: str) -> bool:
        """Say what is wrong with a sealed update that the set does not hold, as far as the keys at hand tell."""
        why = "nothing is wrong with it here, so it came late, or the coordinator left it out on purpose"
        try:
            if self._reader is not None and self._can_open(current):
                self._reader.update(current, hospital, read_config(current, self._vault))
            else:
                self._check_file(expected_update(current, hospital))
        except HemaledgerError as error:
            why = f"{error.name}: {error}"
        self._report.notes.append(f"Round {current.number}: the {subject} was left out of the set; {why}")
        return True

    def _check_bundle(self, federation: Federation, current: Round, dealer: Address) -> bool:
        """Check the file of shares of a hospital that went on after the set-up."""
        subject = f"shares of {federation.book.name_of(dealer)}"
        record = current.dealt.get(dealer)
        if record is not None and current.phase == Phase.ABORTED and not self._vault.has(record.bundle_digest):
            self._report.notes.append(f"Round {current.number}: the {subject} are not in the vault; it was aborted.")
            return True
        with self._finding(current.number, subject) as outcome:
            if record is not None:
                read_document(self._vault, record.bundle_digest, BUNDLE_CAP)
                self._report.checks["files"] += 1
        return outcome.ok

    def _check_answer(self, federation: Federation, current: Round, hospital: Address) -> bool:
        """Check the file with which a hospital helped to unmask the sum."""
        subject = f"unmasking answer of {federation.book.name_of(hospital)}"
        if not self._vault.has(current.revealed[hospital].digest):
            self._report.notes.append(f"Round {current.number}: the {subject} is not in the vault.")
            return True
        with self._finding(current.number, subject) as outcome:
            self._check_file(expected_answer(current, hospital))
        return outcome.ok

    def _check_agreement(self, current: Round) -> None:
        """Check who signed which set of survivors; it takes no key."""
        with self._finding(current.number, "agreement on the set"):
            check_agreement(current, self._endorser, self._vault)
            self._report.checks["agreements"] += 1

    def _check_file(self, expected: Expected) -> None:
        check_file(self._vault.get(expected.digest, expected.cap), expected)
        self._report.checks["files"] += 1

    def _replay(self, current: Round, manifest: Manifest) -> None:
        """Sum the round again from the files; keep the model for the next round."""
        if self._reader is None or not self._can_open(current):
            return
        previous = self._model
        if previous is None or previous[0] != current.previous_model:
            self._report.notes.append(f"Round {current.number} was not summed again: its previous model is missing.")
            return
        with self._finding(current.number, "aggregate"):
            replayed = replay_round(
                current, previous[1], manifest, Tools(self._reader, self._vault, self._watch, self._endorser)
            )
            self._report.checks["aggregates"] += 1
            if current.phase == Phase.FINAL:
                self._model = (digest_of(current), replayed.model)

    def _check_model(self, source: Round | Opening, manifest: Manifest, what: str) -> None:
        """Check a model envelope, and open it and compare the digest when a key is there."""
        number = source.number if isinstance(source, Round) else None
        with self._finding(number, what) as outcome:
            self._check_file(expected_model(source, manifest.length))
        if not outcome.ok or self._reader is None or not self._can_open(source):
            return
        with self._finding(number, what):
            vector = self._reader.model(source, manifest)
            self._report.checks["models"] += 1
            if isinstance(source, Opening) or source.phase == Phase.FINAL:
                self._model = (digest_of(source), vector)

    def _check_report(self, federation: Federation, current: Round, auditor: Address) -> None:
        name = federation.book.name_of(auditor)
        with self._finding(current.number, f"report of {name}"):
            data = read_document(self._vault, current.attestations[auditor], REPORT_CAP)
            fields = Fields(parse_document(data, _REPORT), _REPORT)
            author = parse_hex(fields.text("auditor"), ADDRESS_BYTES, _REPORT)
            model = parse_hex(fields.text("model"), DIGEST_BYTES, _REPORT)
            if author != auditor:
                raise WrongSender(auditor, author)
            if fields.integer("round") != current.number:
                raise StaleRound(current.number, fields.integer("round"))
            if model != digest_of(current):
                raise ModelDigestMismatch(digest_of(current), model)
            self._report.checks["documents"] += 1

    def _can_open(self, source: Round | Opening) -> bool:
        return self._account in source.keys

    def _note_spent(self, current: Round) -> None:
        """Say that shares were revealed for a sum that never came."""
        if current.phase == Phase.ABORTED and current.revealed:
            self._report.notes.append(
                f"Round {current.number} was aborted after {len(current.revealed)} hospitals had revealed shares. What "
                "was learned in it is spent; its sum, compared with that of another set, may tell about one of them."
            )

    def _note_unless_readable(self, source: Round | Opening, what: str) -> None:
        """Say what a key that came too late leaves unchecked; without any key `run` said so already."""
        if self._reader is not None and not self._can_open(source):
            self._report.notes.append(f"{what}: the auditor had no key in this federation at that time.")

    def _finding(self, number: int | None, subject: str) -> _Guard:
        return _Guard(self._report, number, subject)


class _Guard:
    """Turns an error inside its block into a finding."""

    def __init__(self, report: Report, number: int | None, subject: str) -> None:
        self._report = report
        self._number = number
        self._subject = subject
        self.ok = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, HemaledgerError):
            return False
        self.ok = False
        self._report.found(error, self._number, self._subject)
        return True
