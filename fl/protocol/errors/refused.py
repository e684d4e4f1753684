"""Leaves of RefusedError that only programs raise and contracts do not."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import RefusedError


@dataclass(eq=False)
class PolicyNotApproved(RefusedError):
    """A trustee's own check of a request failed: role, purpose, consent or revocation."""

    what: str
    sentence = "The request cannot be approved: {what}."


@dataclass(eq=False)
class NotDrawn(RefusedError):
    """A hospital attested a wide round that others were drawn to sum again (PROTOCOL.md 5W.4)."""

    account: bytes
    sentence = (
        "{account} was not drawn to sum this round again, so its attestation does not count. "
        "The hospitals that were drawn attest."
    )


@dataclass(eq=False)
class RosterUntrusted(RefusedError):
    """The round has too few of the hospitals that this hospital trusts (PROTOCOL.md 5, phase 0)."""

    actual: int
    required: int
    sentence = "The round has {actual} of the hospitals that this one trusts; this hospital demands {required}."


@dataclass(eq=False)
class GraphTooThin(RefusedError):
    """The graph of a wide round does not bear as many colluders as this hospital expects (PROTOCOL.md 5W.1)."""

    smallest: int
    """How many honest hospitals are in the smallest sum that may be seen; 0: one update may be."""
    required: int
    colluders: int
    sentence = (
        "If {colluders} hospitals collude with the coordinator, a sum of {smallest} honest hospitals may be seen; this "
        "hospital needs {required}. Nothing was sent. Ask the coordinator for more neighbours, or lower --collusion."
    )


@dataclass(eq=False)
class TaskMismatch(RefusedError):
    """A member's images are labelled for another task than the round's."""

    round: int
    theirs: str
    ours: str
    sentence = (
        "Round {round} trains one task ({theirs}), but the images here are labelled for another ({ours}). "
        "Nothing was trained."
    )


@dataclass(eq=False)
class AggregationUnusable(RefusedError):
    """A round's rule of aggregation cannot work with its terms, its model or its hospitals (PROTOCOL.md 5)."""

    rule: str
    why: str
    sentence = "The aggregation {rule} cannot be used: {why}."


@dataclass(eq=False)
class BranchWrong(RefusedError):
    """A round does not go on from the model to which the coordinator returned, as its branch (PROTOCOL.md 5X)."""

    round: int
    why: str
    sentence = "Round {round} cannot go on from the model of this branch: {why}."


@dataclass(eq=False)
class ControlLost(RefusedError):
    """The hospital's control variate of an earlier round is not on its disk, or is damaged (PROTOCOL.md 5)."""

    path: str
    sentence = (
        "This hospital's control variate {path} is missing or damaged: put it back from a backup, or run the hospital "
        "with --control-from-zero."
    )


@dataclass(eq=False)
class PolicyRefused(RefusedError):
    """A round breaks a rule of a hospital's own site policy."""

    round: int
    rule: str
    why: str
    sentence = (
        "Round {round} breaks the rule {rule} of this hospital's policy: {why}. Nothing was trained or sent. "
        "Only the hospital can change its policy (hemaledger hospital policy show)."
    )


@dataclass(eq=False)
class RetentionRefused(RefusedError):
    """A record of files that may be deleted breaks a rule of retention (fl/replay/retention.py)."""

    record: bytes
    why: str
    sentence = "The retention record {record} does not count: {why}. Its files must stay; put back those that are gone."


@dataclass(eq=False)
class FileNotRecorded(RefusedError):
    """The ledger does not name the file that should go into the vault."""

    file: str
    digest: bytes
    sentence = (
        "{file} was not put into the vault: the ledger names no model, manifest or configuration with the digest "
        "{digest}. It was changed, or it belongs to another consortium."
    )


@dataclass(eq=False)
class SnapshotRefused(RefusedError):
    """An audit cannot start from a snapshot: it is forged, old, or of another ledger."""

    why: str
    sentence = "The audit cannot start from this snapshot: {why}. Run the audit without --from-snapshot."


@dataclass(eq=False)
class EpsilonExceeded(RefusedError):
    """A round of private training would cost more than this hospital allows for all rounds together."""

    round: int
    epsilon: float
    delta: float
    limit: float
    sentence = (
        "With round {round} this hospital's pictures would be at epsilon {epsilon} (delta {delta}), and it allows "
        "{limit} at most. Nothing was trained. Only the hospital can raise its limit (--epsilon-limit)."
    )


@dataclass(eq=False)
class NoiseMissing(RefusedError):
    """A hospital allows a limited epsilon, and a round asks for weights or numbers without noise."""

    round: int
    limit: float
    sentence = (
        "Round {round} asks for weights or numbers without noise, and this hospital allows epsilon {limit} at most "
        "(--epsilon-limit). Nothing was trained."
    )


