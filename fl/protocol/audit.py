"""How anyone checks: the same fold as the coordinator's, with findings instead of a first error.

Invariant: there is no second rule book; `replay_records` is `federation.step` applied to every entry.

Source: PROTOCOL.md 7 and 8.
Not here: files and arithmetic (fl/audit/consortium.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fl.protocol.codec import JsonValue
from fl.protocol.errors import HemaledgerError
from fl.protocol.federation import Federation, step
from fl.protocol.names import NO_DIGEST, Address, Digest
from fl.protocol.records import (
    CeremonyDealt,
    DecryptionApproved,
    DecryptionRequested,
    Entry,
    FederationOpened,
    ModelAttested,
    ModelProposed,
    Record,
    RoundOpened,
    SharesDealt,
    SharesRevealed,
    UpdateCommitted,
)


class AuditStep(StrEnum):
    """A part of a round that is checked by itself, in the order in which it happens."""

    OPENING = "opening"
    TERMS = "terms"
    SETUP = "setup"
    """Masked rounds: keys, shares, complaints."""
    UPDATES = "updates"
    AGREEMENT = "agreement"
    ANSWERS = "answers"
    SUM = "sum"
    MODEL = "model"
    REPORTS = "reports"


@dataclass(frozen=True)
class Finding:
    """Something an auditor must report."""

    name: str
    """Leaf name of the error, e.g. HashMismatch."""
    round: int | None
    subject: str
    """Which file or record, and whose."""
    sentence: str
    step: AuditStep | None = None
    """Which part of its round, where it is about one."""

    def to_dict(self) -> dict[str, JsonValue]:
        named: dict[str, JsonValue] = {"name": self.name, "round": self.round, "subject": self.subject}
        return {**named, "sentence": self.sentence, "step": self.step}


@dataclass
class Report:
    """What was checked and what was found; an audit fills it in."""

    checks: Counter[str] = field(default_factory=Counter)
    """Kind of check -> how many were made."""
    findings: list[Finding] = field(default_factory=list)
    alarms: list[Finding] = field(default_factory=list)
    """What auditors reported as far worse than chance. All bytes may be right, and the model still turned around."""
    notes: list[str] = field(default_factory=list)
    """What could not be checked and why, in sentences."""
    passed: dict[int, set[AuditStep]] = field(default_factory=dict)
    """Round -> which of its parts were checked to the end; a finding in one of them counts more."""
    tasks: dict[int, dict[str, JsonValue]] = field(default_factory=dict)
    """Round -> the task that its configuration names (Task.to_dict), where that was read."""
    sums: dict[int, dict[str, float]] = field(default_factory=dict)
    """Round -> the metrics that came out of its sum, where it was summed again, and the most that could be claimed."""
    claims: dict[int, dict[str, Mapping[str, float]]] = field(default_factory=dict)
    """Sealed round -> hospital's name -> what it claimed of its training."""

    @property
    def clean(self) -> bool:
        """Return whether nothing was found, and no alarm given."""
        return not self.findings and not self.alarms

    def found(self, error: HemaledgerError, number: int | None, subject: str, step: AuditStep | None = None) -> None:
        self.findings.append(Finding(error.name, number, subject, str(error), step))

    def alarmed(self, error: HemaledgerError, number: int, subject: str) -> None:
        self.alarms.append(Finding(error.name, number, subject, str(error), AuditStep.REPORTS))

    def right(self, number: int, *steps: AuditStep) -> None:
        """Note that parts of a round were checked to the end."""
        self.passed.setdefault(number, set()).update(steps)

    def to_dict(self) -> dict[str, JsonValue]:
        return {
            "alarms": [alarm.to_dict() for alarm in self.alarms],
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


def mentions_of(digest: Digest, entries: Iterable[Entry]) -> list[Mention]:
    """Return every place where the ledger names a digest, in ledger order; none: it does not know it."""
    return [mention for mention in mentions(entries) if mention.digest == digest]


_DIGESTS: dict[type[Record], tuple[tuple[str, Callable[..., Digest]], ...]] = {
    FederationOpened: (
        ("initial model (sealed)", lambda opened: opened.envelope_digest),
        ("initial model (weights)", lambda opened: opened.model_digest),
        ("model manifest", lambda opened: opened.manifest_digest),
    ),
    RoundOpened: (("round configuration", lambda opened: opened.terms.config_digest),),
    SharesDealt: (("file of shares", lambda dealt: dealt.bundle_digest),),
    UpdateCommitted: (("{protection} update", lambda committed: committed.digest),),
    SharesRevealed: (("unmasking answer", lambda revealed: revealed.digest),),
    ModelProposed: (
        ("global model (sealed)", lambda proposed: proposed.envelope_digest),
        ("global model (weights)", lambda proposed: proposed.model_digest),
    ),
    CeremonyDealt: (("shares of a key, sealed to trustees", lambda dealt: dealt.bundle_digest),),
    DecryptionRequested: (("capsule of a request", lambda requested: requested.capsule_digest),),
    DecryptionApproved: (("sealed answer of a trustee", lambda approved: approved.digest),),
    ModelAttested: (("auditor's report", lambda attested: attested.report_digest),),
}
"""What each record names, in words, and where the digest stands."""


def _digests(entry: Entry) -> list[tuple[str, Digest, int]]:
    record = entry.record
    number = record.last_round if isinstance(record, FederationOpened) else getattr(record, "round", 0)
    return [(what, digest_of(record), number) for what, digest_of in _DIGESTS.get(type(record), ())]
