"""Every error Hemaledger raises on purpose, grouped by who must act.

Invariant: a leaf carries typed public facts (names, numbers, digests) and one sentence; never keys, tensors or
patient data. A leaf that a contract can raise has the name and the field order of the Solidity custom error.

Source: PROTOCOL.md (leaf names), sysexits.h (exit codes).
Not here: third-party exceptions; the adapter that imports a library translates them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar


class HemaledgerError(Exception):
    """Base of all families; `str(error)` is the sentence for people."""

    exit_code: ClassVar[int] = 70
    http_status: ClassVar[int] = 500
    sentence: ClassVar[str] = "Something went wrong."

    def __str__(self) -> str:
        """Return the leaf's sentence with its fields filled in; bytes are shown as 0x-hex."""
        return self.sentence.format(**{name: _show(value) for name, value in self.facts().items()})

    def facts(self) -> dict[str, object]:
        """Return the typed fields of this leaf by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)} if is_dataclass(self) else {}

    @property
    def name(self) -> str:
        """Return the leaf's name as PROTOCOL.md and the contracts spell it."""
        return type(self).__name__


def _show(value: object) -> object:
    return "0x" + value.hex() if isinstance(value, bytes) else value


class MalformedError(HemaledgerError):
    """Bytes from outside do not parse."""

    exit_code = 65
    http_status = 400


class RefusedError(HemaledgerError):
    """Well-formed, but the rules forbid it."""

    exit_code = 77
    http_status = 403


class TamperedError(HemaledgerError):
    """The evidence contradicts itself. Never retried."""

    exit_code = 76
    http_status = 500


class UnavailableError(HemaledgerError):
    """The world did not answer; trying again later may help."""

    exit_code = 75
    http_status = 503


class MisconfiguredError(HemaledgerError):
    """This installation cannot work as it is set up."""

    exit_code = 78
    http_status = 500


# --- Malformed -------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class EncodingError(MalformedError):
    """A record, header or document is not in its canonical encoding (PROTOCOL.md 2)."""

    what: str
    why: str
    sentence = "The {what} could not be read: {why}."


@dataclass(eq=False)
class InvalidPoint(MalformedError):
    """A P-256 public key is not a valid point (PROTOCOL.md 2)."""

    why: str
    sentence = "A public key is not a valid P-256 point: {why}."


@dataclass(eq=False)
class InvalidScalar(MalformedError):
    """A number is no scalar of P-256, or 0 where a key is meant (PROTOCOL.md 2)."""

    why: str
    sentence = "A number is not a valid P-256 scalar: {why}."


@dataclass(eq=False)
class TooLarge(MalformedError):
    """A file exceeds the cap for its kind (PROTOCOL.md 4, step 1)."""

    size: int
    cap: int
    sentence = "The file has {size} bytes; at most {cap} are accepted."


@dataclass(eq=False)
class ImageUnreadable(MalformedError):
    """An image is empty, cut off, or of no accepted format."""

    name_of_file: str
    why: str
    sentence = "The image {name_of_file} could not be read: {why}."


@dataclass(eq=False)
class DatasetUnusable(MalformedError):
    """A data set cannot be trained on (one class only, no images, arrays of other shapes...)."""

    source: str
    why: str
    sentence = "The data in {source} cannot be used: {why}."


@dataclass(eq=False)
class WeightsMismatch(MalformedError):
    """Weights do not fit the manifest: another name, shape, dtype or number."""

    why: str
    sentence = "The weights do not fit the model: {why}."


@dataclass(eq=False)
class NonFinite(MalformedError):
    """NaN or infinity in weights or in an update (PROTOCOL.md 9)."""

    what: str
    count: int
    sentence = "The {what} holds {count} values that are NaN or infinite; nothing was sent."


# --- Refused by the contracts and by `advance` alike ----------------------------------------------------------


@dataclass(eq=False)
class UnknownSender(RefusedError):
    """The account is not a member of the consortium."""

    account: bytes
    sentence = "{account} is not a member of this consortium; the operator must register it first."


@dataclass(eq=False)
class RevokedSender(RefusedError):
    """The account's membership was revoked."""

    account: bytes
    sentence = "The membership of {account} was revoked."


@dataclass(eq=False)
class SenderHasCode(RefusedError):
    """The member acts through a contract, or is one; its records could not be checked by its signature."""

    account: bytes
    sentence = "{account} acts through code on the chain; records are taken from accounts that sign them directly."


