"""How anyone checks the records: the coordinator's own fold, with findings in place of an error.

Invariant: an audit has no rules of its own; `replay_records` applies `federation.step` to every entry.

Source: PROTOCOL.md 7 and 8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fl.protocol.codec import JsonValue
from fl.protocol.errors import HemaledgerError
from fl.protocol.federation import Federation, step
from fl.protocol.names import NO_DIGEST, Address, Digest, show
from fl.protocol.records import (
    CeremonyDealt,
    ClustersClosed,
    DecryptionApproved,
    DecryptionRequested,
    Entry,
    FederationOpened,
    ModelAttested,
    ModelGranted,
    ModelProposed,
    Record,
    RoundOpened,
    SharesDealt,
    SharesRevealed,
    StatementMade,
    UpdateCommitted,
    WideOpening,
)


class AuditStep(StrEnum):
    """A part of a round that an audit checks separately, in the order of the round."""

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
    """A problem that an auditor must report."""

    name: str
    """Leaf name of the error, e.g. HashMismatch."""
    round: int | None
    subject: str
    """The file or record, and its owner."""
    sentence: str
    step: AuditStep | None = None
    """The part of its round, if it belongs to one."""
    evidence: tuple[tuple[str, str], ...] = ()
    """What was expected and what was found, by the names of the error's fields, and the block and transaction of a
    record; bytes are shown as 0x-hex."""

    def to_dict(self) -> dict[str, JsonValue]:
        named: dict[str, JsonValue] = {"name": self.name, "round": self.round, "subject": self.subject}
        return {**named, "sentence": self.sentence, "step": self.step, "evidence": dict(self.evidence)}


@dataclass
class Report:
    """The results of an audit, which fills it in."""

    checks: Counter[str] = field(default_factory=Counter)
    """Kind of check -> the number of checks."""
    findings: list[Finding] = field(default_factory=list)
    alarms: list[Finding] = field(default_factory=list)
    """Models that auditors reported as far worse than chance. All bytes can be right, and classes still swapped."""
    notes: list[str] = field(default_factory=list)
    """Sentences: what was not checked, and why."""
    successors: list[str] = field(default_factory=list)
    """Sentences: which model followed after a return, without whom, and what that cost."""
    passed: dict[int, set[AuditStep]] = field(default_factory=dict)
    """Round -> the parts whose checks were completed; a finding in a part counts more."""
    tasks: dict[int, dict[str, JsonValue]] = field(default_factory=dict)
    """Round -> the task in its configuration (Task.to_dict), if the audit read it."""
    sums: dict[int, dict[str, float]] = field(default_factory=dict)
    """Round -> the metrics in its sum and their upper bounds, if the audit summed it again."""
    totals: dict[int, dict[str, JsonValue]] = field(default_factory=dict)
    """Round of lanes -> its purpose, and each lane's total and what it reveals, if the audit summed it again."""
    claims: dict[int, dict[str, Mapping[str, float]]] = field(default_factory=dict)
    """Sealed round -> hospital's name -> its claims about its training."""

    @property
    def clean(self) -> bool:
        return not self.findings and not self.alarms

    def add_finding(
        self,
        error: HemaledgerError,
        number: int | None,
        subject: str,
        step: AuditStep | None = None,
        entry: Entry | None = None,
    ) -> None:
        self.findings.append(Finding(error.name, number, subject, str(error), step, evidence_of(error, entry)))

    def add_alarm(self, error: HemaledgerError, number: int, subject: str) -> None:
        finding = Finding(error.name, number, subject, str(error), AuditStep.REPORTS, evidence_of(error))
        self.alarms.append(finding)

    def add_passed(self, number: int, *steps: AuditStep) -> None:
        """Note that the checks of these parts of a round were completed."""
        self.passed.setdefault(number, set()).update(steps)

    def to_dict(self) -> dict[str, JsonValue]:
        return {
            "alarms": [alarm.to_dict() for alarm in self.alarms],
            "clean": self.clean,
            "checks": dict(sorted(self.checks.items())),
            "findings": [finding.to_dict() for finding in self.findings],
            "notes": list(self.notes),
            **({"successors": list(self.successors)} if self.successors else {}),
        }


