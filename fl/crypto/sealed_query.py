"""A question that one member seals to another, and its sealed answer: for pictures that another hospital judges.

Invariant: `open_query` checks every field against what the receiver knows from the ledger and verifies the sender's
signature, and only then decrypts. Only who could open the question can make an answer that `open_answer` accepts.

Layout (big-endian):
    head     = "BAFL/1/query" ‖ consortium[32] ‖ sender[20] ‖ receiver[20] ‖ epoch of each:u32,u32 ‖ at:u64
    question = head ‖ signature[64] ‖ sealed
    sealed   = HPKE.SealBase(pk of the receiver, info = head, answerKey[32] ‖ body)
    answer   = nonce[12] ‖ AES-256-GCM(answerKey, nonce, aad = SHA-256(question), length:u32 ‖ body ‖ zeros)
The signature (ECDSA-P256-SHA256 by the sender's key, r ‖ s) covers head ‖ SHA-256(sealed). The nonce is random, because
somebody on the way can send a question again within five minutes and get a second answer under the same key. Answers
are filled up to whole kilobytes, so that their length says nothing.

Source: RFC 9180, 6.1 (single-shot base mode); NIST SP 800-38D, 8.2.2 (random nonces).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fl.crypto.hpke_keys import PrivateKey, load_point, verify_possession
from fl.protocol.codec import Reader, Writer, sha256
from fl.protocol.errors import AuthFailure, EncodingError, KeyEpochMismatch, SignatureInvalid, WrongContext
from fl.protocol.keys.members import KeyBook, MemberKey
from fl.protocol.names import Address, Role

LABEL = b"BAFL/1/query"
KEY_BYTES, SIGNATURE_BYTES = 32, 64
HEAD_BYTES = len(LABEL) + 32 + 20 + 20 + 4 + 4 + 8
CLOCKS_APART_S = 300
"""A question that is older or newer than this is refused, so that nobody can ask it again later."""
BLOCK_BYTES = 1024
NONCE_BYTES = 12
_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_QUESTION, _ANSWER = "question to a server", "answer of a server"


@dataclass(frozen=True)
class Asker:
    """The member that asks."""

    consortium: bytes
    """32 bytes (PROTOCOL.md 1)."""
    account: Address
    key: PrivateKey


@dataclass(frozen=True)
class Question:
    """A sealed question, and what opens its answer."""

    data: bytes
    answer_key: bytes


@dataclass(frozen=True)
class Opened:
    """A question as its receiver reads it."""

    sender: Address
    body: bytes
    answer_key: bytes
    digest: bytes
    """SHA-256 of the question."""


def seal_query(asker: Asker, receiver: Address, key: MemberKey, at: int, body: bytes) -> Question:
    """Seal a question to a member's key.

    Args:
        asker: Who asks.
        receiver: The member that may open it.
        key: Its present key, from the ledger.
        at: Seconds since 1970.
        body: Anything.

    Raises:
        InvalidPoint: the receiver's key is not a point.
    """
    answer_key = os.urandom(KEY_BYTES)
    head = _head(asker.consortium, (asker.account, receiver), (asker.key.epoch, key.epoch), at)
    sealed = _SUITE.encrypt(answer_key + body, load_point(key.public_key), head)
    signature = asker.key.prove_possession(head + sha256(sealed))
    return Question(head + signature + sealed, answer_key)


def open_query(data: bytes, book: KeyBook, me: Address, keys: Mapping[int, PrivateKey], now: int) -> Opened:
    """Check a question, then open it.

    Raises:
        EncodingError: it is too short or no question.
        WrongContext: it belongs to another consortium or receiver, or its time is more than five minutes off.
        UnknownSender, RevokedSender, WrongRole: the sender is not a hospital of the consortium now.
        KeyEpochMismatch: it names an older key of the sender, or a key that the receiver does not have.
        SignatureInvalid: the signature is not the sender's.
        AuthFailure: it was not sealed to this key.
    """
    reader = Reader(data[: HEAD_BYTES + SIGNATURE_BYTES], _QUESTION)
    if reader.raw(len(LABEL)) != LABEL:
        raise EncodingError(_QUESTION, "it does not begin like one")
    consortium, sender, receiver = reader.raw(32), Address(reader.raw(20)), Address(reader.raw(20))
    epoch, mine, at = reader.u32(), reader.u32(), reader.u64()
    signature = reader.raw(SIGNATURE_BYTES)
    head, sealed = data[:HEAD_BYTES], data[HEAD_BYTES + SIGNATURE_BYTES :]
    for what, right in (
        ("consortium", consortium == book.consortium),
        ("receiver", receiver == me),
        ("time", abs(at - now) <= CLOCKS_APART_S),
    ):
        if not right:
            raise WrongContext(what)
    key = book.active(sender, Role.HOSPITAL).key
    if key is None or key.epoch != epoch:
        raise KeyEpochMismatch(epoch, key.epoch if key else 0)
    if mine not in keys:
        raise KeyEpochMismatch(mine, max(keys, default=0))
    if not verify_possession(key.public_key, head + sha256(sealed), signature):
        raise SignatureInvalid("it is not the sender's")
    try:
        plain = _SUITE.decrypt(sealed, keys[mine].secret, head)
    except (InvalidTag, ValueError) as error:
        raise AuthFailure(_QUESTION) from error
    if len(plain) < KEY_BYTES:
        raise EncodingError(_QUESTION, "it has no key for the answer")
    return Opened(sender, plain[KEY_BYTES:], plain[:KEY_BYTES], sha256(data))


def seal_answer(opened: Opened, body: bytes) -> bytes:
    """Seal the answer to a question."""
    padding = -(4 + len(body)) % BLOCK_BYTES
    plain = Writer().u32(len(body)).raw(body, len(body)).raw(bytes(padding), padding).bytes()
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(opened.answer_key).encrypt(nonce, plain, opened.digest)


def open_answer(question: Question, data: bytes) -> bytes:
    """Return the body of the answer to a question.

    Raises:
        AuthFailure: it answers another question, or somebody else made it.
        EncodingError: it is malformed inside.
    """
    try:
        plain = AESGCM(question.answer_key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], sha256(question.data))
    except (InvalidTag, ValueError) as error:
        raise AuthFailure(_ANSWER) from error
    reader = Reader(plain, _ANSWER)
    return reader.raw(reader.u32())


def _head(consortium: bytes, between: tuple[Address, Address], epochs: tuple[int, int], at: int) -> bytes:
    writer = Writer().raw(LABEL, len(LABEL)).raw(consortium, 32).raw(between[0], 20).raw(between[1], 20)
    return writer.u32(epochs[0]).u32(epochs[1]).u64(at).bytes()
