"""The records: one frozen dataclass per Solidity event, with the same name and field order.

Invariant: a record is a fact in the past tense; its first field is the account that made it happen.

Source: PROTOCOL.md 3, 5, 5S and 9; contracts/authority/IKeyAuthority.sol and
contracts/ledger/IFederationLedger.sol (a test binds them).
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.names import Address, CeremonyKind, Digest, KeyUse, Protection, Purpose, Refusal, Role, StatementKind

# --- Key authority ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ConsortiumFounded:
    """The key authority was created; its creator is the operator."""

    sender: Address
    consortium: bytes
    """32 random bytes: a reset chain reproduces chain id and addresses, but not this."""


@dataclass(frozen=True)
class MemberRegistered:
    """The operator admitted an account in one role."""

    sender: Address
    member: Address
    role: Role
    member_name: str


@dataclass(frozen=True)
class KeyRegistered:
    """A member registered its first HPKE key (epoch 1)."""

    sender: Address
    epoch: int
    public_key: bytes
    """SEC1 uncompressed P-256 point, 65 bytes."""
    proof: bytes
    """r ‖ s, 64 bytes: ECDSA-P256-SHA256, low s, over the proof-of-possession message (keys.possession_message)."""


@dataclass(frozen=True)
class KeyRotated:
    """A member replaced its HPKE key by that of the next epoch."""

    sender: Address
    epoch: int
    public_key: bytes
    proof: bytes


@dataclass(frozen=True)
class MemberRevoked:
    """The operator ended a membership for good."""

    sender: Address
    member: Address
    reason: str


# --- Key authority: another operator ------------------------------------------------------------------------------


@dataclass(frozen=True)
class OperatorProposed:
    """The operator proposed an account as its successor, or withdrew the proposal."""

    sender: Address
    account: Address
    """NO_ADDRESS withdraws the proposal."""


@dataclass(frozen=True)
class ReplacementProposed:
    """A member proposed to replace the operator."""

    sender: Address
    replacement: int
    """u32: 1 and up."""
    candidate: Address


@dataclass(frozen=True)
class ReplacementVoted:
    """A hospital, auditor or trustee moved its one vote to a replacement."""

    sender: Address
    replacement: int


@dataclass(frozen=True)
class ReplacementVetoed:
    """The operator vetoed a replacement."""

    sender: Address
    replacement: int


@dataclass(frozen=True)
class OperatorChanged:
    """An account became the operator; its predecessor is revoked."""

    sender: Address
    """The new operator."""
    replacement: int
    """The replacement that made it the operator; 0 if its predecessor proposed it."""
    former: Address
    """Computed by the contract."""


# --- Key authority: threshold keys, requests, records ------------------------------------------------------------


@dataclass(frozen=True)
class CeremonyStarted:
    """The operator started a ceremony that gives a committee its shares (PROTOCOL.md 9)."""

    sender: Address
    key_use: KeyUse
    ceremony: int
    """u32: 1 and up per use; the epoch of the committee it makes."""
    kind: CeremonyKind
    threshold: int
    """u16: how many shares will open a ciphertext."""
    dealers: tuple[Address, ...]
    """Ascending."""
    receivers: tuple[Address, ...]
    """The new committee, ascending; party j is the j-th."""
    step_timeout: int
    """u64: seconds from the start of a phase to its deadline."""
    expires_at: int
    """u64: seconds since 1970 after which the committee answers nothing."""


@dataclass(frozen=True)
class CeremonyCommitted:
    """A dealer committed to its dealing before it saw any other."""

    sender: Address
    key_use: KeyUse
    ceremony: int
    digest: Digest
    """SHA-256 of the dealing (ceremony.dealing_digest)."""


@dataclass(frozen=True)
class CeremonyDealt:
    """A dealer published its dealing."""

    sender: Address
    key_use: KeyUse
    ceremony: int
    commitments: bytes
    """Feldman vector: t compressed points, 33·t bytes; t - 1 in a REFRESH, whose first is the identity."""
    proof: bytes
    """R ‖ z, 65 bytes: Schnorr's proof of the first committed coefficient."""
    bundle_digest: Digest
    """SHA-256 of the file with one sealed share per receiver, in the vault."""


