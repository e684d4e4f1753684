"""Checks the files of a model together: signature, whose key it is, that the ledger names the model, and its digest.

Invariant: what `check_model` returns holds for all files; one that nobody signed is an error. Nothing is needed but the
files and a trust file.

Source: PROTOCOL.md 7 (modelDigest) and 8T; OMS 1.0; safetensors (the format).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from fl.crypto.model_signature import KEY, KEY_PROOF, MODEL_PROOF, SIGNATURE, public_pem
from fl.crypto.signed_files import BUNDLE_CAP, KEY_CAP, SignedFiles, signed_files
from fl.proofs.verify import Proven, verify
from fl.protocol import strict_json
from fl.protocol.codec import Writer, sha256
from fl.protocol.errors import EncodingError, ModelChanged
from fl.protocol.names import DIGEST_BYTES, Digest
from fl.protocol.ports import ChainFacts
from fl.protocol.records import FederationOpened, KeyRegistered, KeyRotated, RoundFinalised, WideFinalised
from fl.protocol.tlog.proof_file import PROOF_CAP
from fl.protocol.tlog.trust import Trust

MANIFEST, WEIGHTS = "manifest.json", "model.safetensors"
HEADER_CAP = 16 * 2**20
MANIFEST_CAP = 16 * 2**20
CHUNK = 1 << 20
MOST_BYTES = 1 << 48
_FLOAT_BYTES = 4
Open = Callable[[str], IO[bytes]]
"""Opens a file by its name."""


@dataclass(frozen=True)
class ModelProven:
    """What the files of a model show."""

    signed: SignedFiles
    model: Proven | None
    """That the ledger names the model; None if its proof is not among the files (it waits)."""
    key: Proven | None
    """That the key is this member's; None if its proof is not among the files."""
    computed: bool
    """Whether the model's digest was computed again from the weights; False for a sealed export."""


def check_model(names: Collection[str], opened: Open, trust: Trust, facts: ChainFacts) -> ModelProven:
    """Return what the files of a model show.

    Args:
        names: Of all files.
        opened: Opens one of them.
        trust: Whom the verifier trusts.
        facts: Reads the chain's bytes.

    Raises:
        EncodingError: signature, key, manifest or weights are missing or have another form.
        ModelChanged: the parts do not belong together, or a file was changed, added or left out.
        ProofMalformed, ProofChanged, LogSignatureInvalid, WitnessesMissing, …: a proof does not hold.
    """
    if not {SIGNATURE, KEY} <= set(names):
        raise EncodingError("model", f"{SIGNATURE} and {KEY} are not both there: nobody signed these files")
    pem = _read(opened, KEY, KEY_CAP)
    signed = signed_files(_read(opened, SIGNATURE, BUNDLE_CAP), pem)
    if signed.consortium != trust.consortium:
        raise ModelChanged("it is a model of another consortium than your trust file names")
    _check_files(signed, names, opened)
    computed = {MANIFEST, WEIGHTS} <= set(names)
    if computed and digest_of(_read(opened, MANIFEST, MANIFEST_CAP), lambda: opened(WEIGHTS)) != signed.model:
        raise ModelChanged("the weights have another digest than the signature says")
    model, key = (
        verify(_read(opened, name, PROOF_CAP + 1), trust, facts) if name in names else None
        for name in (MODEL_PROOF, KEY_PROOF)
    )
    if model is not None:
        _check_model(model, signed)
    if key is not None:
        _check_key(key, signed, pem)
    return ModelProven(signed, model, key, computed)


def digest_of(manifest: bytes, weights: Callable[[], IO[bytes]]) -> Digest:
    """Return the digest of a model, of its manifest and its safetensors file; raise EncodingError.

    It is SHA-256 over "BAFL/1/model", the manifest's SHA-256, the number of values (u64), and all values as float32 in
    the order of the manifest.
    """
    rows = strict_json.loads(manifest, "manifest", MANIFEST_CAP)
    names = [each.get("name") for each in rows if isinstance(each, dict)] if isinstance(rows, list) else []
    with weights() as file:
        length = int.from_bytes(file.read(8), "little")
        if length > HEADER_CAP:
            raise EncodingError("weights", "their head is too long")
        header = strict_json.loads(file.read(length), "weights", HEADER_CAP)
        places = [_place(header, name) for name in names]
        if not isinstance(rows, list) or len(names) != len(rows):
            raise EncodingError("manifest", "it is not a list of tensors")
        count = sum(end - start for start, end in places) // _FLOAT_BYTES
        found = hashlib.sha256(Writer("model").raw(sha256(manifest), DIGEST_BYTES).u64(count).bytes())
        for start, end in places:
            file.seek(8 + length + start)
            left = end - start
            while left:
                part = file.read(min(CHUNK, left))
                if not part:
                    raise EncodingError("weights", "the file is too short")
                found.update(part)
                left -= len(part)
    return Digest(found.digest())


