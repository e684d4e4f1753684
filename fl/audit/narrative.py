"""One round in plain words: what happened, what was checked of it and with which result, who could see what.

Invariant: a step is told as right only when an audit noted it so and found nothing in it; the words are the same on the
terminal and on the site.

Source: PROTOCOL.md 5, 5S and 7.
Not here: the checks themselves (rounds.py); how it looks (scripts/output/explain.py, webui/templates/auditor).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from fl.protocol.audit import AuditStep, Finding, Report
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Digest, show
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.steps import complaints_of

SEEN = {
    True: "Nobody, the coordinator included, could see one hospital's update: only the sum of the survivors.",
    False: "The coordinator and the auditors could read each hospital's update; other hospitals could not.",
}
_WITHOUT_KEY = "No auditor key"


class CheckOutcome(StrEnum):
    """What became of the check of one step."""

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
    """Metrics that came out of the round's sum; empty when it was not summed again."""
    claims: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What each hospital claimed of its training, by name; empty where only the sum can be seen."""

    @classmethod
    def of(cls, report: Report, number: int) -> Self:
        """Return what a report says about one round."""
        return cls(
            frozenset(report.passed.get(number, ())),
            tuple(finding for finding in report.findings if finding.round == number),
            tuple(note for note in report.notes if concerns(note, number)),
            report.sums.get(number, {}),
            report.claims.get(number, {}),
        )

    def outcome(self, step: AuditStep) -> CheckOutcome:
        """Return what became of one step."""
        if any(finding.step == step for finding in self.findings):
            return CheckOutcome.WRONG
        return CheckOutcome.RIGHT if step in self.passed else CheckOutcome.OPEN


@dataclass(frozen=True)
class Passage:
    """One step of a round in words."""

    step: AuditStep
    title: str
    happened: str
    checked: str
    """What an audit checks of it."""
    outcome: CheckOutcome
    findings: tuple[Finding, ...]
    digests: Mapping[str, Digest]
    """What -> digest of a file or model that this step put on the ledger."""


@dataclass(frozen=True)
class Explained:
    """One round in words."""

    number: int
    passages: tuple[Passage, ...]
    ending: str
    """How it ended, or that it has not."""
    seen: str
    """Who could see what of the hospitals' updates."""
    results: Results

    @property
    def open_steps(self) -> int:
        """Return how many steps were not checked."""
        return sum(passage.outcome == CheckOutcome.OPEN for passage in self.passages)

    @property
    def verdict(self) -> str:
        """Return the result in one sentence."""
        if self.results.findings:
            return "Something is wrong in this round: do not trust its model."
        if self.open_steps:
            return "Nothing was found in what was checked of this round; not everything was."
        return "Nothing was found in this round: every step was checked."


def concerns(note: str, number: int) -> bool:
    """Return whether a note of an audit is about this round or about the whole audit."""
    return note.startswith((f"Round {number}:", f"Round {number} ", _WITHOUT_KEY))


def explain(federation: Federation, number: int, results: Results) -> Explained:
    """Return one round in words.

    Raises:
        WrongRound: there is no such round.
    """
    return _Teller(federation, federation.round(number), results).tell()