@dataclass(frozen=True)
class CeremonyChecked:
    """A receiver checked all its shares; without complaints, all were right."""

    sender: Address
    key_use: KeyUse
    ceremony: int
    complaints: bytes
    """Complaints in a row, steps.COMPLAINT_BYTES each, ascending by dealer."""


@dataclass(frozen=True)
class CeremonyPhaseClosed:
    """A phase of a ceremony ended; the named dealers continue."""

    sender: Address
    key_use: KeyUse
    ceremony: int
    phase: int
    """The phase that ended: COMMIT, DEAL or CHECK."""
    dealers: tuple[Address, ...]


@dataclass(frozen=True)
class CeremonyConfirmed:
    """A receiver has its share and computed the public values."""

    sender: Address
    key_use: KeyUse
    ceremony: int
    public_key: bytes
    """Y, 33-byte compressed point."""
    shares_digest: Digest
    """SHA-256 over everybody's public share (ceremony.shares_digest)."""


@dataclass(frozen=True)
class CeremonyAborted:
    """The ceremony ended without a committee; the previous committee stays."""

    sender: Address
    key_use: KeyUse
    ceremony: int
    reason: str


@dataclass(frozen=True)
class DecryptionRequested:
    """Somebody asked a committee to open one ciphertext."""

    sender: Address
    request: int
    """u64: computed by the contract, 1 and up."""
    key_use: KeyUse
    epoch: int
    """u32: the committee, the newest of the key to which the ciphertext is sealed."""
    label: Digest
    """Binds the ciphertext: SHA-256 over the envelope's core."""
    capsule_digest: Digest
    """SHA-256 of the capsule in the vault."""
    purpose: Purpose
    deadline: int
    """u64: seconds since 1970 after which no approval counts."""


@dataclass(frozen=True)
class DecryptionApproved:
    """A trustee approved: its partial decryption is sealed to the requester, in the vault."""

    sender: Address
    request: int
    digest: Digest
    """SHA-256 of the PARTIAL envelope."""


@dataclass(frozen=True)
class DecryptionRefused:
    """A trustee refused."""

    sender: Address
    request: int
    reason: Refusal


@dataclass(frozen=True)
class DecryptionFulfilled:
    """The requester opened the file."""

    sender: Address
    request: int


@dataclass(frozen=True)
class RecordsAnchored:
    """A hospital recorded the Merkle root of its records since its last root."""

    sender: Address
    batch: int
    """u32: 1 and up per hospital."""
    root: Digest


# --- Federation ledger -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Terms:
    """The conditions of a round."""

    protection: Protection
    min_commitments: int
    """u16: with fewer commitments the round is aborted."""
    attestations: int
    """u16: the attestations that a final model needs."""
    threshold: int
    """u16: t of a masked round: t hospitals must endorse the set and reveal shares; 0 in a sealed round."""
    parameters: int
    """u64: number of model parameters d."""
    config_digest: Digest
    """SHA-256 of the round's configuration document in the vault (config.RoundConfig)."""
    step_timeout: int
    """u64: seconds from the start of a phase to its deadline, in phases of a masked round without another deadline."""
    commit_deadline: int
    """u64: seconds since 1970; after it, the round may be frozen without the missing hospitals."""
    close_deadline: int
    """u64: seconds since 1970; after it, any member may abort an unfinished round."""


@dataclass(frozen=True)
class FederationOpened:
    """The coordinator recorded the model from which round `last_round + 1` starts."""

    sender: Address
    predecessor: Address
    """The previous ledger, or NO_ADDRESS."""
    last_round: int
    """The number of the last round before this ledger, or 0."""
    model_digest: Digest
    envelope_digest: Digest
    manifest_digest: Digest
    """SHA-256 of the model's manifest document in the vault."""


@dataclass(frozen=True)
class ModelGranted:
    """A reader of the current model sealed the key of its file to a member who could not open it."""

    sender: Address
    reader: Address
    epoch: int
    """u32: the reader's key to which the grant is sealed."""
    model_digest: Digest
    digest: Digest
    """SHA-256 of the GRANT envelope."""


