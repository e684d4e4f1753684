"""Leaves of RefusedError that only programs raise, no contract."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import RefusedError


@dataclass(eq=False)
class PolicyNotApproved(RefusedError):
    """A trustee's own check of a request failed: role, purpose, consent or revocation."""

    what: str
    sentence = "The request cannot be approved: {what}."


@dataclass(eq=False)
class RosterUntrusted(RefusedError):
    """Too few of the hospitals that this one trusts are in the round (PROTOCOL.md 5, phase 0)."""

    actual: int
    required: int
    sentence = "{actual} of the hospitals trusted here are in the round; {required} are demanded."


@dataclass(eq=False)
class TaskMismatch(RefusedError):
    """A round trains another task than the one that a member's images are labelled for."""

    round: int
    theirs: str
    ours: str
    sentence = (
        "Round {round} trains another task ({theirs}) than the one that the images here are labelled for ({ours}). "
        "Nothing was trained."
    )


@dataclass(eq=False)
class TaskChanged(RefusedError):
    """A round starts from a model of another task: its outputs would change their meaning."""

    round: int
    before: str
    now: str
    sentence = (
        "Round {round} trains another task ({now}) than the model from which it starts ({before}). "
        "One consortium trains one task."
    )


@dataclass(eq=False)
class AccuracyAlarm(RefusedError):
    """A model is far worse than chance on held-out images: somebody's classes may be swapped."""

    round: int
    reason: str
    sentence = (
        "ALARM in round {round}: {reason}. A model so far below chance has usually learned from swapped classes. "
        "Compare the hospitals' labels.json with their folders. To go on in spite of it, give --despite-alarm."
    )


@dataclass(eq=False)
class SenderMismatch(RefusedError):
    """A record names another sender than the account that signs it."""

    expected: bytes
    actual: bytes
    sentence = "A record of {actual} cannot be signed by {expected}."


@dataclass(eq=False)
class RoleRunning(RefusedError):
    """Another process already runs this role from the same state folder."""

    folder: str
    sentence = "Another process already runs this role from {folder}; stop it first."


@dataclass(eq=False)
class ContractRefused(RefusedError):
    """A contract reverted without naming a rule of the protocol."""

    reason: str
    sentence = "The contract refused the transaction ({reason})."


@dataclass(eq=False)
class AnswerOutdated(RefusedError):
    """A trustee's answer was begun with a state of its account or key that has passed since."""

    what: str
    http_status = 409
    sentence = "{what} since this page was opened, so nothing was recorded. Reload the page and answer again."


@dataclass(eq=False)
class ChainRunning(RefusedError):
    """Another process already serves the embedded chain of this folder."""

    folder: str
    sentence = "Another process already runs the chain in {folder}; stop it first."


@dataclass(eq=False)
class SlotTaken(RefusedError):
    """Somebody else booked this slot of this doctor first (starts_at: seconds since 1970, UTC)."""

    starts_at: int
    http_status = 409
    sentence = "This appointment was just taken. Please choose another free slot."
