"""OpenSSF Model Signing 1.0 (OMS): one signature over the files of a model, by a member's P-256 key.

Invariant: equal files, facts and key give equal bytes (RFC 6979), and nothing but a member's present key signs.

A bundle is a sigstore bundle v0.3 as JSON. Its DSSE envelope holds an in-toto statement, which lists each file with its
SHA-256; the signature is ECDSA-P256-SHA256 (DER) over

    "DSSEv1 28 application/vnd.in-toto+json " ‖ length in decimal digits ‖ " " ‖ statement

A proof of possession begins with "BAFL/1/pop" (PROTOCOL.md 3), so neither signature can serve as the other.

Source: OMS 1.0 (https://github.com/ossf/model-signing-spec); in-toto Statement v1; DSSE v1; PROTOCOL.md 3.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fl.crypto.hpke_keys import PrivateKey, load_point
from fl.protocol.names import Address, Digest, show
from fl.protocol.ports import Anchor

SIGNATURE, KEY = "model.sig", "member.pem"
"""The names of the bundle, and of the member's public key, beside the model's files."""
MODEL_PROOF, KEY_PROOF = "model.tlog-proof", "key.tlog-proof"
"""The names of the proofs that the ledger names the model, and that the key is the member's (PROTOCOL.md 8T)."""
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
PAYLOAD = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@dataclass(frozen=True)
class SignedModel:
    """Which model a bundle is about."""

    anchor: Anchor
    """Of the ledger that names the model."""
    digest: Digest
    """Of the model (PROTOCOL.md 7, modelDigest)."""
    round: int
    """The round that made it; the last one before the ledger opened for the model of an opening."""


def with_signature(
    key: PrivateKey, account: Address, model: SignedModel, files: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Return the files of a model with the member's public key and the bundle over all of them.

    Args:
        key: The member's key of its present epoch.
        account: The member.
        model: What the files are.
        files: By name, with `/` between folders; neither KEY nor SIGNATURE is among them.
    """
    whole = {**files, KEY: public_pem(key.public_key)}
    return {**whole, SIGNATURE: bundle(key, account, model, whole)}


def public_pem(public_key: bytes) -> bytes:
    """Return a public key (SEC1 uncompressed, 65 bytes) as PEM (SubjectPublicKeyInfo); raise InvalidPoint."""
    public = load_point(public_key)
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def bundle(key: PrivateKey, account: Address, model: SignedModel, files: Mapping[str, bytes]) -> bytes:
    """Return the OMS bundle over files, as JSON (some 2 kB)."""
    payload = _json(_statement(key.epoch, account, model, files))
    signed = f"DSSEv1 {len(PAYLOAD)} {PAYLOAD} {len(payload)} ".encode() + payload
    signature = key.secret.sign(signed, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return envelope(public_pem(key.public_key), payload, signature)


def envelope(pem: bytes, payload: bytes, signature: bytes) -> bytes:
    """Return the bundle of a statement and its signature (DER)."""
    return _json(
        {
            "mediaType": BUNDLE,
            "verificationMaterial": {
                "publicKey": {"hint": sha256(pem).hexdigest()},
                "tlogEntries": [],
            },
            "dsseEnvelope": {
                "payload": b64encode(payload).decode(),
                "payloadType": PAYLOAD,
                "signatures": [{"sig": b64encode(signature).decode(), "keyid": ""}],
            },
        }
    )


def _statement(epoch: int, account: Address, model: SignedModel, files: Mapping[str, bytes]) -> dict[str, object]:
    digests = {name: sha256(files[name]) for name in sorted(files)}
    root = sha256(b"".join(each.digest() for each in digests.values())).hexdigest()
    anchor = model.anchor
    return {
        "_type": STATEMENT,
        "subject": [{"name": f"model-round-{model.round}", "digest": {"sha256": root}}],
        "predicateType": PREDICATE,
        "predicate": {
            "resources": [
                {"algorithm": "sha256", "digest": each.hexdigest(), "name": name} for name, each in digests.items()
            ],
            "serialization": {"allow_symlinks": False, "hash_type": "sha256", "ignore_paths": [], "method": "files"},
            "hemaledger": {
                "consortium": show(anchor.consortium),
                "chain_id": anchor.chain_id,
                "ledger": show(anchor.contract),
                "account": show(account),
                "key_epoch": epoch,
                "round": model.round,
                "model_digest": show(model.digest),
            },
        },
    }


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
