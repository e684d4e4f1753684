"""What agents report while they work: one name for each thing that can happen, as a person reads it in a terminal.

Invariant: a value says one thing; what looks alike in two places has two names. Facts beside it are public: numbers,
names, reasons; never keys or weights.

Not here: how events are shown (scripts/wiring/agent.py, scripts/output/progress.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum


class Event(StrEnum):
    """What happened to an agent, or by it."""

    # Every agent
    READY = "ready"
    WAITING = "waiting"
    """The chain, the vault or a file in it is not there now."""
    HANDED_OVER = "handed over"
    """The ledger is closed, and the agent goes on with its successor."""
    SUCCESSOR_UNUSABLE = "cannot follow a hand-over yet"
    ALARM = "alarm"
    """Something is wrong that a person must look at."""

    # Rounds, by the coordinator
    FEDERATION_OPENED = "opened federation"
    ROUND_OPENED = "opened"
    PHASE_CLOSED = "closed"
    HOSPITAL_LEFT_OUT = "left out"
    """A hospital does not go on: its keys or its update cannot be used."""
    SET_FROZEN = "frozen"
    MODEL_PROPOSED = "proposed"
    ROUND_FINAL = "final"
    ROUND_ABORTED = "aborted"
    """By the coordinator, or by a hospital when the coordinator is gone."""
    RELEASE_REQUESTED = "asked for release"
    RELEASE_AWAITED = "waits for release"
    MODEL_RELEASED = "released"

    # Rounds, by a hospital
    TRAINING = "training"
    TRAINED = "trained"
    KEYS_ADVERTISED = "advertised"
    SHARES_DEALT = "dealt"
    SHARES_CHECKED = "shares checked"
    COMPLAINED = "complained"
    UPDATE_COMMITTED = "committed"
    UPDATE_UPLOADED = "uploaded"
    UPDATE_WITHHELD = "withheld"
    """The training gave weights that are spent."""
    UPDATE_SPENT = "spent"
    """The round was aborted after this hospital had helped to unmask it."""
    SET_ENDORSED = "endorsed"
    SHARES_REVEALED = "revealed"
    MODEL_CHECKED = "checked"
    TOO_LATE = "too late"
    """The round went on, or ended, without this member's record."""
    MISSING_IN_SET = "was left out"
    """This hospital committed, and the frozen set does not hold it."""
    ROUND_REFUSED = "refused"
    """This hospital takes no further part in the round."""

    # Rounds, by those who replay them
    ANSWER_LEFT_OUT = "answer left out"
    """A hospital's unmasking answer cannot be used."""
    MODEL_ATTESTED = "attested"
    MODEL_NOT_ATTESTED = "did not attest"

    # Trustees
    REQUEST_APPROVED = "approved"
    REQUEST_REFUSED = "refused the request"
    REQUEST_NOT_ANSWERED = "not answered"
    MEMBER_KEY_REPLACED = "replaced the member key"
    MEMBER_KEY_DESTROYED = "destroyed an old member key"

    # Ceremonies
    DEALING_COMMITTED = "committed a dealing"
    DEALING_RECORDED = "dealt shares"
    DEALINGS_CHECKED = "checked shares"
    DEALER_ACCUSED = "complained of a dealer"
    DEALERS_REFUSED = "refused the dealers"
    FILE_AWAITED = "waiting for a file"
    COMMITTEE_CONFIRMED = "confirmed"
    CEREMONY_STUCK = "cannot go on"
    CEREMONY_ABORTED = "aborted the ceremony"
    SHARE_MISSED = "no share"
    SHARE_ERASED = "erased an old share"


Notify = Callable[[Event, Mapping[str, object]], None]
"""(what happened, facts) -> None: for progress bars and logs; never keys or weights."""
