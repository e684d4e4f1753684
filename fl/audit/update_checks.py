"""The audit of checked rounds: were enough verdicts there before the end, and does each follow from the files?

Invariant: an auditor's key judges again with the openings and absences that a verdict had; without such a key, the
verdicts are only read.

Source: PROTOCOL.md 5C and 7.
"""

from __future__ import annotations

from fl.audit.findings import FindingCollector
from fl.protocol.audit import AuditStep, Report
from fl.protocol.errors import CheckMissing, HemaledgerError, SketchMissing, SketchVerdictWrong
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Role
from fl.protocol.ports import Vault
from fl.protocol.records import Position
from fl.protocol.rounds.config import Check
from fl.protocol.rounds.round import Phase, Round
from fl.replay.check_verdicts import blame, checked, cleared, directions_before, judged, statements
from fl.replay.expected_files import sketch_recipients
from fl.replay.file_reader import FileReader
from fl.replay.round_check import Judging, Known, openings_of
from fl.replay.verdict import Verdict, differences

SUBJECT = "check of the updates"


class UpdateCheckAudit:
    """Checks what auditors stated about the updates of checked rounds."""

    def __init__(self, federation: Federation, vault: Vault, account: Address | None, report: Report) -> None:
        """`account`: whose key this audit has, None without a key."""
        self._federation, self._vault, self._report = federation, vault, report
        members = federation.book.members
        self._judges = account is not None and account in members and members[account].role == Role.AUDITOR
        self._account = account

    def round(self, current: Round, reader: FileReader | None) -> None:
        """Check one round; `reader` is None if this key cannot open its files."""
        check = checked(current, self._vault)
        if check is None or not judged(current):
            return
        found = list(statements(self._federation, current, self._vault))
        stated = [(entry.position, verdict) for entry, verdict in found]
        if current.phase == Phase.FINAL:
            self._check_enough(current, check, stated)
        why = blame({verdict.auditor: verdict for _, verdict in stated}, self._federation.book)
        if why:
            self._report.notes.append(f"Round {current.number}: {why}.")
        if reader is None or not self._judges or self._account not in current.keys:
            self._report.notes.append(f"Round {current.number}: only an auditor's key can check the updates again.")
            return
        for position, verdict in stated:
            self._check_again(current, reader, position, verdict)

    def _check_enough(self, current: Round, check: Check, stated: list[tuple[Position, Verdict]]) -> None:
        end = current.last.position if current.last else None
        before = {verdict.auditor: verdict for position, verdict in stated if end is None or position < end}
        if not cleared(check, before):
            clean = sum(each.clean for each in before.values())
            error = CheckMissing(current.number, clean, check.auditors)
            self._report.add_finding(error, current.number, SUBJECT, AuditStep.REPORTS)

    def _check_again(self, current: Round, reader: FileReader, position: Position, stated: Verdict) -> None:
        """Judge a round again as an auditor did, with the same openings and absences."""
        name = self._federation.book.name_of(stated.auditor)
        with FindingCollector(self._report, current.number, f"{SUBJECT} by {name}", AuditStep.REPORTS):
            missing = frozenset(who for who, fault in stated.named.items() if fault == SketchMissing.__name__)
            openings = openings_of(self._federation, current, self._vault, position)
            earlier = directions_before(self._federation, current, stated.auditor, self._vault, position)
            known = Known(openings, stated.absent, missing, earlier)
            keys = sketch_recipients(current, self._federation.book)
            try:
                verdict = Judging(current, reader, keys, known).verdict(stated.auditor)
            except HemaledgerError as error:
                self._report.notes.append(f"Round {current.number}: its updates were not checked again: {error}")
                return
            unseen = {who for who, fault in verdict.named.items() if fault == SketchMissing.__name__} - missing
            if unseen:
                self._report.notes.append(
                    f"Round {current.number}: this key cannot open the sketches of "
                    f"{', '.join(self._federation.book.name_of(each) for each in sorted(unseen))}, which {name} opened."
                )
                return
            why = differences(stated, verdict)
            if why:
                raise SketchVerdictWrong(current.number, stated.auditor, why)
            self._report.checks["verdicts"] += 1
