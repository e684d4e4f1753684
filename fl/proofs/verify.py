"""Checks a proof offline: no chain, no vault, no account.

Invariant: everything in what `verify` returns follows from the proof's bytes and the trust file alone. The steps are
numbered; each error names the step that found it.

Source: PROTOCOL.md 8T.6; C2SP tlog-proof, "Verifying a tlog proof" (steps 2, 3 and 5 here).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from fl.crypto import note_keys
from fl.protocol import merkle, strict_json
from fl.protocol.batches import Step, StepRecord, leaf, record_of
from fl.protocol.codec import sha256
from fl.protocol.errors import (
    BindingInvalid,
    CosignatureInvalid,
    EncodingError,
    LogSignatureInvalid,
    ProofChanged,
    ProofInvalid,
    ProofMalformed,
    WitnessesMissing,
)
from fl.protocol.names import DIGEST_BYTES, Digest, parse_hex
from fl.protocol.ports import BoundEvent, ChainFacts
from fl.protocol.records import (
    CheckpointAnchored,
    Record,
    RecordsAnchored,
    StepsAnchored,
    WideFinalised,
)
from fl.protocol.rounds.round import Phase
from fl.protocol.tlog.checkpoint import Checkpoint, parse_checkpoint
from fl.protocol.tlog.entry import LogEntry, leaf_hash, parse_entry
from fl.protocol.tlog.extra import InnerClusterStep, InnerLeaf, InnerLine, InnerStep, Path
from fl.protocol.tlog.notes import Note, VerifierKey, cosigned_at, log_signed
from fl.protocol.tlog.proof_file import ProofFile, parse_proof
from fl.protocol.tlog.tree import root_from
from fl.protocol.tlog.trust import Trust

QBFT = "qbft"
ACCESS_LINE, ACCESS_BATCH = b"hemaledger-access-line-1\n", b"hemaledger-access-batch-1\n"
"""What a line of an access log, and its batch, begin with (webui/store/access_log.py)."""
_BATCH_FIELDS = 5
FEWEST_CLUSTERS = 2
_BATCH_CAP = 4096


@dataclass(frozen=True)
class Proven:
    """What a proof shows to who has this trust."""

    record: Record
    """The record on the ledger; its sender signed it."""
    event: LogEntry
    """Where and when: block, time, transaction."""
    index: int
    """The entry's place in the log, from 0."""
    checkpoint: Checkpoint
    cosigned: Mapping[str, int]
    """By the policy's name of a witness: when it cosigned, in seconds since 1970."""
    bound: BoundEvent | None = None
    """The event that ties the checkpoint to a block of the chain; None without this part."""
    step: StepRecord | None = None
    """What a member signed inside the batch of a wide round, if the proof is about that."""
    leaf: bytes = b""
    """The salted leaf of a patient record (32 bytes), if the proof is about that."""
    line: bytes = b""
    """The line of an access log, if the proof is about that."""


def verify(data: bytes, trust: Trust, facts: ChainFacts) -> Proven:
    """Return what a proof shows.

    Args:
        data: The file `.tlog-proof`.
        trust: Whom the verifier trusts; it must not come from who sent the proof.
        facts: Reads the chain's bytes.

    Raises:
        ProofMalformed: it has another form.
        ProofChanged, LogSignatureInvalid, CosignatureInvalid, BindingInvalid: it does not hold.
        WitnessesMissing: too few witnesses of the trust file cosigned.
    """
    proof = parse_proof(data)  # step 1
    checkpoint, _ = check_log(proof.note, trust)  # step 2
    cosigned = check_witnesses(proof.note, trust)  # step 3
    event, record = _check_entry(proof, trust, facts)  # step 4
    _check_inclusion(proof, checkpoint)  # step 5
    facts.check_author(event, record, proof.extra.transaction)  # step 6
    bound = _check_binding(proof, checkpoint, trust, facts)  # step 7
    proven = Proven(record, event, proof.index, checkpoint, MappingProxyType(cosigned), bound)
    return _with_inner(proof, proven)  # step 8


