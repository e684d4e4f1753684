"""Leaves of TamperedError: evidence that contradicts itself. No program retries after one of them."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import HemaledgerError, RefusedError, TamperedError


@dataclass(eq=False)
class HashMismatch(TamperedError):
    """A file's SHA-256 is not the recorded one (PROTOCOL.md 4, step 2)."""

    expected: bytes
    actual: bytes
    sentence = "The file's SHA-256 is {actual}, but the ledger records {expected}. It was not opened."


@dataclass(eq=False)
class ParcelsInvalid(TamperedError):
    """The coordinator recorded a wrong file with the shares for one hospital (PROTOCOL.md 5W.5)."""

    round: int
    receiver: bytes
    digest: bytes
    why: str
    sentence = (
        "The coordinator recorded a wrong file with the shares for {receiver} in round {round}: {why}. It is the file "
        "{digest} of the vault; ask the coordinator."
    )


@dataclass(eq=False)
class BatchInvalid(TamperedError):
    """The coordinator recorded a batch of steps that no member can accept (PROTOCOL.md 5W.2)."""

    round: int
    phase: str
    why: str
    sentence = (
        "The coordinator recorded a wrong batch of steps in round {round} ({phase}): {why}. Nothing of it counts. The "
        "round can only be aborted; ask the coordinator."
    )


@dataclass(eq=False)
class FolderCopied(TamperedError):
    """The ledger has a record of this account that this folder did not make (PROTOCOL.md 5, What stops a hospital)."""

    account: bytes
    round: int
    what: str
    sentence = (
        "The ledger has {what} of {account} in round {round} that this folder did not make. A copy of this folder runs "
        "elsewhere, or its journal was lost or came from an old backup. Nothing was recorded. Stop the copy. Run this "
        "again when round {round} has ended."
    )


@dataclass(eq=False)
class PretrainedChanged(TamperedError):
    """The file with the first weights of a network is another one than it should be."""

    package: str
    expected: str
    actual: str
    sentence = (
        "The weights in the installed package {package} have the SHA-256 {actual}, not {expected}. They were not "
        "opened. Install the package again."
    )


@dataclass(eq=False)
class NetworkChanged(TamperedError):
    """The installed source of a consortium's own network is another one than the members allowed."""

    entry: str
    expected: str
    actual: str
    sentence = (
        "The installed source of the network {entry} has the SHA-256 {actual}, not {expected}. It was not imported. "
        "Install the version that your consortium agreed on."
    )


@dataclass(eq=False)
class ModelUnusable(TamperedError):
    """The file of a final model has the recorded name or digest, but no usable model."""

    round: int
    why: str
    sentence = "The model of round {round} must not be used: {why}"


@dataclass(eq=False)
class NotOnChain(TamperedError):
    """The ledger records no such file (PROTOCOL.md 4, step 2)."""

    digest: bytes
    sentence = "The ledger records no file with the SHA-256 {digest}. It was not opened."


@dataclass(eq=False)
class WrongSender(TamperedError):
    """The envelope and the record name different senders (PROTOCOL.md 4, step 3)."""

    expected: bytes
    actual: bytes
    sentence = "The file says it comes from {actual}, but the ledger records {expected}. It was not opened."


@dataclass(eq=False)
class WrongContext(TamperedError):
    """A field of the envelope's header does not fit this round (PROTOCOL.md 4, step 3)."""

    what: str
    sentence = "The file's header does not belong here: its {what} differs from the ledger's. It was not opened."


@dataclass(eq=False)
class StaleRound(TamperedError):
    """The envelope belongs to another round (PROTOCOL.md 4, step 3)."""

    expected: int
    actual: int
    sentence = "The file belongs to round {actual}, not to round {expected}. It was not opened."


@dataclass(eq=False)
class UnsupportedSuite(TamperedError):
    """The envelope's cipher suite is not the one agreed for its purpose (PROTOCOL.md 4)."""

    suite: int
    sentence = "The file uses cipher suite {suite}, which is not the suite agreed for it. It was not opened."


@dataclass(eq=False)
class GrantUnusable(TamperedError):
    """The grant of a model opens nothing, or its sender or reader has no right to it (PROTOCOL.md 4, Grants)."""

    sender: bytes
    why: str
    sentence = (
        "The grant of a model by {sender} cannot be used: {why}. "
        "Another member can grant the model, or the next round's model is sealed to its reader."
    )


@dataclass(eq=False)
class GroupKeyUnusable(TamperedError):
    """A file of a wide round's group key holds something else (PROTOCOL.md 5W.3)."""

    sender: bytes
    why: str
    sentence = (
        "The key of the round that {sender} opened cannot be used: {why}. "
        "This member takes no part in the round; tell the operator."
    )


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
    """A signature is not in the form of 65 bytes, r ‖ s ‖ v (ports.Endorser)."""

    why: str
    sentence = "The signature is not valid: {why}."


@dataclass(eq=False)
class KeyCommitMismatch(TamperedError):
    """The envelope could give different recipients different contents (PROTOCOL.md 4)."""

    sentence = "The file's key commitment does not match: different readers could find different contents."


