"""Leaves that the rules of rounds raise, in Solidity and in Python alike; two of them are evidence of tampering."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import RefusedError, TamperedError


@dataclass(eq=False)
class LedgerClosed(RefusedError):
    """The ledger handed over to a successor."""

    successor: bytes
    sentence = "This ledger is closed; its successor is the contract {successor}."


@dataclass(eq=False)
class FederationNotOpened(RefusedError):
    """No initial model was recorded yet."""

    sentence = "The federation has no initial model yet; the coordinator must open it first."


@dataclass(eq=False)
class FederationAlreadyOpened(RefusedError):
    """The initial model is recorded once."""

    sentence = "The federation was already opened; its initial model cannot be replaced."


@dataclass(eq=False)
class PredecessorMismatch(RefusedError):
    """A successor ledger must begin with its predecessor's final state."""

    sentence = "The predecessor did not hand over to this ledger, or its final state is another."


@dataclass(eq=False)
class WrongRound(RefusedError):
    """The round is not the one the ledger is at."""

    expected: int
    actual: int
    sentence = "Round {actual} is out of turn; the ledger is at round {expected}."


@dataclass(eq=False)
class RoundStillOpen(RefusedError):
    """A round must end before the next one or a hand-over begins."""

    round: int
    sentence = "Round {round} has not ended yet."


@dataclass(eq=False)
class WrongPhase(RefusedError):
    """The phase of a round or of a ceremony does not allow this record (NEXT, CEREMONY_NEXT)."""

    round: int
    """Or the ceremony."""
    phase: int
    sentence = "Round or ceremony {round} is in phase {phase}, which does not allow this."


@dataclass(eq=False)
class TermsInvalid(RefusedError):
    """The terms of a round contradict each other."""

    sentence = "The terms of the round contradict each other (roster order, thresholds, deadlines or protection)."


@dataclass(eq=False)
class NotInRoster(RefusedError):
    """The hospital is not in the round's roster, or cannot be."""

    account: bytes
    sentence = "{account} is not an active hospital with a registered key in the roster of this round."


@dataclass(eq=False)
class DuplicateCommitment(RefusedError):
    """One commitment per hospital and round."""

    account: bytes
    sentence = "{account} already committed an update to this round."


@dataclass(eq=False)
class DuplicateAttestation(RefusedError):
    """One attestation per auditor and round."""

    account: bytes
    sentence = "{account} already attested this round."


@dataclass(eq=False)
class DeadlinePassed(RefusedError):
    """The deadline of the phase is over (seconds since 1970)."""

    deadline: int
    sentence = "The deadline of this phase ({deadline}, seconds since 1970) has passed."


@dataclass(eq=False)
class DeadlineNotPassed(RefusedError):
    """Not every hospital committed, and the deadline is still ahead (seconds since 1970)."""

    deadline: int
    sentence = "The deadline of this phase ({deadline}, seconds since 1970) has not passed yet."


@dataclass(eq=False)
class SetMismatch(RefusedError):
    """A set is not an ascending subset of those who did what the phase asked, or not all of them."""

    account: bytes
    sentence = "The set is not in ascending order, or {account} is in it and must not be, or is missing."


@dataclass(eq=False)
class BelowThreshold(RefusedError):
    """Fewer take part than the terms of a round or of a ceremony demand."""

    actual: int
    required: int
    sentence = "{actual} took part; the terms demand {required}."


@dataclass(eq=False)
class TooFewAttestations(RefusedError):
    """Fewer attestations than the terms demand."""

    actual: int
    required: int
    sentence = "{actual} attestations were recorded; the terms of the round demand {required}."


@dataclass(eq=False)
class ModelDigestMismatch(TamperedError):
    """Two parties hold different models where the protocol demands one."""

    expected: bytes
    actual: bytes
    sentence = "The model's digest is {actual}, but {expected} was expected."


@dataclass(eq=False)
class ReportMismatch(TamperedError):
    """An auditor reports other numbers than the sum of its round gives."""

    what: str
    reported: float
    summed: float
    sentence = "The report says {what} {reported}, but the sum of the round gives {summed}."


@dataclass(eq=False)
class DuplicateStep(RefusedError):
    """Each step of a masked round, of a ceremony or of a request is done once."""

    account: bytes
    sentence = "{account} already did this step."


@dataclass(eq=False)
class NotInSet(RefusedError):
    """The hospital was left out earlier in the round."""

    account: bytes
    sentence = "{account} is not among the hospitals that go on in this round."


@dataclass(eq=False)
class LengthInvalid(RefusedError):
    """A field has another length than the terms of the round or of the ceremony imply."""

    expected: int
    actual: int
    sentence = "A field has {actual} bytes; the terms imply {expected}."


@dataclass(eq=False)
class EquivocationDetected(TamperedError):
    """Two sets are being endorsed or revealed where the protocol knows one."""

    expected: bytes
    actual: bytes
    sentence = "The set {actual} is not the frozen set {expected}; somebody shows different sets."


@dataclass(eq=False)
class MaskReuse(RefusedError):
    """A second, different vector under the masks of one round would reveal x - x' (PROTOCOL.md 5, phase 3)."""

    account: bytes
    sentence = "{account} already masked another update in this round; its masks are never used twice."


@dataclass(eq=False)
class RoundKeyReused(RefusedError):
    """A key of one round is advertised or dealt once more (PROTOCOL.md 5, phases 1 and 2)."""

    account: bytes
    round: int
    sentence = "{account} uses a key again that was recorded in round {round}. The keys of a round serve once."


@dataclass(eq=False)
class UpdateSpent(RefusedError):
    """What was learned is bit for bit what shares were revealed for before (PROTOCOL.md 5, Spent updates)."""

    round: int
    sentence = (
        "The training gave the very weights whose unmasking was helped in round {round}. They are never offered again: "
        "two sums that hold them could be subtracted."
    )


@dataclass(eq=False)
class FalseComplaint(RefusedError):
    """A complaint about a share does not hold; the complainant leaves the round (PROTOCOL.md 5, phase 2b)."""

    account: bytes
    sentence = "The complaint of {account} does not hold: the share it names is in order, or its proof is not."


@dataclass(eq=False)
class RevealConflict(RefusedError):
    """One reveal per hospital and round, ever (PROTOCOL.md 5, phase 6)."""

    account: bytes
    sentence = "{account} already revealed its shares in this round; a second reveal would unmask an update."


@dataclass(eq=False)
class TooFewReveals(RefusedError):
    """Fewer hospitals revealed their shares than the threshold."""

    actual: int
    required: int
    sentence = "{actual} hospitals revealed their shares; {required} are needed to unmask the sum."


@dataclass(eq=False)
class RevokedMidRound(RefusedError):
    """A hospital of the round was revoked before the round was final; the round must be aborted."""

    account: bytes
    sentence = "{account} was revoked during the round, which must therefore be aborted."