def evidence_of(error: HemaledgerError, entry: Entry | None = None) -> tuple[tuple[str, str], ...]:
    """Return the facts of an error, and the place of the record that caused it, as text."""
    facts = {name: value for name, value in error.facts().items() if isinstance(value, bytes | int | float | str)}
    if entry is not None:
        facts |= {"block": entry.position.block, "transaction": entry.transaction}
    return tuple((name, show(value) if isinstance(value, bytes) else str(value)) for name, value in facts.items())


def replay_records(start: Federation, entries: Iterable[Entry], report: Report) -> Federation:
    """Fold every entry; an entry that the rules forbid is a finding and ends the replay."""
    federation = start
    for entry in entries:
        try:
            federation = step(federation, entry)
        except HemaledgerError as error:
            number = getattr(entry.record, "round", None)
            where = f"{type(entry.record).__name__} in block {entry.position.block}"
            subject = f"{where} by {federation.book.name_of(entry.record.sender)}"
            report.add_finding(error, number, subject, entry=entry)
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
    places, protections = [], dict[int, str]()
    for entry in entries:
        if isinstance(entry.record, RoundOpened):
            protections[entry.record.round] = entry.record.terms.protection.name.lower()
        for what, digest, number in _digests(entry):
            if digest != NO_DIGEST:
                name = what.format(protection=protections.get(number, ""))
                places.append(Mention(name, digest, entry.record.sender, number, entry))
    return places


def mentions_of(digest: Digest, entries: Iterable[Entry]) -> list[Mention]:
    """Return every place where the ledger names a digest, in ledger order; empty if it names it nowhere."""
    return [mention for mention in mentions(entries) if mention.digest == digest]


_DIGESTS: dict[type[Record], tuple[tuple[str, Callable[..., Digest]], ...]] = {
    FederationOpened: (
        ("initial model (sealed)", lambda opened: opened.envelope_digest),
        ("initial model (weights)", lambda opened: opened.model_digest),
        ("model manifest", lambda opened: opened.manifest_digest),
    ),
    RoundOpened: (("round configuration", lambda opened: opened.terms.config_digest),),
    WideOpening: (("round configuration", lambda opened: opened.terms.config_digest),),
    SharesDealt: (("file of shares", lambda dealt: dealt.bundle_digest),),
    UpdateCommitted: (("{protection} update", lambda committed: committed.digest),),
    SharesRevealed: (("unmasking answer", lambda revealed: revealed.digest),),
    ModelProposed: (
        ("global model (sealed)", lambda proposed: proposed.envelope_digest),
        ("global model (weights)", lambda proposed: proposed.model_digest),
    ),
    ModelGranted: (("grant of a model", lambda granted: granted.digest),),
    CeremonyDealt: (("shares of a key, sealed to trustees", lambda dealt: dealt.bundle_digest),),
    DecryptionRequested: (("capsule of a request", lambda requested: requested.capsule_digest),),
    DecryptionApproved: (("sealed answer of a trustee", lambda approved: approved.digest),),
    StatementMade: (("document of a statement", lambda made: made.digest),),
    ModelAttested: (("auditor's report", lambda attested: attested.report_digest),),
}
"""Each record's files and models: a name for people, and how to get the digest."""


def _digests(entry: Entry) -> list[tuple[str, Digest, int]]:
    record = entry.record
    number = record.last_round if isinstance(record, FederationOpened) else getattr(record, "round", 0)
    received = record.received if isinstance(record, ClustersClosed) else ()
    single = [(what, digest_of(record), number) for what, digest_of in _DIGESTS.get(type(record), ())]
    return [*single, *(("file of shares", digest, number) for digest in received)]