def cosigners(note: Note, trust: Trust) -> dict[str, int]:
    """Return when each known witness cosigned a checkpoint; steps 2 and 3, and raises as these."""
    check_log(note, trust)
    return check_witnesses(note, trust)


def check_log(note: Note, trust: Trust) -> tuple[Checkpoint, VerifierKey]:
    """Step 2: return the checkpoint of the consortium's log, and the log's key that signed it.

    Raises:
        ProofMalformed: its text is no checkpoint.
        LogSignatureInvalid: it is of another log, or no log of the trust file signed it.
    """
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != trust.origin:
        raise LogSignatureInvalid("the checkpoint is of another log than that of your trust file")
    signed: VerifierKey | None = None
    for line in note.lines:
        for key in trust.policy.logs:
            if key.name == checkpoint.origin and line.is_of(key):
                if not log_signed(line, key, note.text, note_keys.verify):
                    raise LogSignatureInvalid("its signature is not of this checkpoint")
                if signed:
                    raise LogSignatureInvalid("it has two signatures of the log")
                signed = key
    if signed is None:
        raise LogSignatureInvalid("no log of your trust file signed the checkpoint")
    return checkpoint, signed


def check_witnesses(note: Note, trust: Trust) -> dict[str, int]:
    """Step 3: return when each known witness cosigned, by the policy's name of it; the quorum is met.

    Raises:
        CosignatureInvalid: a line of a known witness is not its cosignature, or is there twice.
        WitnessesMissing: too few witnesses cosigned.
    """
    cosigned: dict[str, int] = {}
    for line in note.lines:
        for name, key in trust.policy.witnesses.items():
            if not line.is_of(key):
                continue
            time = cosigned_at(line, key, note.text, note_keys.verify)
            if time is None:
                raise CosignatureInvalid(name, "its signature is not of this checkpoint and time")
            if name in cosigned:
                raise CosignatureInvalid(name, "it is there twice")
            cosigned[name] = time
    if not trust.policy.met_by(cosigned.keys()):
        raise WitnessesMissing(len(cosigned), len(trust.policy.witnesses), trust.policy.quorum)
    return cosigned


def _check_entry(proof: ProofFile, trust: Trust, facts: ChainFacts) -> tuple[LogEntry, Record]:
    """Step 4: the entry is an event of a contract of the trust file."""
    try:
        event = parse_entry(proof.extra.entry, proof.extra.data)
        ours = (event.consortium, event.chain_id) == (trust.consortium, trust.chain_id)
        if not ours or event.contract not in (trust.authority, *trust.ledgers):
            raise ProofChanged(4, "its record is of another consortium, chain or contract than your trust file names")
        return event, facts.record_of(event, of_authority=event.contract == trust.authority)
    except EncodingError as error:
        raise ProofMalformed("proof", error.why) from error


def _check_inclusion(proof: ProofFile, checkpoint: Checkpoint) -> None:
    """Step 5: the path leads from the entry to the checkpoint's root."""
    if root_from(leaf_hash(proof.extra.entry), proof.index, checkpoint.size, proof.path) != checkpoint.root:
        raise ProofChanged(5, "the path from the record does not lead to the root that the log signed")


def _check_binding(proof: ProofFile, checkpoint: Checkpoint, trust: Trust, facts: ChainFacts) -> BoundEvent | None:
    """Step 7: a block holds CheckpointAnchored of this checkpoint, from a known keeper; on QBFT it is sealed."""
    if proof.extra.binding is None:
        return None
    bound = facts.bound(proof.extra.binding, trust.chain_id, trust.consensus)
    record = bound.record
    if bound.contract not in trust.ledgers or not isinstance(record, CheckpointAnchored):
        raise BindingInvalid("the event in it is not a checkpoint on a ledger of your trust file")
    if (record.size, record.root) != (checkpoint.size, checkpoint.root):
        raise BindingInvalid("the ledger holds another checkpoint than this one")
    if record.sender not in trust.keepers:
        raise BindingInvalid("who put the checkpoint on the ledger is not a keeper of your trust file")
    if trust.consensus == QBFT:
        sealed = len(bound.sealers & set(trust.validators))
        if 3 * sealed <= 2 * len(trust.validators):
            raise BindingInvalid(f"only {sealed} of the {len(trust.validators)} validators sealed the block")
    return bound