@dataclass(frozen=True)
class RoundOpened:
    """The coordinator opened a round."""

    sender: Address
    round: int
    terms: Terms
    roster: tuple[Address, ...]
    """The hospitals of the round in ascending order."""
    previous_model: Digest


@dataclass(frozen=True)
class ClusterTerms:
    """How a wide round is split into clusters (PROTOCOL.md 5W.5)."""

    count: int
    """u16, G: how many clusters; at least 2."""
    fewest: int
    """u16, f: how many hospitals of each cluster must go on in each phase, and sign the set."""
    across: int
    """u16, e: with how many hospitals of the next cluster each hospital has a mask in common, at most."""


@dataclass(frozen=True)
class WideTerms:
    """What a wide round has beside its terms (PROTOCOL.md 5W)."""

    degree: int
    """u16, k: with how many others each hospital shares masks and shares; even, or all others if k + 1 >= n.

    With clusters of at most s hospitals 2·⌊s/2⌋: all others of the cluster, and even as the contract wants it.
    """
    replayers: int
    """u16: how many hospitals of the frozen set are drawn to sum again and attest; 0: all."""
    group_key: bytes
    """P-256 point, uncompressed, 65 bytes: the HPKE key of this round that all its readers have."""
    key_files: tuple[Digest, ...]
    """Files with the private key of `group_key`, each sealed to at most 1,024 readers."""
    clusters: ClusterTerms | None = None
    """None: the round has no clusters."""


@dataclass(frozen=True)
class WideOpening(RoundOpened):
    """The coordinator opened a wide round."""

    wide: WideTerms
    viewer: Address | None = None
    """In a round with clusters: whose cluster the reader looks at; None: at all. It is not on the ledger (5W.5)."""


@dataclass(frozen=True)
class WideRoundOpened:
    """The coordinator opened a wide round; its file has roster and keys. Readers see it as a WideOpening (5W.2)."""

    sender: Address
    round: int
    terms: Terms
    degree: int
    """u16: as in WideTerms."""
    replayers: int
    """u16: as in WideTerms."""
    roster_size: int
    """u16: how many hospitals the roster has."""
    previous_model: Digest
    file_digest: Digest
    """SHA-256 of the file with roster and keys (batches.opening_file)."""


@dataclass(frozen=True)
class StepsAnchored:
    """The coordinator recorded a phase's steps of a wide round. Readers see the steps, and the end of the phase."""

    sender: Address
    round: int
    phase: int
    """The phase that ended: ADVERTISE, SHARE, COMPLAIN, MASK or AGREE."""
    count: int
    """u16: how many steps the file has."""
    going: int
    """u16: how many of their hospitals go on."""
    root: Digest
    """Root of the tree over the steps (batches.root)."""
    file_digest: Digest
    """SHA-256 of the file with the steps (batches.steps_file)."""


@dataclass(frozen=True)
class WideProposed:
    """The coordinator recorded the answers of a wide round and proposed the next model, in one transaction."""

    sender: Address
    round: int
    count: int
    """u16: how many answers the file has."""
    root: Digest
    file_digest: Digest
    model_digest: Digest
    envelope_digest: Digest


@dataclass(frozen=True)
class WideFinalised:
    """The coordinator recorded the attestations of a wide round; the proposed model is now the global model."""

    sender: Address
    round: int
    count: int
    """u16: how many attestations the file has."""
    root: Digest
    file_digest: Digest
    model_digest: Digest
    """Computed by the contract."""


@dataclass(frozen=True)
class KeysAdvertised:
    """A hospital advertised its two keys of one masked round (PROTOCOL.md 5, phase 1)."""

    sender: Address
    round: int
    mask_key: bytes
    """S_i, 33-byte compressed point."""
    transport_key: bytes
    """E_i, 33-byte compressed point."""


@dataclass(frozen=True)
class SharesDealt:
    """A hospital dealt shares of its round secrets (phase 2)."""

    sender: Address
    round: int
    mask_commitments: bytes
    """Feldman vector A_i: t compressed points, 33·t bytes; the first is S_i."""
    self_commitments: bytes
    """Feldman vector B_i: t compressed points, 33·t bytes."""
    bundle_digest: Digest
    """SHA-256 of the file with one parcel for each neighbour, in the vault; with clusters the root over the parcels."""


