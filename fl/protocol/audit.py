"""How anyone checks: the same fold as the coordinator's, with findings instead of a first error.

Invariant: there is no second rule book; `replay_records` is `federation.step` applied to every entry.

Source: PROTOCOL.md 7 and 8.
Not here: files and arithmetic (fl/roles/audit.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from fl.protocol.codec import JsonValue
from fl.protocol.errors import HemaledgerError
from fl.protocol.federation import Federation, step
from fl.protocol.names import NO_DIGEST, Address, Digest
from fl.protocol.records import (
    Entry,
    FederationOpened,
    ModelAttested,
    ModelProposed,
    RoundOpened,
    SharesDealt,
    SharesRevealed,
    UpdateCommitted,
)


@dataclass(frozen=True)
class Finding:
    """Something an auditor must report."""

    name: str
    """Leaf name of the error, e.g. HashMismatch."""
    round: int | None
    subject: str
    """Which file or record, and whose."""
    sentence: str

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the fields for a JSON report."""
        return {"name": self.name, "round": self.round, "subject": self.subject, "sentence": self.sentence}


@dataclass
class Report:
    """What was checked and what was found; an audit fills it in."""

    checks: Counter[str] = field(default_factory=Counter)
    """Kind of check -> how many were made."""
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be checked and why, in sentences."""

    @property
    def clean(self) -> bool:
        """Return whether nothing was found."""
        return not self.findings

    def found(self, error: HemaledgerError, number: int | None, subject: str) -> None:
        """Add a finding for an error."""
        self.findings.append(Finding(error.name, number, subject, str(error)))

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the report for a JSON document."""
        return {
            "clean": self.clean,
            "checks": dict(sorted(self.checks.items())),
            "findings": [finding.to_dict() for finding in self.findings],
            "notes": list(self.notes),
        }


def replay_records(start: Federation, entries: Iterable[Entry], report: Report) -> Federation:
    """Fold every entry; the first that the rules forbid is a finding and ends the replay."""
    federation = start
    for entry in entries:
        try:
            federation = step(federation, entry)
        except HemaledgerError as error:
            number = getattr(entry.record, "round", None)
            where = f"{type(entry.record).__name__} in block {entry.position.block}"
            report.found(error, number, f"{where} by {federation.book.name_of(entry.record.sender)}")
            break
        report.checks["records"] += 1
    return federation


@dataclass(frozen=True)
class Mention:
    """One place where the ledger names a digest."""

    what: str
    digest: Digest
    sender: Address
    round: int
    entry: Entry


def mentions(entries: Iterable[Entry]) -> list[Mention]:
    """Return every digest on the ledger, in ledger order."""
    found, words = [], dict[int, str]()
    for entry in entries:
        if isinstance(entry.record, RoundOpened):
            words[entry.record.round] = entry.record.terms.protection.name.lower()
        for what, digest, number in _digests(entry):
            if digest != NO_DIGEST:
                said = what.format(protection=words.get(number, ""))
                found.append(Mention(said, digest, entry.record.sender, number, entry))
    return found


def _digests(entry: Entry) -> list[tuple[str, Digest, int]]:
    match entry.record:
        case FederationOpened() as opened:
            return [
                ("initial model (sealed)", opened.envelope_digest, opened.last_round),
                ("initial model (weights)", opened.model_digest, opened.last_round),
                ("model manifest", opened.manifest_digest, opened.last_round),
            ]
        case RoundOpened() as opened_round:
            return [("round configuration", opened_round.terms.config_digest, opened_round.round)]
        case UpdateCommitted() as committed:
            return [("{protection} update", committed.digest, committed.round)]
        case SharesDealt() as dealt:
            return [("file of shares", dealt.bundle_digest, dealt.round)]
        case SharesRevealed() as revealed:
            return [("unmasking answer", revealed.digest, revealed.round)]
        case ModelProposed() as proposed:
            return [
                ("global model (sealed)", proposed.envelope_digest, proposed.round),
                ("global model (weights)", proposed.model_digest, proposed.round),
            ]
        case ModelAttested() as attested:
            return [("auditor's report", attested.report_digest, attested.round)]
        case _:
            return []
