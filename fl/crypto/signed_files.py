"""Reads an OMS bundle (fl/crypto/model_signature.py): what a member's signature over the files of a model says.

Invariant: what is returned was signed by the key that was given; no bit of the bundle can change. Whose key it is, the
caller finds out.

Source: OMS 1.0 (https://github.com/ossf/model-signing-spec); in-toto Statement v1; DSSE v1.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from fl.crypto.model_signature import PAYLOAD, PREDICATE, STATEMENT, envelope
from fl.protocol import strict_json
from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, ModelChanged
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, Address, Digest, parse_hex

BUNDLE_CAP = 8 * 2**20
"""Bytes: some 100 for each file."""
KEY_CAP = 4096
_WHAT = "signature of a model"


@dataclass(frozen=True)
class SignedFiles:
    """What a member signed."""

    digests: Mapping[str, Digest]
    """The SHA-256 of each file, by its name."""
    consortium: bytes
    account: Address
    epoch: int
    """Of the member's key."""
    round: int
    model: Digest


def signed_files(bundle: bytes, pem: bytes) -> SignedFiles:
    """Return what a bundle says, if this key signed it.

    Args:
        bundle: The file `model.sig`.
        pem: The public key, P-256.

    Raises:
        EncodingError: the bundle or the key has another form.
        ModelChanged: the key did not sign it, or it contradicts itself.
    """
    sealed = _in(_object(bundle), "dsseEnvelope")
    signatures = sealed.value.get("signatures")
    first = signatures[0] if isinstance(signatures, list) and signatures else None
    payload = _decoded(sealed.text("payload"))
    signature = _decoded(Fields(first if isinstance(first, dict) else {}, _WHAT).text("sig"))
    if bundle != envelope(pem, payload, signature):
        raise ModelChanged("model.sig has another form, or names another key than member.pem")
    try:
        _key(pem).verify(signature, _message(payload), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise ModelChanged("the key in member.pem did not sign model.sig") from error
    return _said(_object(payload))


def _message(payload: bytes) -> bytes:
    return f"DSSEv1 {len(PAYLOAD)} {PAYLOAD} {len(payload)} ".encode() + payload


def _said(statement: Fields) -> SignedFiles:
    if (statement.text("_type"), statement.text("predicateType")) != (STATEMENT, PREDICATE):
        raise EncodingError(_WHAT, "it is a statement of another kind")
    predicate = _in(statement, "predicate")
    facts, resources = _in(predicate, "hemaledger"), predicate.value.get("resources")
    if not isinstance(resources, list):
        raise EncodingError(_WHAT, "it lists no files")
    digests = dict(_resource(each) for each in resources)
    root = sha256(b"".join(digests.values())).hexdigest()
    if len(digests) != len(resources) or list(digests) != sorted(digests) or _subject(statement) != root:
        raise ModelChanged("the list of files in model.sig contradicts itself")
    return SignedFiles(
        digests,
        parse_hex(facts.text("consortium"), DIGEST_BYTES, _WHAT),
        Address(parse_hex(facts.text("account"), ADDRESS_BYTES, _WHAT)),
        facts.integer("key_epoch"),
        facts.integer("round"),
        Digest(parse_hex(facts.text("model_digest"), DIGEST_BYTES, _WHAT)),
    )


def _resource(value: JsonValue) -> tuple[str, Digest]:
    fields = Fields(value if isinstance(value, dict) else {}, _WHAT)
    if fields.text("algorithm") != "sha256":
        raise EncodingError(_WHAT, "a file has another digest than SHA-256")
    return fields.text("name"), Digest(parse_hex("0x" + fields.text("digest"), DIGEST_BYTES, _WHAT))


def _subject(statement: Fields) -> str:
    subjects = statement.value.get("subject")
    first = subjects[0] if isinstance(subjects, list) and len(subjects) == 1 else None
    return _in(Fields(first if isinstance(first, dict) else {}, _WHAT), "digest").text("sha256")


def _key(pem: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise EncodingError("member.pem", "it is not a public key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise EncodingError("member.pem", "it is not a P-256 key")
    return key


def _object(data: bytes) -> Fields:
    value = strict_json.loads(data, _WHAT, BUNDLE_CAP)
    if not isinstance(value, dict):
        raise EncodingError(_WHAT, "it is not a JSON object")
    return Fields(value, _WHAT)


def _in(fields: Fields, name: str) -> Fields:
    return Fields(fields.mapping(name), _WHAT)


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise EncodingError(_WHAT, "a part of it is not base64") from error