@dataclass(eq=False)
class WrongRole(RefusedError):
    """The member's role does not allow this."""

    account: bytes
    sentence = "The role of {account} does not allow this."


@dataclass(eq=False)
class MemberExists(RefusedError):
    """The account is or was a member; a revoked account is never registered again."""

    account: bytes
    sentence = "{account} is or was already a member; a revoked account does not come back."


@dataclass(eq=False)
class CoordinatorExists(RefusedError):
    """A consortium has one coordinator at a time."""

    account: bytes
    sentence = "{account} is already the coordinator; revoke it before registering another."


@dataclass(eq=False)
class KeyEpochMismatch(RefusedError):
    """A key's epoch is not the one expected."""

    expected: int
    actual: int
    sentence = "The key epoch is {actual}, but {expected} was expected."


@dataclass(eq=False)
class KeyInvalid(RefusedError):
    """A registered key is not 65 bytes of uncompressed P-256, or its proof of possession does not verify."""

    account: bytes
    sentence = "The public key of {account} is malformed or its proof of possession does not verify."


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


@dataclass(eq=False)
class CeremonyInvalid(RefusedError):
    """A ceremony's use, kind, threshold, dealers, receivers or times contradict each other."""

    sentence = "The ceremony contradicts itself or the committee in force (kind, threshold, dealers, receivers, times)."


@dataclass(eq=False)
class CeremonyStillOpen(RefusedError):
    """A ceremony must end before the next one of its use begins."""

    ceremony: int
    sentence = "Ceremony {ceremony} of this key has not ended yet."


@dataclass(eq=False)
class WrongCeremony(RefusedError):
    """The ceremony is not the one that its use is at."""

    expected: int
    actual: int
    sentence = "Ceremony {actual} is out of turn; this key is at ceremony {expected}."


@dataclass(eq=False)
class NoCommittee(RefusedError):
    """No committee holds shares of this key yet."""

    key_use: int
    sentence = "No committee holds the key of use {key_use} yet; the operator must start a ceremony first."


@dataclass(eq=False)
class NotInCommittee(RefusedError):
    """The account does not take part in the ceremony, or may not, or is not of the committee in force."""

    account: bytes
    sentence = "{account} is not an active trustee with a key, takes no part in this ceremony, or holds no share."


@dataclass(eq=False)
class StaleCommittee(RefusedError):
    """The committee asked does not hold its key any more, or never did."""

    asked: int
    current: int
    """The newest committee with the same key; 0 when there is none."""
    sentence = "Committee {asked} was asked, but committee {current} holds that key now (0: none does); ask again."


@dataclass(eq=False)
class KeyExpired(RefusedError):
    """The committee's shares expired; they must be refreshed (seconds since 1970)."""

    key_use: int
    expired_at: int
    sentence = "The shares of the key of use {key_use} expired at {expired_at} (seconds since 1970); refresh them."


@dataclass(eq=False)
class RequestInvalid(RefusedError):
    """Purpose, key or deadline of a request do not fit, or a refusal has no known reason."""

    sentence = "The request's purpose does not fit its key, or its deadline has passed or is over a year away."


@dataclass(eq=False)
class WrongRequest(RefusedError):
    """There is no request of this number."""

    request: int
    sentence = "There is no request {request}."


@dataclass(eq=False)
class RequestClosed(RefusedError):
    """The request was fulfilled, or refused by too many."""

    request: int
    sentence = "Request {request} is closed: it was fulfilled, or too many trustees refused."


@dataclass(eq=False)
class WrongBatch(RefusedError):
    """A hospital's batches of records are numbered without gaps."""

    expected: int
    actual: int
    sentence = "Batch {actual} is out of turn; the next one is {expected}."


@dataclass(eq=False)
class QuorumNotReached(RefusedError):
    """Fewer good approvals than the threshold."""

    actual: int
    required: int
    sentence = "{actual} valid approvals are there; {required} are needed."


# --- Refused elsewhere -----------------------------------------------------------------------------------------


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
class RoundFailed(RefusedError):
    """A round ended aborted; the previous model stands."""

    round: int
    reason: str
    sentence = "Round {round} was aborted ({reason}); the previous model stands."


@dataclass(eq=False)
class SlotTaken(RefusedError):
    """Somebody else booked this slot of this doctor first (starts_at: seconds since 1970, UTC)."""

    starts_at: int
    http_status = 409
    sentence = "This appointment was just taken. Please choose another free slot."


