"""Leaves of TamperedError: evidence that contradicts itself. Nothing here is ever retried."""

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
class ModelUnusable(TamperedError):
    """The file of a final model is the recorded one by name or digest, but no model that can be used."""

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
class ClaimOutOfBounds(TamperedError):
    """An update claims what no honest hospital can have (PROTOCOL.md 5, Claims)."""

    what: str
    claimed: int
    low: int
    high: int
    sentence = "The update claims a {what} of {claimed}; honest ones stay between {low} and {high}."


@dataclass(eq=False)
class SumOutOfBounds(TamperedError):
    """A sum holds what so many honest hospitals cannot give together (PROTOCOL.md 5, Claims)."""

    hospitals: int
    what: str
    claimed: int
    low: int
    high: int
    sentence = (
        "The sum of {hospitals} hospitals has a {what} of {claimed}; honest ones together stay between {low} and "
        "{high}. One of them lied, or several; a masked sum does not show who."
    )


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
    """A block with records that were acted upon is gone from the chain."""

    block: int
    sentence = (
        "Block {block}, on whose records this installation acted, is gone: the chain was reorganised deeper than the "
        "confirmations that were awaited, or restored from an older copy. Ask the operator which history counts; then "
        "start again, on a public chain with more --confirmations."
    )


@dataclass(eq=False)
class UpdateUnusable(TamperedError):
    """A hospital's file, sealed or masked, cannot be added to the sum of its round."""

    hospital: bytes
    cause: HemaledgerError
    """What is wrong with it."""
    sentence = "The update of {hospital} cannot be used: {cause}"
