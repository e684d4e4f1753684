"""Leaves that the rules of rounds raise, both in Solidity and in Python; some are evidence of tampering."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import RefusedError, TamperedError


@dataclass(eq=False)
class LedgerClosed(RefusedError):
    """A successor has replaced the ledger."""

    successor: bytes
    sentence = "This ledger is closed; its successor is the contract {successor}."


@dataclass(eq=False)
class FederationNotOpened(RefusedError):
    """The ledger has no initial model yet."""

    sentence = "The federation has no initial model yet; the coordinator must open it first."


@dataclass(eq=False)
class FederationAlreadyOpened(RefusedError):
    """The initial model is recorded only once."""

    sentence = "The federation was already opened; its initial model cannot be replaced."


@dataclass(eq=False)
class PredecessorMismatch(RefusedError):
    """A successor ledger must begin with its predecessor's final state."""

    sentence = "The predecessor did not hand over to this ledger, or its final state differs."


@dataclass(eq=False)
class WrongRound(RefusedError):
    """The record names a round that is not the ledger's present one."""

    expected: int
    actual: int
    sentence = "Round {actual} is out of turn; the ledger is at round {expected}."


@dataclass(eq=False)
class CheckpointBackwards(RefusedError):
    """A keeper's checkpoints on a ledger only grow."""

    newest: int
    size: int
    sentence = "A checkpoint of {size} records does not follow one of {newest} records by the same member."


@dataclass(eq=False)
class RoundStillOpen(RefusedError):
    """A round must end before the next one or a hand-over begins."""

    round: int
    sentence = "Round {round} has not ended yet."


@dataclass(eq=False)
class WrongPhase(RefusedError):
    """The phase of a round or of a ceremony does not allow this record (NEXT, CEREMONY_NEXT)."""

    round: int
    """The round's number, or the ceremony's."""
    phase: int
    sentence = "Round or ceremony {round} is in phase {phase}, which does not allow this."


@dataclass(eq=False)
class TermsInvalid(RefusedError):
    """The terms of a round contradict each other."""

    sentence = "The terms of the round contradict each other (roster order, thresholds, deadlines or protection)."


@dataclass(eq=False)
class WordsMismatch(RefusedError):
    """The terms of a round have another number of words than its configuration needs (PROTOCOL.md 5L)."""

    round: int
    expected: int
    actual: int
    sentence = "The terms of round {round} say {actual} words; its configuration needs {expected}. Nothing was sent."


@dataclass(eq=False)
class NotInRoster(RefusedError):
    """The hospital is not in the round's roster, or may not be in it."""

    account: bytes
    sentence = "{account} is not an active hospital with a registered key in the roster of this round."


@dataclass(eq=False)
class DuplicateCommitment(RefusedError):
    """A hospital commits once in a round."""

    account: bytes
    sentence = "{account} already committed an update to this round."


@dataclass(eq=False)
class DuplicateAttestation(RefusedError):
    """A member attests a round once."""

    account: bytes
    sentence = "{account} already attested this round."


@dataclass(eq=False)
class DeadlinePassed(RefusedError):
    """The deadline of the phase has passed (seconds since 1970)."""

    deadline: int
    sentence = "The deadline of this phase ({deadline}, seconds since 1970) has passed."


@dataclass(eq=False)
class DeadlineNotPassed(RefusedError):
    """A hospital has not committed, and its deadline has not passed (seconds since 1970)."""

    deadline: int
    sentence = "The deadline of this phase ({deadline}, seconds since 1970) has not passed yet."


@dataclass(eq=False)
class SetMismatch(RefusedError):
    """A set is not in ascending order, or its members are not those who did the phase's step."""

    account: bytes
    sentence = "The set is wrong at {account}: the order is not ascending, or this account must not be in it, or must."


@dataclass(eq=False)
class BelowThreshold(RefusedError):
    """Fewer members take part than the terms of a round or of a ceremony demand."""

    actual: int
    required: int
    sentence = "{actual} took part; the terms demand {required}."


@dataclass(eq=False)
class TooFewAttestations(RefusedError):
    """The round has fewer attestations than its terms demand."""

    actual: int
    required: int
    sentence = "{actual} attestations were recorded; the terms of the round demand {required}."


@dataclass(eq=False)
class ModelDigestMismatch(TamperedError):
    """Two parties have different models where the protocol demands the same one."""

    expected: bytes
    actual: bytes
    sentence = "The model's digest is {actual}, but {expected} was expected."