@dataclass(eq=False)
class NormExceeded(TamperedError):
    """The aggregate's L2 norm exceeds the bound that honest clipping implies (PROTOCOL.md 5)."""

    norm: float
    bound: float
    sentence = "The aggregate has an L2 norm of {norm:.4g}; honest updates stay below {bound:.4g}."


@dataclass(eq=False)
class ClaimOutOfBounds(TamperedError):
    """An update claims a value that no honest hospital can have (PROTOCOL.md 5, Claims)."""

    what: str
    claimed: int
    low: int
    high: int
    sentence = "The update claims a {what} of {claimed}; honest updates stay between {low} and {high}."


@dataclass(eq=False)
class SumOutOfBounds(TamperedError):
    """A sum has a value that honest hospitals cannot reach together (PROTOCOL.md 5, Claims)."""

    hospitals: int
    what: str
    claimed: int
    low: int
    high: int
    sentence = (
        "The sum of {hospitals} hospitals has a {what} of {claimed}; honest hospitals together stay between {low} and "
        "{high}. At least one of them lied; a masked sum does not show who."
    )


@dataclass(eq=False)
class ShareInvalid(TamperedError):
    """A secret share does not fit its dealer's commitments (PROTOCOL.md 5, phases 2 and 6)."""

    dealer: bytes
    index: int
    sentence = "Party {index}'s share of {dealer}'s secret does not fit the dealer's commitments."


@dataclass(eq=False)
class CommitmentMismatch(TamperedError):
    """A dealer's commitments do not fit the key that it advertised (PROTOCOL.md 5, phase 2)."""

    dealer: bytes
    sentence = "The commitments of {dealer} do not fit the key that it advertised."


@dataclass(eq=False)
class ReconstructMismatch(TamperedError):
    """The secret rebuilt from shares does not fit the dealer's advertised key (PROTOCOL.md 5, phase 7)."""

    dealer: bytes
    sentence = "The secret rebuilt from {dealer}'s shares does not fit the key that it advertised."


@dataclass(eq=False)
class ProofInvalid(TamperedError):
    """A proof of equal discrete logarithms does not verify (RFC 9497, section 2.2)."""

    what: str
    sentence = "The proof of {what} does not verify."


@dataclass(eq=False)
class DealingMismatch(TamperedError):
    """A dealer's dealing does not have the digest that the dealer committed to."""

    dealer: bytes
    sentence = "The dealing of {dealer} is not the one that it committed to."


@dataclass(eq=False)
class DealingInvalid(TamperedError):
    """A dealer's commitments or their proof are wrong; everybody can check this."""

    dealer: bytes
    why: str
    sentence = "The dealing of {dealer} cannot be used: {why}."


@dataclass(eq=False)
class CommitteeMismatch(TamperedError):
    """A ceremony that must keep a key would change it."""

    sentence = "The ceremony would change the key that it must keep."


@dataclass(eq=False)
class CiphertextInvalid(TamperedError):
    """A ciphertext to a threshold key was altered, or does not fit its label."""

    what: str
    sentence = "The ciphertext is refused: {what}."


@dataclass(eq=False)
class PartialInvalid(TamperedError):
    """A partial decryption does not fit the trustee's public share."""

    trustee: bytes
    sentence = "The partial decryption of {trustee} does not fit its share of the key, this request or this epoch."


@dataclass(eq=False)
class RecordForged(TamperedError):
    """The node returns a record that its sender did not sign."""

    record: str
    sender: bytes
    why: str
    sentence = "The node returned a {record} of {sender} that this account did not make: {why}."


@dataclass(eq=False)
class JournalTampered(TamperedError):
    """Somebody cut or edited the embedded chain's journal."""

    path: str
    line: int
    why: str
    sentence = "The chain's journal {path} was changed at entry {line}: {why}. Restore it from a backup."


@dataclass(eq=False)
class ChainReorg(TamperedError):
    """The chain lost a block with records on which this program acted."""

    block: int
    sentence = (
        "This program acted on records of block {block}, but the chain has lost that block, and they did not all come "
        "back. The chain was reorganised deeper than --confirmations allows, or restored from an older copy. Ask the "
        "operator which history counts. Then start again; on a public chain, all members use more --confirmations, or "
        "finalized."
    )


@dataclass(eq=False)
class UpdateUnusable(TamperedError):
    """A hospital's file, sealed or masked, cannot be added to the sum of its round."""

    hospital: bytes
    cause: HemaledgerError
    """The error in the file."""
    sentence = "The update of {hospital} cannot be used: {cause}"


@dataclass(eq=False)
class AnswerOutOfRange(TamperedError):
    """A decrypted answer of an encrypted head is no number that the head can give (PROTOCOL.md 9P)."""

    limit: int
    sentence = (
        "The decrypted answer is not between -{limit} and {limit}, so no head gave it. The encrypted head is not what "
        "the auditors checked; no answer is shown."
    )