@dataclass(frozen=True)
class SharesChecked:
    """A hospital checked all its shares (phase 2b); without complaints, all were right."""

    sender: Address
    round: int
    complaints: bytes
    """Complaints in a row, steps.COMPLAINT_BYTES each, ascending by dealer."""


@dataclass(frozen=True)
class PhaseClosed:
    """The coordinator ended a set-up phase and named the hospitals that continue."""

    sender: Address
    round: int
    phase: int
    """The phase that ended: ADVERTISE, SHARE or COMPLAIN."""
    hospitals: tuple[Address, ...]
    """Ascending subset of the hospitals that did the phase's step."""


@dataclass(frozen=True)
class ClustersClosed(PhaseClosed):
    """A set-up phase of a round with clusters ended; its hospitals are those of the clusters that the reader sees."""

    root: Digest
    """Over all clusters, as it is on the ledger."""
    across: tuple[KeysAdvertised, ...] = ()
    """Who looks at its own cluster: the keys of its partners in other clusters that go on."""
    received: tuple[Digest, ...] = ()
    """After SHARE: the file with the parcels for each of `hospitals`, in their order (PROTOCOL.md 5W.5)."""


@dataclass(frozen=True)
class SetEndorsed:
    """A hospital signed the frozen set, once (phase 5)."""

    sender: Address
    round: int
    set_digest: Digest
    signature: bytes
    """65 bytes r ‖ s ‖ v: EIP-712 signature over consortium, round and set, valid without any RPC node."""


@dataclass(frozen=True)
class SharesRevealed:
    """A hospital revealed one share per hospital that dealt (phase 6)."""

    sender: Address
    round: int
    set_digest: Digest
    digest: Digest
    """SHA-256 of the UNMASK envelope."""


@dataclass(frozen=True)
class UpdateCommitted:
    """A hospital recorded the digest of its sealed update."""

    sender: Address
    round: int
    digest: Digest


@dataclass(frozen=True)
class RoundFrozen:
    """The coordinator fixed the set of hospitals whose updates are summed."""

    sender: Address
    round: int
    hospitals: tuple[Address, ...]
    """Ascending subset of the hospitals that committed."""
    set_digest: Digest
    """Computed by the contract (round.set_digest)."""


@dataclass(frozen=True)
class ClustersFrozen(RoundFrozen):
    """The set of a round with clusters is fixed; its hospitals are those of the clusters that the reader sees."""

    root: Digest
    """Over all clusters, as it is on the ledger; the set digest follows from it."""


@dataclass(frozen=True)
class ModelProposed:
    """The coordinator proposed the next global model."""

    sender: Address
    round: int
    model_digest: Digest
    envelope_digest: Digest


@dataclass(frozen=True)
class ModelAttested:
    """An auditor, or in a masked round a hospital, replayed the round and got the same model."""

    sender: Address
    round: int
    model_digest: Digest
    report_digest: Digest
    """SHA-256 of the auditor's report document in the vault (metrics included), or NO_DIGEST."""


@dataclass(frozen=True)
class RoundFinalised:
    """The proposed model is now the global model."""

    sender: Address
    round: int
    model_digest: Digest


@dataclass(frozen=True)
class RoundAborted:
    """The round ended without a new model; the previous model stays."""

    sender: Address
    round: int
    reason: str


@dataclass(frozen=True)
class StatementMade:
    """A member stated something beside the rounds (names.StatementKind)."""

    sender: Address
    round: int
    """DECLINE: the running round. RETENTION: the last round it is about. OMITTED, OPENED, CHECKED: the round. Every
    other kind: 0."""
    kind: StatementKind
    digest: Digest
    """SHA-256 of the document that the statement is about."""
    text: str
    """For people; DECLINE: the name of the rule."""


@dataclass(frozen=True)
class CheckpointAnchored:
    """A keeper recorded the root of the log over all records, so that a checkpoint is bound to the chain."""

    sender: Address
    """The operator, a coordinator or an auditor."""
    size: int
    """How many records the log has; nobody can check it on the chain."""
    root: Digest
    """Root of the tree over them (RFC 9162)."""