@dataclass(frozen=True)
class _Teller:
    """Tells of one round; each method is one step, None when the round did not get there."""

    federation: Federation
    round: Round
    results: Results

    def tell(self) -> Explained:
        hiding = (self._setup(), self._updates(), self._agreement(), self._answers())
        steps = (self._opening(), self._terms(), *hiding, self._sum(), self._model(), self._reports())
        passages = tuple(step for step in steps if step is not None)
        return Explained(self.round.number, passages, self._end(), SEEN[self.round.masked], self.results)

    def _opening(self) -> Passage:
        current = self.round
        happened = (
            f"On {_when(current.opened.timestamp)} {self._name(current.opener)} opened the round, which starts from the"
            f" model {_short(current.previous_model)}, for {self._names(current.roster)}."
        )
        checked = (
            "the sender's role, that this was the model in force, and that every hospital was a member with a key;"
            " and of every later record its sender, its turn and its time."
        )
        return self._passage(
            (AuditStep.OPENING, "Opening"), happened, checked, {"model it starts from": current.previous_model}
        )

    def _terms(self) -> Passage:
        terms = self.round.terms
        quorum = f", and {terms.threshold} hospitals to unmask the sum" if self.round.masked else ""
        attestations = f"{terms.attestations} attestation{'s' if terms.attestations > 1 else ''}"
        happened = f"The terms demanded {terms.min_commitments} hospitals and {attestations}{quorum}."
        checked = "that the configuration in the vault has the digest in the terms."
        return self._passage((AuditStep.TERMS, "Terms"), happened, checked, {"configuration": terms.config_digest})

    def _setup(self) -> Passage | None:
        current = self.round
        if not current.advertised:
            return None
        complaints = sum(len(complaints_of(record.complaints)) for record in current.checked.values())
        happened = (
            f"{self._names(current.advertised)} advertised fresh keys and {self._names(current.dealt)} dealt shares of"
            f" their secrets. {self._names(current.checked)} checked the shares; {complaints} complaints were made."
            f" {self._names(current.sharers)} went on."
        )
        checked = (
            "that all keys are valid and different, the commitments are to them, each file of shares is the"
            " recorded one, and that who went on lost no complaint."
        )
        digests = {f"shares of {self._name(who)}": record.bundle_digest for who, record in current.dealt.items()}
        return self._passage((AuditStep.SETUP, "Keys and shares"), happened, checked, digests)

    def _updates(self) -> Passage | None:
        current = self.round
        if not current.commitments:
            return None
        how = "masked by the others' keys" if current.masked else "sealed to the coordinator and the auditors"
        happened = f"{self._names(current.commitments)} committed an update, {how}."
        checked = "that each file has the recorded digest, size and sender, and belongs to this round."
        digests = {f"update of {self._name(who)}": digest for who, digest in current.commitments.items()}
        return self._passage((AuditStep.UPDATES, "Updates"), happened, checked, digests)

    def _agreement(self) -> Passage | None:
        current = self.round
        if not current.masked or current.frozen is None:
            return None
        happened = (
            f"The coordinator named {self._names(current.hospitals)} as those whose updates count, and"
            f" {self._names(current.endorsed)} signed this set."
        )
        checked = (
            f"that the set lies within those who went on, and that at least {current.terms.threshold} signatures of its"
            " members verify, independently of any node."
        )
        return self._passage((AuditStep.AGREEMENT, "Agreement on the set"), happened, checked)

    def _answers(self) -> Passage | None:
        current = self.round
        if not current.revealed:
            return None
        happened = f"{self._names(current.revealed)} revealed shares, one secret per hospital."
        checked = (
            f"that at least {current.terms.threshold} answers hold shares that fit their dealers' Feldman commitments,"
            " and that the secrets rebuilt from them fit the advertised keys. Other answers are left out."
        )
        digests = {f"answer of {self._name(who)}": record.digest for who, record in current.revealed.items()}
        return self._passage((AuditStep.ANSWERS, "Revealed shares"), happened, checked, digests)

    def _sum(self) -> Passage | None:
        current = self.round
        if current.proposal is None:
            return None
        happened = (
            f"The coordinator proposed the model {_short(current.proposal.model_digest)}, made of the updates of"
            f" {self._names(current.hospitals)}."
        )
        masks = " and freed of the masks" if current.masked else ""
        checked = f"that the updates, summed again{masks}, give this model bit for bit."
        title = "Masks and sum" if current.masked else "Sum"
        digests = {"new model (weights)": current.proposal.model_digest}
        return self._passage((AuditStep.SUM, title), happened, checked, digests)

    def _model(self) -> Passage | None:
        current = self.round
        if current.proposal is None:
            return None
        happened = "The coordinator sealed the new model and put it into the vault."
        checked = "that the file is the recorded one and, opened, holds weights with the digest of the proposed model."
        digests = {"new model (sealed)": current.proposal.envelope_digest}
        return self._passage((AuditStep.MODEL, "New model"), happened, checked, digests)

    def _reports(self) -> Passage | None:
        current = self.round
        if not current.attestations:
            return None
        happened = f"{self._names(current.attestations)} replayed the round and attested the same model."
        checked = (
            "that each report of an auditor is the recorded one and about this round and model, and that its numbers of"
            " training images and right answers are those of the sum. Its figures on images of its own are its word."
        )
        reports = {who: digest for who, digest in current.attestations.items() if any(digest)}
        digests = {f"report of {self._name(who)}": digest for who, digest in reports.items()}
        return self._passage((AuditStep.REPORTS, "Attestations and metrics"), happened, checked, digests)

    def _end(self) -> str:
        current = self.round
        if current.phase == Phase.ABORTED:
            return f"The round was aborted: {current.reason}. The model before it stands."
        if current.phase == Phase.FINAL and current.last is not None:
            return f"The round is final since {_when(current.last.timestamp)}: this is the model in force after it."
        return "The round has not ended yet." if current.proposal else "No model was proposed yet."

    def _passage(
        self, named: tuple[AuditStep, str], happened: str, checked: str, digests: Mapping[str, Digest] | None = None
    ) -> Passage:
        step, title = named
        found = tuple(finding for finding in self.results.findings if finding.step == step)
        return Passage(step, title, happened, checked, self.results.outcome(step), found, digests or {})

    def _name(self, account: Address) -> str:
        return self.federation.book.name_of(account)

    def _names(self, accounts: Iterable[Address]) -> str:
        return ", ".join(sorted(self._name(account) for account in accounts)) or "nobody"


def _when(timestamp: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(timestamp))


def _short(digest: bytes) -> str:
    return show(digest)[:18] + "…"
