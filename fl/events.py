"""The events that agents report while they work; each value is the text that a person reads in a terminal.

Invariant: one value has one meaning. The facts beside an event are public (numbers, names, reasons), never keys or
weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum


class Event(StrEnum):
    """One thing that an agent did, or that happened to it."""

    # Every agent
    READY = "ready"
    CHAIN_READY = "chain ready"
    """The embedded chain answers at the address."""
    WAITING = "waiting"
    """The chain, the vault or a file in it is not available now."""
    HANDED_OVER = "handed over"
    """The ledger is closed, and the agent continues with its successor."""
    REORG_SEEN = "the chain took back records"
    """The agent sends its own again, and waits for those of the others."""
    REORG_FOLLOWED = "all records are back"
    NODE_CHANGED = "asks another node"
    """The node that it asked before failed or fell behind, or works again."""
    SUCCESSOR_UNUSABLE = "cannot follow a hand-over yet"
    RESTORED = "restored from a backup"
    """The folder came back without the journal of its rounds; what follows says which rounds it leaves."""
    ALARM = "alarm"
    """A person must look at a problem."""
    STILL_WAITING = "still waits"
    """Nothing has happened for long; the facts say since when, for whom and until when."""
    WATCHED = "is watched"
    """Its metrics and its health can be read at the address."""
    GOES_ON_WITHOUT = "goes on without"
    """A round left a hospital out; every member says so at once."""
    STOPPING = "stops"
    """Somebody asked the process to end; it finishes its step first."""
    STOPPED = "stopped"
    ENDED = "ended"
    """An error ended the process."""

    MODEL_GRANTED = "granted the model"
    """A member who came later can open the current model now."""

    # Rounds, by the coordinator
    FEDERATION_OPENED = "opened federation"
    ROUND_OPENED = "opened"
    PHASE_CLOSED = "closed"
    HOSPITAL_DECLINED = "declined by a hospital"
    """A hospital stated that it does not take part in the round, and by which rule."""
    HOSPITAL_LEFT_OUT = "left out"
    """A hospital was rejected: its keys or its update cannot be used."""
    SET_FROZEN = "frozen"
    MODEL_PROPOSED = "proposed"
    CALIBRATION_WEAK = "weak calibration"
    """Too few images were held back, so no answer of the proposed model excludes some class."""
    ROUND_FINAL = "final"
    ROUND_ABORTED = "aborted"
    """The coordinator did this, or a hospital when the coordinator was gone."""
    RELEASE_REQUESTED = "asked for release"
    RELEASE_AWAITED = "waits for release"
    MODEL_RELEASED = "released"
    MODEL_REVERTED = "went back to an earlier model"
    """The coordinator: facts are the round whose model is current again, and how many models are superseded."""

    # Rounds, by a hospital
    TRAINING = "training"
    TRAINED = "trained"
    TRAINING_FAILED = "training failed, trying again"
    """The disk or another part of the world failed; the training begins again after a pause while the round is open."""
    KEYS_ADVERTISED = "advertised"
    SHARES_DEALT = "dealt"
    SHARES_CHECKED = "shares checked"
    COMPLAINED = "complained"
    UPDATE_COMMITTED = "committed"
    UPDATE_UPLOADED = "uploaded"
    UPDATE_WITHHELD = "withheld"
    """The training gave the same weights as an earlier unmasked round."""
    UPDATE_SPENT = "spent"
    """The round was aborted after this hospital revealed shares, so its update is never sent again."""
    UPLOAD_TAKEN = "took an upload"
    """This hospital sends uploaded weights instead of a training of its own."""
    UPLOAD_REFUSED = "refused an upload"
    UPLOAD_AWAITED = "waits for an upload"
    KEY_ORDER_REFUSED = "refused an order for a new key"
    WITHDRAWN = "took back"
    """The hospital stated a withdrawal that its site ordered; facts are the rows that are gone, 0 for the hospital."""
    WITHDRAWAL_REFUSED = "refused an order for a withdrawal"
    SET_ENDORSED = "endorsed"
    SHARES_REVEALED = "revealed"
    MASK_OPENED = "opened a mask"
    """The partner of that mask promised another sketch of it, so this hospital shows everybody the true one."""
    MODEL_CHECKED = "checked"
    TOO_LATE = "too late"
    """The round continued or ended without this member's record."""
    MISSING_IN_SET = "was left out"
    """This hospital committed, but the frozen set does not include it."""
    ROUND_REFUSED = "refused"
    """This hospital leaves the round."""
    STATEMENTS_UNKNOWN = "this ledger is of an earlier version and takes no statements; the policy holds without them"
    POLICY_STATED = "stated the site policy"
    """The ledger has the digest of the policy that is in force here."""

    # Rounds, by a member that replays them
    ANSWER_LEFT_OUT = "answer left out"
    """A hospital's unmasking response was rejected."""
    MODEL_ATTESTED = "attested"
    UPDATES_CHECKED = "checked all updates"
    """This auditor found every update of a round in order, under its mask."""
    UPDATES_SUSPECT = "found a suspect update"
    MODEL_NOT_ATTESTED = "did not attest"

    # Trustees
    REQUEST_APPROVED = "approved"
    REQUEST_REFUSED = "refused the request"
    REQUEST_NOT_ANSWERED = "not answered"
    MEMBER_KEY_REPLACED = "replaced the member key"
    MEMBER_KEY_DESTROYED = "destroyed an old member key"

    # The log of the ledger's records
    CHECKPOINT_SIGNED = "signed a checkpoint"
    """The keeper signed the log as it is, and recorded its root on the ledger."""
    CHECKPOINT_COSIGNED = "cosigned a checkpoint"
    CHECKPOINT_PUBLISHED = "published a checkpoint"
    """Enough witnesses cosigned it, so proofs can be made from it."""
    WITNESS_FAILED = "got no cosignature"
    """A witness does not answer, or refused; it is asked again."""

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
"""(event, facts) -> None: for progress bars and logs; never keys or weights."""
