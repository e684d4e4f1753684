"""The audit of rounds: it checks the agreement, sums each round again and opens the new model.

Invariant: a step counts as right only after every check of it succeeded. When this key cannot open something, the
report gets a note with the reason, never a finding.

Source: PROTOCOL.md 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fl.audit.access import AuditKey, why_closed, why_model_closed, why_sealed_away
from fl.audit.files import FileAudit
from fl.audit.findings import FindingCollector
from fl.audit.reports import check_report
from fl.audit.update_checks import UpdateCheckAudit
from fl.failures import reason_of
from fl.protocol.audit import AuditStep, Report
from fl.protocol.errors import AccuracyAlarm
from fl.protocol.federation import Federation, LedgerOpening
from fl.protocol.grants import Grants
from fl.protocol.names import NO_DIGEST, Address, Digest
from fl.protocol.ports import Endorser, Vault
from fl.protocol.rounds.round import Phase, Round
from fl.replay.branches import check_branch
from fl.replay.check_verdicts import check_round
from fl.replay.file_reader import FileReader
from fl.replay.participants import participants, why_not
from fl.replay.retention import retained
from fl.replay.round_documents import digest_of, read_config, read_manifest
from fl.replay.round_groups import check_groups
from fl.replay.round_replay import ReplayedRound, Tools, broken_bound, replay_round
from fl.replay.round_sum import RoundSum
from fl.replay.round_task import check_kept
from fl.replay.round_work import checked_work
from fl.replay.table_design import TableDesigns
from fl.replay.trained_rounds import check_calibration
from fl.replay.unmasking import check_agreement, check_sharers
from fl.training.aggregation.quantise import Vector
from fl.training.model.weights import Manifest


@dataclass(frozen=True)
class Bench:
    """The vault, keys and signature check that an audit uses."""

    vault: Vault
    key: AuditKey | None
    """None: the audit opens nothing."""
    endorser: Endorser


class RoundAudit:
    """Checks the rounds of one federation, in order; it remembers the newest model for the next round."""

    def __init__(self, federation: Federation, bench: Bench, report: Report) -> None:
        self._federation = federation
        self._bench = bench
        self._report = report
        key = bench.key
        grants = partial(_grants_of, federation)
        self._reader = FileReader(key.account, bench.vault, key.keyring, grants=grants) if key else None
        self._designs = TableDesigns(key.account if key else None, self._reader, bench.vault, bench.endorser)
        self._files = FileAudit(federation, bench.vault, report, retained(federation, bench.vault).files)
        self._updates = UpdateCheckAudit(federation, bench.vault, key.account if key else None, report)
        self._model: tuple[Digest, Vector] | None = None
        self.unsummed: set[int] = set()
        """Rounds that were not summed again although this key can open their files and the model before them."""

    def _tools(self, reader: FileReader) -> Tools:
        """Return fresh tools, so that no sum survives its round."""
        return Tools(RoundSum(reader, self._bench.vault), self._bench.vault, self._bench.endorser)

    def opening(self, opening: LedgerOpening) -> Manifest | None:
        """Check the manifest and the model with which a ledger opened."""
        manifest = self.manifest(opening)
        if manifest is not None:
            closed = self._model_closed(opening)
            if closed:
                self._report.notes.append(f"The initial model was not opened: {closed}.")
            self._check_model(opening, manifest, "initial model")
        return manifest

    def manifest(self, opening: LedgerOpening) -> Manifest | None:
        """Return the manifest of a ledger's models, or None after a finding."""
        with self._finding(None, "model manifest"):
            manifest = read_manifest(opening, self._bench.vault)
            self._report.checks["documents"] += 1
            return manifest
        return None

    def manifest_of(self, opening: LedgerOpening) -> Manifest | None:
        """Return the manifest of a ledger's models without counting it as checked; None after a finding."""
        with self._finding(None, "model manifest"):
            return read_manifest(opening, self._bench.vault)
        return None

    def start_from(self, current: Round, manifest: Manifest) -> None:
        """Open the model from which a round starts, if this key can open it."""
        source = self._federation.source_of(current)
        if self._reader is None or self._model_closed(source):
            return
        with self._finding(current.number, "model it starts from", AuditStep.SUM):
            self._model = (digest_of(source), self._reader.model(source, manifest))

    def round(self, current: Round, manifest: Manifest | None) -> None:
        """Check one round of the folded federation."""
        number = current.number
        self._report.add_passed(number, AuditStep.OPENING)
        with self._finding(number, "round configuration", AuditStep.TERMS):
            config = read_config(current, self._bench.vault)
            self._report.tasks[number] = config.task.to_dict()
            check_kept(self._federation, current, self._bench.vault)
            check_round(current, config, self._federation.book)
            self._designs.check(self._federation, current, config)
            check_branch(self._federation, current, config, self._bench.vault)
            check_groups(self._federation, current, config, self._bench.vault)
            check_calibration(self._federation, current, config, self._bench.vault)
            if manifest is not None:
                checked_work(current, config, manifest)
            self._report.checks["documents"] += 1
            self._report.add_passed(number, AuditStep.TERMS)
        for account, error in why_not(current).items():
            self._report.notes.append(f"Round {number}: the keys of {self._name(account)}; {error.name}: {error}")
        closed, sealed_away = self._closed(current), self._sealed_away(current)
        whole = self._files.check(current, None if closed or sealed_away else self._reader)
        self._updates.round(current, None if closed or sealed_away or not whole else self._reader)
        if current.phase == Phase.ABORTED and current.revealed:
            self._report.notes.append(
                f"Round {number} was aborted after {len(current.revealed)} hospitals had revealed shares. These "
                "updates are never sent again: this sum and the sum of another set could together expose one hospital."
            )
        if current.proposal is None or manifest is None:
            self._weigh(current, manifest.fixed if manifest is not None else 0)
            return
        if current.masked:
            self._check_agreement(current)
        if closed:
            self._report.notes.append(f"Round {number} was neither summed again nor opened: {closed}.")
        elif sealed_away:
            self._report.notes.append(f"Round {number} was not summed again: {sealed_away}.")
        readable = self._reader is not None and not closed and not sealed_away
        replayed = self._replay(current, manifest) if self._is_whole(current, whole=whole) and readable else None
        self._check_model(current, manifest, "global model")
        self._check_reports(current, replayed)

    def _is_whole(self, current: Round, *, whole: bool) -> bool:
        """Return whether a round has all its files; note it if not."""
        if self._files.deleted(current):
            self._report.notes.append(f"Round {current.number} was not summed again: its updates are deleted.")
            return False
        if not whole:
            self._report.notes.append(f"Round {current.number} could not be summed again because of its findings.")
        return whole

    def _weigh(self, current: Round, fixed: int) -> None:
        """Note which bound the sum of a round without a model breaks, if this key can compute that sum."""
        if self._reader is None or self._closed(current) or self._sealed_away(current) or self._files.deleted(current):
            return
        error = broken_bound(current, self._tools(self._reader), fixed)
        if error is not None:
            reason = reason_of(error, current, self._federation.book)
            self._report.notes.append(f"Round {current.number} made no model. {reason}")

    def _check_agreement(self, current: Round) -> None:
        """Check who continued after the set-up, and who signed which set of survivors; this needs no key."""
        with self._finding(current.number, "keys and shares", AuditStep.SETUP) as outcome:
            wrong = why_not(current)
            for part in participants(current, current.sharers):
                if part.account in wrong:
                    raise wrong[part.account]
            check_sharers(current, self._bench.vault)
            self._report.add_passed(current.number, AuditStep.SETUP)
        if not outcome.ok:
            return
        with self._finding(current.number, "agreement on the set", AuditStep.AGREEMENT):
            check_agreement(current, self._bench.endorser, self._bench.vault)
            self._report.checks["agreements"] += 1
            self._report.add_passed(current.number, AuditStep.AGREEMENT)

    def _replay(self, current: Round, manifest: Manifest) -> ReplayedRound | None:
        """Sum the round again from the files, and remember the model for the next round."""
        if self._reader is None:
            return None
        if self._federation.reverted and (self._model is None or self._model[0] != current.previous_model):
            self.start_from(current, manifest)
        previous, number = self._model, current.number
        if previous is None or previous[0] != current.previous_model:
            self._report.notes.append(f"Round {number} was not summed again: its previous model is missing.")
            if not self._model_closed(self._federation.source_of(current)):
                self.unsummed.add(number)
            return None
        with self._finding(number, "aggregate", AuditStep.SUM):
            replayed = replay_round(current, previous[1], manifest, self._tools(self._reader))
            self._report.checks["aggregates"] += 1
            self._report.add_passed(number, AuditStep.SUM, *([AuditStep.ANSWERS] if current.masked else []))
            self._report.sums[number] = {**replayed.training, **replayed.claims.to_dict(replayed.config)}
            if replayed.document is not None:
                self._report.totals[number] = replayed.document
            self._report.claims[number] = {self._name(who): each for who, each in replayed.each.items()}
            if current.phase == Phase.FINAL:
                self._model = (digest_of(current), replayed.model)
            return replayed
        return None

    def _check_model(self, source: Round | LedgerOpening, manifest: Manifest, what: str) -> None:
        """Check a model envelope; with a key, open it and compare the digest."""
        number = source.number if isinstance(source, Round) else None
        with self._finding(number, what, AuditStep.MODEL) as outcome:
            self._files.check_model(source, manifest.length)
        if not outcome.ok or self._reader is None or self._model_closed(source):
            return
        with self._finding(number, what, AuditStep.MODEL):
            vector = self._reader.model(source, manifest)
            self._report.checks["models"] += 1
            if isinstance(source, Round):
                self._report.add_passed(source.number, AuditStep.MODEL)
            if isinstance(source, LedgerOpening) or source.phase == Phase.FINAL:
                self._model = (digest_of(source), vector)

    def _check_reports(self, current: Round, replayed: ReplayedRound | None) -> None:
        """Check the auditors' reports about the round; hospitals attest without a report."""
        reports = [auditor for auditor, digest in current.attestations.items() if digest != NO_DIGEST]
        for auditor in reports:
            with self._finding(current.number, f"report of {self._name(auditor)}", AuditStep.REPORTS):
                alarm = check_report(current, auditor, self._bench.vault, replayed)
                if alarm:
                    name = f"report of {self._name(auditor)}"
                    self._report.add_alarm(AccuracyAlarm(current.number, alarm), current.number, name)
                self._report.checks["documents"] += 1
        if current.attestations and (replayed is not None or not reports):
            self._report.add_passed(current.number, AuditStep.REPORTS)

    def _closed(self, source: Round | LedgerOpening) -> str:
        key = self._bench.key  # without a key, one note for the whole audit says so
        return why_closed(self._federation, key, source, self._bench.vault) if key else ""

    def _model_closed(self, source: Round | LedgerOpening) -> str:
        key = self._bench.key
        return why_model_closed(self._federation, key, source, self._bench.vault) if key else ""

    def _sealed_away(self, current: Round) -> str:
        key = self._bench.key
        return why_sealed_away(self._federation, key, current) if key else ""

    def _name(self, account: Address) -> str:
        return self._federation.book.name_of(account)

    def _finding(self, number: int | None, subject: str, step: AuditStep | None = None) -> FindingCollector:
        return FindingCollector(self._report, number, subject, step)


def _grants_of(federation: Federation) -> Grants:
    return federation.grants


def audit_round(federation: Federation, number: int, bench: Bench) -> Report:
    """Return the report of an audit of one round of the folded federation.

    Raises:
        WrongRound: the ledger has no such round.
    """
    current, report = federation.round(number), Report()
    work = RoundAudit(federation, bench, report)
    opening = [each for each in federation.openings if each.opened.position < current.opened.position][-1]
    manifest = work.manifest(opening)
    if manifest is not None and current.proposal is not None:
        work.start_from(current, manifest)
    work.round(current, manifest)
    return report


def obstacle(federation: Federation, number: int, bench: Bench) -> str:
    """Return why the member of `bench` cannot sum a round again; empty when it can, or when the round has no proposal.

    Raises:
        WrongRound: the ledger has no such round.
    """
    current, key = federation.round(number), bench.key
    if key is None or current.proposal is None:
        return ""
    source = federation.source_of(current)
    reasons = (
        why_closed(federation, key, current, bench.vault),
        why_sealed_away(federation, key, current),
        why_model_closed(federation, key, source, bench.vault),
    )
    return next(filter(None, reasons), "")
