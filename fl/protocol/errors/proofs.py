"""What is wrong with a proof that travels, or with what is needed to check it (PROTOCOL.md 8T).

Every leaf of a wrong proof names the step of the verification that found it.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import (
    MalformedError,
    MisconfiguredError,
    RefusedError,
    TamperedError,
    UnavailableError,
)


@dataclass(eq=False)
class ProofMalformed(MalformedError):
    """A file is not a proof, a policy or a file of trust."""

    what: str
    why: str
    sentence = "This {what} cannot be read: {why}."


@dataclass(eq=False)
class LogSignatureInvalid(TamperedError):
    """The log did not sign the checkpoint of a proof (PROTOCOL.md 8T, step 2)."""

    why: str
    sentence = "The proof does not hold (step 2, the log's signature): {why}."


@dataclass(eq=False)
class CosignatureInvalid(TamperedError):
    """A cosignature of a known witness does not verify (PROTOCOL.md 8T, step 3)."""

    witness: str
    why: str
    sentence = "The proof does not hold (step 3, the witnesses): the line of {witness} is wrong: {why}."


@dataclass(eq=False)
class WitnessesMissing(RefusedError):
    """Too few witnesses cosigned for the verifier's policy (PROTOCOL.md 8T, step 3)."""

    cosigned: int
    known: int
    quorum: str
    sentence = (
        "The proof is not enough (step 3, the witnesses): {cosigned} of the {known} witnesses in your trust file "
        "cosigned, and this does not meet its quorum {quorum}. Ask for a newer proof."
    )


@dataclass(eq=False)
class ProofChanged(TamperedError):
    """A part of a proof does not fit its other parts (PROTOCOL.md 8T, steps 1, 4, 5, 6 and 8)."""

    step: int
    why: str
    sentence = "The proof does not hold (step {step}): {why}."


@dataclass(eq=False)
class ModelChanged(TamperedError):
    """The files of a model, their signature and their proofs do not belong together (fl/proofs/model_folder.py)."""

    why: str
    sentence = "The files of the model do not hold: {why}."


@dataclass(eq=False)
class BindingInvalid(TamperedError):
    """The part of a proof that ties its checkpoint to the chain does not verify (PROTOCOL.md 8T, step 7)."""

    why: str
    sentence = "The proof does not hold (step 7, the tie to the chain): {why}."


@dataclass(eq=False)
class ReceiptChanged(TamperedError):
    """A receipt does not fit its fingerprint or its proof (PROTOCOL.md 9, Records)."""

    why: str
    sentence = "The receipt does not hold: {why}."


@dataclass(eq=False)
class TrustMissing(MisconfiguredError):
    """A proof was to be checked without a file that says whom to trust."""

    why: str
    sentence = "Nothing says whose signatures count: {why}. Get trust.json from a member, not from who sent the proof."


@dataclass(eq=False)
class CheckpointForged(TamperedError):
    """A checkpoint is not of the history that this member reads on the chain (PROTOCOL.md 8T.3)."""

    size: int
    why: str
    sentence = (
        "The checkpoint of {size} records is not of the history that this member reads: {why}. Nothing was signed. "
        "Keep the checkpoint, it is evidence."
    )


@dataclass(eq=False)
class CheckpointEarly(RefusedError):
    """A checkpoint cannot be signed yet (PROTOCOL.md 8T.3)."""

    size: int
    why: str
    sentence = "The checkpoint of {size} records was not signed: {why}."


@dataclass(eq=False)
class CosignedOther(RefusedError):
    """A log and a witness do not agree on what the witness cosigned last (C2SP tlog-witness, status 409)."""

    size: int
    old: int
    sentence = "This witness cosigned a checkpoint of {size} records last, not of {old} with this root."


@dataclass(eq=False)
class ConsistencyInvalid(TamperedError):
    """A checkpoint does not continue the one that the witness cosigned last (C2SP tlog-witness, status 422)."""

    size: int
    old: int
    sentence = "The proof that the checkpoint of {size} records continues the one of {old} records does not hold."


@dataclass(eq=False)
class WitnessForgot(UnavailableError):
    """A witness does not know what it cosigned, because its folder came back from a backup (PROTOCOL.md 8T.3)."""

    member: str
    sentence = (
        "{member} does not know what it cosigned last: its folder came back from a backup. It signs nothing before the "
        "keeper of the log or another witness has shown what it cosigned: give --keeper or --peer."
    )


@dataclass(eq=False)
class RecordMissing(RefusedError):
    """The ledger has no record that could be proven."""

    sought: str
    sentence = "The ledger has no such record: {sought}. There is nothing to prove."
