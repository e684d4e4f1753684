"""The ledger for the site's auditors: rounds in words, files by digest, the last audit, a replay.

Invariant: adapters only translate; fl/audit makes every check.

Source: webui/ports/federation.py (the port).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from fl.audit.narrative import Explained, Results, explain
from fl.audit.plain_words import without_names
from fl.audit.reports import REPORT_CAP, alarms_of
from fl.audit.rounds import Bench, audit_round, obstacle
from fl.protocol.audit import Mention, mentions_of
from fl.protocol.codec import Fields, JsonValue, parse_document
from fl.protocol.errors import EncodingError, HemaledgerError
from fl.protocol.federation import Federation
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Digest
from fl.protocol.ports import Ledger, Vault
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.task import MAX_NAME, Origin, Task
from fl.replay.round_documents import read_config
from fl.replay.vault_files import read_document
from webui.federation.chronicle import Chronicle
from webui.federation.saved_report import read_summary
from webui.ports.federation import AuditSummary, DigestPlace, FileFinding, HeldOut, Report, RoundHospital, RoundView
from webui.ports.ledger import History


@dataclass(frozen=True)
class FederationAudits:
    """Implements AuditService."""

    ledger: Ledger
    federation: Callable[[], Federation]
    bench: Bench
    """Has the hospital's own key."""
    report: Path
    """The JSON file that `hemaledger audit` writes."""
    chronicle: Chronicle = field(default_factory=Chronicle)
    known: dict[tuple[object, ...], RoundView] = field(default_factory=dict)
    """Rounds that have ended and whose report was read, so that no page reads a thousand files again."""

    def history(self) -> History:
        federation = self.federation()
        return History(federation, self.chronicle.read(self.ledger, federation.position))

    def rounds(self) -> list[RoundView]:
        federation = self.federation()
        gone = federation.superseded
        views = (self._view(federation.book, current) for current in reversed(federation.rounds))
        return [replace(each, superseded=True) if each.number in gone else each for each in views]

    def _view(self, book: KeyBook, current: Round) -> RoundView:
        key = (current.anchor, current.number, current.phase, tuple(current.attestations.values()))
        if key in self.known:
            return self.known[key]
        view = _view(book, current, self.bench.vault)
        if current.ended and view.task is not None and (view.report.metrics or current.phase == Phase.ABORTED):
            self.known[key] = view
        return view

    def look_up(self, digest: Digest) -> FileFinding:
        book, mentions = self.federation().book, mentions_of(digest, self.chronicle.read(self.ledger))
        return FileFinding(digest, tuple(_place(book, mention) for mention in mentions))

    def findings(self) -> AuditSummary | None:
        return read_summary(self.report)

    def training_of(self, number: int) -> Mapping[str, JsonValue]:
        with suppress(HemaledgerError):
            config = read_config(self.federation().round(number), self.bench.vault)
            bounds = {"clip": config.clip, "l2 bound": config.l2_bound, "largest weight": config.most_weight}
            return _flat({**bounds, "word bits": config.word_bits, **config.training})
        return {}

    def explain(self, number: int, results: Results, when: Callable[[int], str]) -> Explained:
        return explain(self.federation(), number, results, when)

    def obstacle(self, number: int) -> str:
        return obstacle(self.federation(), number, self.bench)

    def replay(self, number: int) -> Results:
        return Results.of(audit_round(self.federation(), number, self.bench), number)


def report_on(current: Round, vault: Vault) -> Report:
    """Return the first readable report of the attesting auditors."""
    if current.phase not in (Phase.PROPOSED, Phase.FINAL):
        return Report()
    for digest in current.attestations.values():
        try:
            document = parse_document(read_document(vault, digest, REPORT_CAP), "auditor's report")
            alarm = "; ".join(alarms_of(current, vault).values())
        except HemaledgerError:
            continue
        return Report(_numbers(document, "metrics"), _numbers(document, "training"), _data(document), alarm)
    return Report()


def _data(document: Mapping[str, JsonValue]) -> HeldOut | None:
    """Return an auditor's description of its images; None if there is none or it cannot be shown."""
    raw = document.get("data")
    fields = Fields(raw if isinstance(raw, dict) else {}, "data")
    try:
        name, origin = fields.text("name"), Origin(fields.text("origin"))
        shown = name if name.isprintable() and len(name) <= MAX_NAME else ""
        return HeldOut(shown, fields.integer("images"), fields.integer("persons"), origin.value)
    except (EncodingError, ValueError):
        return None


def _numbers(document: Mapping[str, JsonValue], part: str) -> Mapping[str, float] | None:
    numbers = document.get(part)
    fields, metrics = Fields(numbers if isinstance(numbers, dict) else {}, part), dict[str, float]()
    for name in fields.value:
        with suppress(EncodingError):
            metrics[name] = fields.number(name)
    return metrics or None


def _view(book: KeyBook, current: Round, vault: Vault) -> RoundView:
    return RoundView(
        number=current.number,
        phase=current.phase.name.lower(),
        protection=current.terms.protection.name.lower(),
        opened_at=current.opened.timestamp,
        ended_at=current.last.timestamp if current.ended and current.last else None,
        hospitals=tuple(
            RoundHospital(book.name_of(account), account in current.commitments) for account in current.roster
        ),
        model_digest=current.proposal.model_digest if current.proposal else None,
        attested_by=tuple(book.name_of(auditor) for auditor in current.attestations),
        reason=without_names(current.reason),
        report=report_on(current, vault),
        task=_task(current, vault),
    )


def _task(current: Round, vault: Vault) -> Task | None:
    with suppress(HemaledgerError):
        return read_config(current, vault).task
    return None


def _place(book: KeyBook, mention: Mention) -> DigestPlace:
    entry = mention.entry
    return DigestPlace(
        what=mention.what,
        sender_name=book.name_of(mention.sender),
        sender=mention.sender,
        round=mention.round,
        recorded_at=entry.timestamp,
        transaction=entry.transaction,
        block=entry.position.block,
    )


def _flat(value: Mapping[str, JsonValue], before: str = "") -> dict[str, JsonValue]:
    """Return the leaves of a document by their path, such as `local, epochs`."""
    leaves = dict[str, JsonValue]()
    for name, each in value.items():
        path = f"{before}{name.replace('_', ' ')}"
        leaves |= _flat(each, f"{path}, ") if isinstance(each, dict) else {path: each}
    return leaves