@dataclass(eq=False)
class TaskChanged(RefusedError):
    """A round starts from a model of another task, so the model's outputs would change their meaning."""

    round: int
    before: str
    now: str
    sentence = (
        "Round {round} trains one task ({now}), but it starts from a model of another ({before}). "
        "One consortium trains one task."
    )


@dataclass(eq=False)
class LongKeyMissing(RefusedError):
    """A file of suite 2 has a reader without a long key (PROTOCOL.md 3)."""

    names: str
    sentence = (
        "These members have no long key: {names}. Files that must stay closed for decades are sealed to long keys "
        "only. Each of them makes one with the command long-key, and again after each new key."
    )


@dataclass(eq=False)
class SuiteLowered(RefusedError):
    """A round is sealed by an older suite than the round before it (PROTOCOL.md 4)."""

    round: int
    sentence = (
        "Round {round} is not sealed for decades, but the model from which it starts is. A federation does not go back "
        "to the classical suite."
    )


@dataclass(eq=False)
class DesignMismatch(RefusedError):
    """A round of a table names means or spreads that are not those of the statistics on the ledger."""

    round: int
    why: str
    sentence = (
        "The design of round {round} does not follow from the ledger: {why}. "
        "Nobody takes part in this round; ask the coordinator to open another one."
    )


@dataclass(eq=False)
class AccuracyAlarm(RefusedError):
    """A model is far worse than chance on held-out images: somebody's classes may be swapped."""

    round: int
    reason: str
    sentence = (
        "ALARM in round {round}: {reason}. A model so far below chance has usually learned from swapped classes. "
        "Compare the hospitals' labels.json with their folders. To continue anyway, give --despite-alarm."
    )


@dataclass(eq=False)
class SenderMismatch(RefusedError):
    """The account that signs a record is not the sender that the record names."""

    expected: bytes
    actual: bytes
    sentence = "{expected} cannot sign a record of {actual}."


@dataclass(eq=False)
class TransactionRefused(RefusedError):
    """The node does not take transactions from this account, or not this one."""

    why: str
    sentence = "The chain did not take the transaction: {why}. Ask the operator to register the account."


@dataclass(eq=False)
class RoleRunning(RefusedError):
    """Another process already runs this role from the same state folder."""

    folder: str
    sentence = "Another process already runs this role from {folder}. Stop it first."


@dataclass(eq=False)
class ContractRefused(RefusedError):
    """A contract reverted without naming a rule of the protocol."""

    reason: str
    sentence = "The contract refused the transaction ({reason})."


@dataclass(eq=False)
class LedgerOutdated(RefusedError):
    """The ledger's contract is older than the record that it was sent."""

    actual: str
    needed: str
    sentence = (
        "The ledger has version {actual}, and this needs version {needed}. The operator replaces the ledger with "
        "`hemaledger consortium hand-over`."
    )


@dataclass(eq=False)
class AnswerOutdated(RefusedError):
    """A trustee's account or key changed after the trustee began to answer."""

    what: str
    http_status = 409
    sentence = "{what} since this page was opened, so nothing was recorded. Reload the page and answer again."


@dataclass(eq=False)
class ChainRunning(RefusedError):
    """Another process already serves the embedded chain of this folder."""

    folder: str
    sentence = "Another process already runs the chain in {folder}. Stop it first."


@dataclass(eq=False)
class SlotTaken(RefusedError):
    """Somebody else booked this slot of this doctor first (starts_at: seconds since 1970, UTC)."""

    starts_at: int
    http_status = 409
    sentence = "This appointment was just taken. Please choose another free slot."


@dataclass(eq=False)
class OrderOutdated(RefusedError):
    """An order of the site is too old, or the clocks differ."""

    days: int
    sentence = "This order was not made within the last {days} days. Prepare it again on the site."


@dataclass(eq=False)
class OrderUsed(RefusedError):
    """An order of the site was carried out before."""

    sentence = "This order was carried out before. Nothing was done. Prepare a new one on the site."


@dataclass(eq=False)
class WrongConsortium(RefusedError):
    """An order of the site is for another consortium."""

    sentence = "This order is for another consortium. Nothing was done."


@dataclass(eq=False)
class NothingToCount(RefusedError):
    """A round counts hospitals' own images, and this hospital's agent has none: it only sends uploaded weights."""

    round: int
    sentence = (
        "Round {round} counts the hospitals' own images. This agent only sends uploaded weights and has no images, so "
        "it does not take part in this round."
    )


@dataclass(eq=False)
class InvitationRefused(RefusedError):
    """An invitation is too old, was used or withdrawn, or is not the operator's."""

    why: str
    sentence = "This invitation cannot be used: {why}. A new one comes from the operator."


@dataclass(eq=False)
class RestoreRefused(RefusedError):
    """A backup would replace something that is newer, or that belongs to another consortium."""

    path: str
    why: str
    sentence = "{path} was not restored: {why}. Nothing was changed."
