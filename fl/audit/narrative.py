"""One round in plain words: what happened, what an audit checked, what the result was, who could see what.

Invariant: a step counts as right only when an audit completed its check without a finding. The terminal and the site
show the same words.

Source: PROTOCOL.md 5, 5S and 7.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from fl.audit.plain_words import without_names
from fl.protocol.audit import AuditStep, Finding, Report
from fl.protocol.codec import JsonValue
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Digest, show
from fl.protocol.rounds.clusters import terms_of
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.steps import complaints_of
from fl.training.aggregation.totals import total_words

SEEN = {
    True: "Nobody, the coordinator included, could see one hospital's update: only the sum was visible.",
    False: "The coordinator and the auditors could read each hospital's update; other hospitals could not.",
}
_WITHOUT_KEY = "No auditor key"


class CheckOutcome(StrEnum):
    """The result of checking one step."""

    RIGHT = "right"
    WRONG = "wrong"
    OPEN = "open"
    """Not checked; a note says why."""


@dataclass(frozen=True)
class Results:
    """What an audit says about one round."""

    passed: frozenset[AuditStep] = frozenset()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    sums: Mapping[str, float] = field(default_factory=dict)
    """Metrics in the round's sum; empty when the audit did not sum the round again."""
    claims: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What each hospital claimed about its training, by name; empty where only the sum is visible."""
    totals: Mapping[str, JsonValue] = field(default_factory=dict)
    """A round of lanes: its purpose, totals and what they reveal; empty when the audit did not sum the round again."""

    @classmethod
    def of(cls, report: Report, number: int) -> Self:
        return cls(
            frozenset(report.passed.get(number, ())),
            tuple(finding for finding in report.findings if finding.round == number),
            tuple(note for note in report.notes if concerns(note, number)),
            report.sums.get(number, {}),
            report.claims.get(number, {}),
            report.totals.get(number, {}),
        )

    def outcome(self, step: AuditStep) -> CheckOutcome:
        if any(finding.step == step for finding in self.findings):
            return CheckOutcome.WRONG
        return CheckOutcome.RIGHT if step in self.passed else CheckOutcome.OPEN


@dataclass(frozen=True)
class Passage:
    """One step of a round, in words."""

    step: AuditStep
    title: str
    happened: str
    checked: str
    """What an audit checks in this step."""
    outcome: CheckOutcome
    findings: tuple[Finding, ...]
    digests: Mapping[str, Digest]
    """Name of a file or model -> its digest, which this step put on the ledger."""


@dataclass(frozen=True)
class Explained:
    """One round, in words."""

    number: int
    passages: tuple[Passage, ...]
    ending: str
    """How the round ended, or that it has not ended."""
    seen: str
    """Who could see which updates."""
    results: Results

    @property
    def open_steps(self) -> int:
        return sum(passage.outcome == CheckOutcome.OPEN for passage in self.passages)

    @property
    def verdict(self) -> str:
        if self.results.findings:
            return "Something is wrong in this round: do not trust its model."
        if self.open_steps:
            return "Nothing wrong was found in the steps that were checked; some steps of this round were not checked."
        return "Nothing wrong was found in this round: every step was checked."


def concerns(note: str, number: int) -> bool:
    """Return whether an audit's note is about this round or about the whole audit."""
    return note.startswith((f"Round {number}:", f"Round {number} ", _WITHOUT_KEY))