# --- Tampered --------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class HashMismatch(TamperedError):
    """A file's SHA-256 is not the recorded one (PROTOCOL.md 4, step 2)."""

    expected: bytes
    actual: bytes
    sentence = "The file's SHA-256 is {actual}, but the ledger records {expected}. It was not opened."


@dataclass(eq=False)
class NotOnChain(TamperedError):
    """The ledger records no such file (PROTOCOL.md 4, step 2)."""

    digest: bytes
    sentence = "The ledger records no file with the SHA-256 {digest}. It was not opened."


@dataclass(eq=False)
class WrongSender(TamperedError):
    """The envelope names another sender than the record (PROTOCOL.md 4, step 3)."""

    expected: bytes
    actual: bytes
    sentence = "The file says it comes from {actual}, but the ledger records {expected}. It was not opened."


@dataclass(eq=False)
class WrongContext(TamperedError):
    """A field of the envelope's header is not what this round demands (PROTOCOL.md 4, step 3)."""

    what: str
    sentence = "The file's header does not belong here: its {what} is another. It was not opened."


@dataclass(eq=False)
class StaleRound(TamperedError):
    """The envelope belongs to another round (PROTOCOL.md 4, step 3)."""

    expected: int
    actual: int
    sentence = "The file belongs to round {actual}, not to round {expected}. It was not opened."


@dataclass(eq=False)
class UnsupportedSuite(TamperedError):
    """The envelope's cipher suite is not the agreed one."""

    suite: int
    sentence = "The file uses cipher suite {suite}, which was not agreed. It was not opened."


@dataclass(eq=False)
class RecipientNotFound(RefusedError):
    """The envelope was not sealed to this key (PROTOCOL.md 4, step 4)."""

    sentence = "The file was not encrypted to this key."


@dataclass(eq=False)
class AuthFailure(TamperedError):
    """Authenticated decryption failed (PROTOCOL.md 4, step 4)."""

    part: str
    sentence = "The file's {part} failed authentication: it was changed or belongs to another file."


@dataclass(eq=False)
class SignatureInvalid(TamperedError):
    """A signature is not the one 65-byte form r ‖ s ‖ v of any account's signature (ports.Endorser)."""

    why: str
    sentence = "The signature is not valid: {why}."


@dataclass(eq=False)
class KeyCommitMismatch(TamperedError):
    """The envelope would open to different contents for different recipients (PROTOCOL.md 4)."""

    sentence = "The file's key commitment does not match: it could open to different contents for different readers."


@dataclass(eq=False)
class NormExceeded(TamperedError):
    """The aggregate's L2 norm exceeds the bound that honest clipping implies (PROTOCOL.md 5)."""

    norm: float
    bound: float
    sentence = "The aggregate has an L2 norm of {norm:.4g}; honest updates stay below {bound:.4g}."


@dataclass(eq=False)
class ShareInvalid(TamperedError):
    """A secret share does not fit its dealer's commitments (PROTOCOL.md 5, phases 2 and 6)."""

    dealer: bytes
    index: int
    sentence = "The share of {dealer}'s secret that belongs to party {index} does not fit the dealer's commitments."


@dataclass(eq=False)
class CommitmentMismatch(TamperedError):
    """A dealer's commitments are not to the key that it advertised (PROTOCOL.md 5, phase 2)."""

    dealer: bytes
    sentence = "The commitments of {dealer} are not to the key that it advertised."


@dataclass(eq=False)
class ReconstructMismatch(TamperedError):
    """The shares of a secret do not give the secret that its dealer advertised (PROTOCOL.md 5, phase 7)."""

    dealer: bytes
    sentence = "The shares of {dealer}'s secret do not give the secret that it advertised."


@dataclass(eq=False)
class ProofInvalid(TamperedError):
    """A proof of equal discrete logarithms does not verify (RFC 9497, section 2.2)."""

    what: str
    sentence = "The proof of {what} does not verify."


@dataclass(eq=False)
class DealingMismatch(TamperedError):
    """A dealer dealt something else than it had committed to."""

    dealer: bytes
    sentence = "The dealing of {dealer} is not the one that it committed to."


@dataclass(eq=False)
class DealingInvalid(TamperedError):
    """A dealer's commitments or the proof beside them are wrong, as everybody can see."""

    dealer: bytes
    why: str
    sentence = "The dealing of {dealer} cannot be used: {why}."


@dataclass(eq=False)
class CommitteeMismatch(TamperedError):
    """A ceremony that must keep a key would change it."""

    sentence = "The ceremony would change the key that it must keep."