def words_of(proven: ModelProven) -> Sequence[str]:
    """Return what the files show beside their proofs, a fact in a line."""
    waits = "is not among the files: it waits for a cosigned checkpoint, or was left out. Nothing shows that"
    lines = [
        f"The key in {KEY} signed all {len(proven.signed.digests)} files, as the model of round {proven.signed.round}.",
        "The model's digest was computed again from the weights: it is the signed one."
        if proven.computed
        else "The weights are sealed: the model's digest could not be computed again.",
    ]
    if proven.model is None:
        lines.append(f"{MODEL_PROOF} {waits} the ledger names this model.")
    if proven.key is None:
        lines.append(f"{KEY_PROOF} {waits} the key is a member's.")
    return lines


def _check_files(signed: SignedFiles, names: Collection[str], opened: Open) -> None:
    here = set(names) - {SIGNATURE}
    if missing := sorted(set(signed.digests) - here):
        raise ModelChanged(f"{missing[0]} was signed, and is not there")
    if added := sorted(here - set(signed.digests)):
        raise ModelChanged(f"{added[0]} was not signed")
    for name, expected in signed.digests.items():
        with opened(name) as file:
            if _digest(file) != expected:
                raise ModelChanged(f"{name} is not as it was signed")


def _check_model(proven: Proven, signed: SignedFiles) -> None:
    record = proven.record
    if isinstance(record, RoundFinalised | WideFinalised):
        found = record.round, record.model_digest
    elif isinstance(record, FederationOpened):
        found = record.last_round, record.model_digest
    else:
        raise ModelChanged(f"{MODEL_PROOF} is about another thing than a model")
    if found != (signed.round, signed.model):
        raise ModelChanged(f"{MODEL_PROOF} is of another model")


def _check_key(proven: Proven, signed: SignedFiles, pem: bytes) -> None:
    record = proven.record
    if not isinstance(record, KeyRegistered | KeyRotated):
        raise ModelChanged(f"{KEY_PROOF} is about another thing than a key")
    if (record.sender, record.epoch) != (signed.account, signed.epoch) or public_pem(record.public_key) != pem:
        raise ModelChanged(f"{KEY_PROOF} is of another key than the one in {KEY}")


def _place(header: object, name: object) -> tuple[int, int]:
    """Return where a tensor of float32 is in the data of a safetensors file."""
    fields: Mapping[str, object] = header.get(name, {}) if isinstance(header, dict) and isinstance(name, str) else {}
    offsets, shape = _sizes(fields.get("data_offsets")), _sizes(fields.get("shape"))
    if fields.get("dtype") != "F32" or offsets is None or shape is None or len(offsets) != 2:  # noqa: PLR2004
        raise EncodingError("weights", f"the tensor {name} is not there, or not of float32")
    start, end = offsets
    if end - start != _FLOAT_BYTES * math.prod(shape):
        raise EncodingError("weights", f"the tensor {name} has another size than its shape")
    return start, end


def _sizes(value: object) -> list[int] | None:
    """Return a list of sizes; None for anything else."""
    if not isinstance(value, list) or not all(isinstance(each, int) and 0 <= each < MOST_BYTES for each in value):
        return None
    return value


def _digest(file: IO[bytes]) -> bytes:
    found = hashlib.sha256()
    while part := file.read(CHUNK):
        found.update(part)
    return found.digest()


def _read(opened: Open, name: str, cap: int) -> bytes:
    with opened(name) as file:
        data = file.read(cap + 1)
    if len(data) > cap:
        raise EncodingError(name, f"it has more than {cap} bytes")
    return data