@dataclass(frozen=True)
class ModelReverted:
    """The coordinator went back to an earlier model, from which the next round starts."""

    sender: Address
    round: int
    """The final round that made the model; 0 for the model from which round 1 started."""
    model_digest: Digest


@dataclass(frozen=True)
class LedgerHandedOver:
    """The operator closed this ledger in favour of a successor contract."""

    sender: Address
    successor: Address


MemberRecord = ConsortiumFounded | MemberRegistered | KeyRegistered | KeyRotated | MemberRevoked
SuccessionRecord = OperatorProposed | ReplacementProposed | ReplacementVoted | ReplacementVetoed | OperatorChanged
CeremonyRecord = (
    CeremonyStarted
    | CeremonyCommitted
    | CeremonyDealt
    | CeremonyChecked
    | CeremonyPhaseClosed
    | CeremonyConfirmed
    | CeremonyAborted
)
RequestRecord = DecryptionRequested | DecryptionApproved | DecryptionRefused | DecryptionFulfilled
KeyRecord = MemberRecord | SuccessionRecord | CeremonyRecord | RequestRecord | RecordsAnchored
MaskedRecord = KeysAdvertised | SharesDealt | SharesChecked | PhaseClosed | SetEndorsed | SharesRevealed
CommonRecord = UpdateCommitted | RoundFrozen | ModelProposed | ModelAttested | RoundFinalised | RoundAborted
RoundRecord = RoundOpened | MaskedRecord | CommonRecord
BatchRecord = WideRoundOpened | StepsAnchored | WideProposed | WideFinalised
"""Readers see what is in the batch instead (fl/replay/batched_ledger.py); the fold knows none of these."""
SideRecord = ModelGranted | StatementMade | CheckpointAnchored | ModelReverted | LedgerHandedOver
"""Records of a ledger beside its rounds."""
LedgerRecord = FederationOpened | RoundRecord | BatchRecord | SideRecord
Record = KeyRecord | LedgerRecord

KEY_RECORDS: tuple[type[KeyRecord], ...] = (
    ConsortiumFounded,
    MemberRegistered,
    KeyRegistered,
    KeyRotated,
    MemberRevoked,
    OperatorProposed,
    ReplacementProposed,
    ReplacementVoted,
    ReplacementVetoed,
    OperatorChanged,
    CeremonyStarted,
    CeremonyCommitted,
    CeremonyDealt,
    CeremonyChecked,
    CeremonyPhaseClosed,
    CeremonyConfirmed,
    CeremonyAborted,
    DecryptionRequested,
    DecryptionApproved,
    DecryptionRefused,
    DecryptionFulfilled,
    RecordsAnchored,
)
LEDGER_RECORDS: tuple[type[LedgerRecord], ...] = (
    FederationOpened,
    ModelGranted,
    RoundOpened,
    KeysAdvertised,
    SharesDealt,
    SharesChecked,
    PhaseClosed,
    UpdateCommitted,
    RoundFrozen,
    SetEndorsed,
    SharesRevealed,
    ModelProposed,
    ModelAttested,
    RoundFinalised,
    RoundAborted,
    WideRoundOpened,
    StepsAnchored,
    WideProposed,
    WideFinalised,
    StatementMade,
    CheckpointAnchored,
    ModelReverted,
    LedgerHandedOver,
)


@dataclass(frozen=True, order=True)
class Position:
    """The place of a record in the order of all records."""

    block: int
    index: int
    """Index of the log within its block."""
    part: int = 0
    """Place among the records of one batch."""


@dataclass(frozen=True)
class Entry:
    """A record, with the block and time of its inclusion."""

    record: Record
    position: Position
    block_hash: bytes
    timestamp: int
    """Seconds since 1970 of the block."""
    transaction: bytes
    """32-byte transaction hash."""
    contract: Address
    """The contract that emitted it."""
    leaf: bytes = b""
    """Its hash as a leaf of the log (tlog.entry.LogEntry), 32 bytes; empty for a step that is inside a batch."""


@dataclass(frozen=True)
class Receipt:
    """Proof that a record was included."""

    entry: Entry
    gas_used: int