@dataclass(eq=False)
class ReportMismatch(TamperedError):
    """An auditor reports numbers that differ from those of the round's sum."""

    what: str
    reported: float
    summed: float
    sentence = "The report says {what} {reported}, but the sum of the round gives {summed}."


@dataclass(eq=False)
class TotalsMismatch(TamperedError):
    """An auditor reports other totals of a lane than those of the round's sum (PROTOCOL.md 5L)."""

    lane: str
    sentence = "The report gives other totals of the lane {lane} than the sum of the round."


@dataclass(eq=False)
class DuplicateStep(RefusedError):
    """A member does each step of a masked round, ceremony or request once."""

    account: bytes
    sentence = "{account} already did this step."


@dataclass(eq=False)
class NotInSet(RefusedError):
    """The hospital dropped out or was rejected earlier in the round."""

    account: bytes
    sentence = "{account} is not among the hospitals that continue in this round."


@dataclass(eq=False)
class LengthInvalid(RefusedError):
    """A field's length does not follow from the terms of the round or ceremony."""

    expected: int
    actual: int
    sentence = "A field has {actual} bytes; the terms demand {expected}."


@dataclass(eq=False)
class EquivocationDetected(TamperedError):
    """A hospital endorses or reveals for a set that is not the frozen set."""

    expected: bytes
    actual: bytes
    sentence = "The set {actual} is not the frozen set {expected}; somebody shows different sets to different members."


@dataclass(eq=False)
class MaskReuse(RefusedError):
    """A second, different vector under the masks of one round would reveal x - x' (PROTOCOL.md 5, phase 3)."""

    account: bytes
    sentence = "{account} already masked another update in this round; masks are used only once."


@dataclass(eq=False)
class RoundKeyReused(RefusedError):
    """A hospital advertises or deals a key of an earlier round (PROTOCOL.md 5, phases 1 and 2)."""

    account: bytes
    round: int
    sentence = "{account} uses a key of round {round} again. Every round needs new keys."


@dataclass(eq=False)
class UpdateSpent(RefusedError):
    """The new weights or lanes equal, bit for bit, some that were unmasked before (PROTOCOL.md 5, Spent updates)."""

    round: int
    sentence = (
        "This update is the same as in round {round}, where this hospital revealed shares. "
        "They are never sent again: anyone could subtract the two sums that contain them."
    )


@dataclass(eq=False)
class FalseComplaint(RefusedError):
    """A complaint about a share is false; the complainant leaves the round (PROTOCOL.md 5, phase 2b)."""

    account: bytes
    sentence = "The complaint of {account} is false: the share is valid, or the complaint's proof is not."


@dataclass(eq=False)
class RevealConflict(RefusedError):
    """A hospital reveals shares only once in a round (PROTOCOL.md 5, phase 6)."""

    account: bytes
    sentence = "{account} already revealed its shares in this round; a second reveal would unmask an update."


@dataclass(eq=False)
class BatchTooLarge(RefusedError):
    """A batch claims more steps than hospitals may take."""

    actual: int
    most: int
    sentence = "The batch claims {actual} steps, but only {most} hospitals may take one. Nothing was recorded."


@dataclass(eq=False)
class SharesMissing(RefusedError):
    """Too few of the hospitals that hold shares of one hospital's secrets are in the set, or answered (5W.1)."""

    account: bytes
    actual: int
    required: int
    sentence = (
        "Too few of the hospitals that hold shares of {account} take part: {actual}, and {required} are needed. "
        "The sum stays masked."
    )


@dataclass(eq=False)
class GraphReplaced(RefusedError):
    """A reorg replaced the block from which the graph of a wide round follows (PROTOCOL.md 5W.1)."""

    round: int
    sentence = (
        "The chain replaced the block that decides who shares secrets with whom in round {round}, after members had "
        "shared them. Nothing more is sent in this round; the coordinator ends it, and the next round begins."
    )


@dataclass(eq=False)
class TooFewReveals(RefusedError):
    """Fewer hospitals revealed their shares than the threshold."""

    actual: int
    required: int
    sentence = "{actual} hospitals revealed their shares; {required} are needed to unmask the sum."


@dataclass(eq=False)
class RevokedMidRound(RefusedError):
    """A hospital was revoked before the round was final, so the round must be aborted."""

    account: bytes
    sentence = "{account} was revoked during the round, which must therefore be aborted."