def _with_inner(proof: ProofFile, proven: Proven) -> Proven:
    """Step 8: what is inside the record: a member's step, a patient record's leaf, a line of an access log."""
    inner, record = proof.extra.inner, proven.record
    if inner is None:
        return proven
    try:
        if isinstance(inner, InnerStep) and isinstance(record, StepsAnchored | WideFinalised):
            return replace(proven, step=_step(inner, record))
        if isinstance(inner, InnerClusterStep) and isinstance(record, StepsAnchored):
            return replace(proven, step=_cluster_step(inner, record))
        if isinstance(inner, InnerLeaf) and isinstance(record, RecordsAnchored):
            _check_path(inner.leaf, inner.path, record.root)
            return replace(proven, leaf=inner.leaf)
        if isinstance(inner, InnerLine) and isinstance(record, RecordsAnchored):
            _check_path(sha256(inner.line), inner.path, _access_root(inner))
            _check_path(sha256(inner.batch), inner.above, record.root)
            return replace(proven, line=inner.line)
    except EncodingError as error:
        raise ProofMalformed("proof", error.why) from error
    raise ProofChanged(8, "what it shows inside the record is not what such a record holds")


def _step(inner: InnerStep, record: StepsAnchored | WideFinalised) -> StepRecord:
    """Return what a member's step in the batch of a record says."""
    step = _parsed_step(inner)
    _check_path(leaf(step, goes_on=bool(inner.goes_on)), inner.path, record.root, record.count)
    return _said(step, record)


def _cluster_step(inner: InnerClusterStep, record: StepsAnchored) -> StepRecord:
    """Return what a member's step in the file of its cluster says."""
    step, paths = _parsed_step(inner), (inner.path, inner.above)
    if inner.above.size < FEWEST_CLUSTERS or max(each.size for each in paths) > record.count:
        raise ProofChanged(8, "the record holds another number of steps or clusters")
    at, path = leaf_hash(leaf(step, goes_on=bool(inner.goes_on))), inner.path
    _check_path(root_from(at, path.index, path.size, path.nodes, 8), inner.above, record.root)
    return _said(step, record)


def _parsed_step(inner: InnerStep | InnerClusterStep) -> Step:
    if inner.goes_on > 1:
        raise EncodingError("step", "it neither goes on nor stops")
    return Step.from_bytes(inner.step)


def _said(step: Step, record: StepsAnchored | WideFinalised) -> StepRecord:
    try:
        phase = Phase(record.phase) if isinstance(record, StepsAnchored) else Phase.PROPOSED
        return record_of(step, phase, record.round)
    except (ValueError, KeyError) as error:
        raise EncodingError("step", "its record is of a phase without steps") from error


def _access_root(inner: InnerLine) -> Digest:
    """Return the root in a batch of an access log."""
    if not inner.line.startswith(ACCESS_LINE) or not inner.batch.startswith(ACCESS_BATCH):
        raise EncodingError("access log", "its line or its batch begins with another label")
    fields = strict_json.loads(inner.batch.removeprefix(ACCESS_BATCH), "access log", _BATCH_CAP)
    root = fields[-1] if isinstance(fields, list) and len(fields) == _BATCH_FIELDS else None
    if not isinstance(root, str):
        raise EncodingError("access log", "its batch has another form")
    return Digest(parse_hex(root, DIGEST_BYTES, "access log"))


def _check_path(found: bytes, path: Path, root: Digest, size: int | None = None) -> None:
    """Raise ProofChanged unless a leaf is where the path says, under a root of `size` leaves if that is known."""
    if size is not None and size != path.size:
        raise ProofChanged(8, "the record holds another number of steps")
    try:
        merkle.verify_inclusion(found, path.index, path.size, path.nodes, root)
    except ProofInvalid as error:
        raise ProofChanged(8, "what it shows inside the record is not under the record's root") from error