@dataclass(eq=False)
class CiphertextInvalid(TamperedError):
    """A ciphertext to a threshold key is mauled, or is another than its label says."""

    what: str
    sentence = "The ciphertext is refused: {what}."


@dataclass(eq=False)
class PartialInvalid(TamperedError):
    """A partial decryption does not fit the trustee's public share."""

    trustee: bytes
    sentence = "The partial decryption of {trustee} does not fit its share of the key, this request or this epoch."


@dataclass(eq=False)
class RecordForged(TamperedError):
    """The node tells of a record that its sender did not sign."""

    record: str
    sender: bytes
    why: str
    sentence = "The node tells of a {record} by {sender} that this account did not make: {why}."


@dataclass(eq=False)
class JournalTampered(TamperedError):
    """The embedded chain's journal was cut or edited."""

    path: str
    line: int
    why: str
    sentence = "The chain's journal {path} was changed at entry {line}: {why}. Restore it from a backup."


@dataclass(eq=False)
class ChainReorg(TamperedError):
    """A block that was acted upon is gone from the chain."""

    block: int
    sentence = "Block {block}, on which this installation acted, is gone from the chain."


# --- Unavailable -----------------------------------------------------------------------------------------------


@dataclass(eq=False)
class ChainUnavailable(UnavailableError):
    """No node answers at the RPC URL."""

    url: str
    why: str
    sentence = "No Ethereum node answers at {url} ({why}). Start the chain, or check the RPC URL."


@dataclass(eq=False)
class LedgerMoved(UnavailableError):
    """The ledger was handed over while this program ran, and its successor is not at hand yet."""

    why: str
    sentence = "The ledger was handed over, but its successor cannot be opened yet ({why})."


@dataclass(eq=False)
class TransactionTimeout(UnavailableError):
    """A transaction was sent but no receipt came in time."""

    tx_hash: bytes
    timeout_s: float
    sentence = "Transaction {tx_hash} got no receipt within {timeout_s} s; it may still be mined."


@dataclass(eq=False)
class VaultMissing(UnavailableError):
    """The vault holds no file with this digest."""

    digest: bytes
    sentence = "The vault holds no file with the SHA-256 {digest} (not uploaded yet, or deleted)."


@dataclass(eq=False)
class StorageFull(UnavailableError):
    """A file could not be written whole; nothing partial was left."""

    path: str
    why: str
    sentence = "{path} could not be written ({why}); nothing partial was left. Free some space and run again."


@dataclass(eq=False)
class NotReleased(UnavailableError):
    """The trustees have not released this global model yet."""

    round: int
    sentence = "The model of round {round} is held back until enough trustees release it."


@dataclass(eq=False)
class RoundStalled(UnavailableError):
    """A round did not end in time."""

    round: int
    sentence = "Round {round} did not end in time."


# --- Misconfigured ---------------------------------------------------------------------------------------------


@dataclass(eq=False)
class WrongChain(MisconfiguredError):
    """The node serves another chain, or a reset one, than the consortium was deployed on."""

    url: str
    why: str
    sentence = "The chain at {url} is not the one of this consortium: {why}. Check the RPC URL and the addresses."


@dataclass(eq=False)
class PortInUse(MisconfiguredError):
    """A port that should be listened on is taken."""

    host: str
    port: int
    sentence = "Port {port} on {host} is in use. Stop the other program or choose another port."


@dataclass(eq=False)
class KeystoreUnreadable(MisconfiguredError):
    """A key file is missing, damaged, or the password is wrong."""

    path: str
    why: str
    sentence = "The key file {path} could not be opened: {why}."


@dataclass(eq=False)
class JournalUnreadable(MisconfiguredError):
    """A role's journal is damaged or no journal; what the role promised is unknown."""

    path: str
    why: str
    sentence = "The journal {path} could not be read: {why}. Restore it from a backup; do not delete it."


@dataclass(eq=False)
class SettingInvalid(MisconfiguredError):
    """A setting is missing or out of its range."""

    setting: str
    why: str
    sentence = "The setting {setting} is not usable: {why}."


@dataclass(eq=False)
class ToolMissing(MisconfiguredError):
    """A program that this task needs is not installed."""

    tool: str
    why: str
    sentence = "{tool} is needed: {why}."


@dataclass(eq=False)
class AggregateOverflow(MisconfiguredError):
    """The sum of this many hospitals could overflow the ring (PROTOCOL.md 5)."""

    hospitals: int
    limit: int
    sentence = "{hospitals} hospitals could overflow the sum; at most {limit} are possible."