def utc(timestamp: int) -> str:
    """Return a moment such as `2026-11-27 20:18:11 UTC`."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(timestamp))


def explain(federation: Federation, number: int, results: Results, when: Callable[[int], str] = utc) -> Explained:
    """Return one round in words.

    Args:
        federation: The ledger.
        number: Of the round.
        results: Of its audit.
        when: Says a moment, given in seconds since 1970, as its reader expects it.

    Raises:
        WrongRound: the ledger has no such round.
    """
    return _Narrator(federation, federation.round(number), results, when).explain()


@dataclass(frozen=True)
class _Narrator:
    """Explains one round; each method explains one step, or returns None when the round did not reach it."""

    federation: Federation
    round: Round
    results: Results
    when: Callable[[int], str]

    def explain(self) -> Explained:
        steps = (
            self._opening(),
            self._terms(),
            self._setup(),
            self._updates(),
            self._agreement(),
            self._answers(),
            self._sum(),
            self._model(),
            self._reports(),
        )
        passages = tuple(step for step in steps if step is not None)
        return Explained(self.round.number, passages, self._end(), SEEN[self.round.masked], self.results)

    def _opening(self) -> Passage:
        current = self.round
        happened = (
            f"On {self.when(current.opened.timestamp)}, {self._name(current.opener)} opened the round for"
            f" {self._names(current.roster)}. It starts from the model {_short(current.previous_model)}."
        )
        checked = (
            "that the sender had the right role, that this was the current model, that every hospital was a member with"
            " a key, and that every later record had the right sender, order and time."
        )
        digests = {"model it starts from": current.previous_model}
        return self._passage(AuditStep.OPENING, "Opening", happened, checked, digests)

    def _terms(self) -> Passage:
        terms = self.round.terms
        quorum = f", and {self._unmasking()} to unmask the sum" if self.round.masked else ""
        attestations = f"{terms.attestations} attestation{'s' if terms.attestations > 1 else ''}"
        happened = f"The terms demanded {terms.min_commitments} hospitals and {attestations}{quorum}."
        checked = (
            "that the configuration in the vault has the digest in the terms, and that the terms have the number of"
            " words that it needs."
        )
        return self._passage(AuditStep.TERMS, "Terms", happened, checked, {"configuration": terms.config_digest})

    def _unmasking(self) -> str:
        """Return how many hospitals must answer."""
        current = self.round
        if current.wide is None:
            return f"{current.terms.threshold} hospitals"
        clusters = current.wide.clusters
        if clusters is not None:
            each = f"of each hospital {current.terms.threshold} of its cluster"
            return f"{each}, and in each of the {clusters.count} clusters {clusters.fewest} that go on and sign the set"
        holders = min(current.wide.degree + 1, len(current.roster))
        return f"of each hospital {current.terms.threshold} of the {holders} that hold its shares"

    def _setup(self) -> Passage | None:
        current = self.round
        if not current.advertised:
            return None
        complaints = sum(len(complaints_of(record.complaints)) for record in current.checked.values())
        happened = (
            f"{self._names(current.advertised)} advertised fresh keys. {self._names(current.dealt)} dealt shares of"
            f" their secrets. {self._names(current.checked)} checked the shares and made {complaints} complaints."
            f" {self._names(current.sharers)} continued."
        )
        checked = (
            "that all keys are valid and different, that the commitments fit the keys, that each file of shares is the"
            " recorded one, and that no hospital continued after losing a complaint."
        )
        if terms_of(current) is not None:
            digests = {f"shares for {self._name(who)}": digest for who, digest in current.received.items()}
        else:
            digests = {f"shares of {self._name(who)}": record.bundle_digest for who, record in current.dealt.items()}
        return self._passage(AuditStep.SETUP, "Keys and shares", happened, checked, digests)

    def _updates(self) -> Passage | None:
        current = self.round
        if not current.commitments:
            return None
        how = "masked with the others' keys" if current.masked else "sealed to the coordinator and the auditors"
        happened = f"{self._names(current.commitments)} committed an update, {how}."
        checked = "that each file has the recorded digest, size and sender, and belongs to this round."
        digests = {f"update of {self._name(who)}": digest for who, digest in current.commitments.items()}
        return self._passage(AuditStep.UPDATES, "Updates", happened, checked, digests)

    def _agreement(self) -> Passage | None:
        current = self.round
        if not current.masked or current.frozen is None:
            return None
        happened = (
            f"The coordinator chose the updates of {self._names(current.hospitals)}."
            f" {self._names(current.endorsed)} signed this set."
        )
        checked = (
            "that every hospital of the set had continued after the set-up, and that at least"
            f" {current.endorsers} signatures of its members verify, without trust in any node."
        )
        return self._passage(AuditStep.AGREEMENT, "Agreement on the set", happened, checked)

    def _answers(self) -> Passage | None:
        current = self.round
        if not current.revealed:
            return None
        happened = f"{self._names(current.revealed)} revealed shares, of one secret of each hospital."
        checked = (
            f"that the responses of {self._unmasking()} have shares that fit their dealers' Feldman commitments, and"
            " that the secrets rebuilt from them fit the advertised keys. The sum needs no other responses."
        )
        digests = {f"response of {self._name(who)}": record.digest for who, record in current.revealed.items()}
        return self._passage(AuditStep.ANSWERS, "Revealed shares", happened, checked, digests)

    def _sum(self) -> Passage | None:
        current = self.round
        if current.proposal is None:
            return None
        happened = (
            f"The coordinator proposed the model {_short(current.proposal.model_digest)}, made from the updates of"
            f" {self._names(current.hospitals)}."
        )
        masks = " and without the masks" if current.masked else ""
        if self.results.totals:
            happened += f" It also gave everybody totals of all hospitals. {total_words(self.results.totals)}"
        checked = f"that the updates, summed again{masks}, give this model bit for bit."
        title = "Masks and sum" if current.masked else "Sum"
        digests = {"new model (weights)": current.proposal.model_digest}
        return self._passage(AuditStep.SUM, title, happened, checked, digests)

    def _model(self) -> Passage | None:
        current = self.round
        if current.proposal is None:
            return None
        happened = "The coordinator sealed the new model and put it into the vault."
        checked = "that the file is the recorded one, and that its weights have the digest of the proposed model."
        digests = {"new model (sealed)": current.proposal.envelope_digest}
        return self._passage(AuditStep.MODEL, "New model", happened, checked, digests)

    def _reports(self) -> Passage | None:
        current = self.round
        if not current.attestations:
            return None
        happened = f"{self._names(current.attestations)} replayed the round and attested the same model."
        checked = (
            "that each auditor's report is the recorded one, that it is about this round and model, and that its counts"
            " of training images and right answers equal those of the sum. No audit can check an auditor's figures on"
            " its own images."
        )
        reports = {who: digest for who, digest in current.attestations.items() if any(digest)}
        digests = {f"report of {self._name(who)}": digest for who, digest in reports.items()}
        return self._passage(AuditStep.REPORTS, "Attestations and metrics", happened, checked, digests)

    def _end(self) -> str:
        current = self.round
        if current.phase == Phase.ABORTED:
            return (
                f"The round was aborted: {without_names(current.reason)}. The model before it stays the current model."
            )
        if current.phase == Phase.FINAL and current.last is not None:
            return f"The round became final on {self.when(current.last.timestamp)}. Its model became the current model."
        return "The round has not ended yet." if current.proposal else "No model was proposed yet."

    def _passage(
        self,
        step: AuditStep,
        title: str,
        happened: str,
        checked: str,
        digests: Mapping[str, Digest] | None = None,
    ) -> Passage:
        findings = tuple(finding for finding in self.results.findings if finding.step == step)
        return Passage(step, title, happened, checked, self.results.outcome(step), findings, digests or {})

    def _name(self, account: Address) -> str:
        return self.federation.book.name_of(account)

    def _names(self, accounts: Iterable[Address]) -> str:
        return ", ".join(sorted(self._name(account) for account in accounts)) or "nobody"


def _short(digest: bytes) -> str:
    return show(digest)[:18] + "…"
