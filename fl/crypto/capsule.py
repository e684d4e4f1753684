"""The part of an envelope that a trustee needs: its core, the ciphertext to the threshold key, and its policy.

Invariant: `Capsule.check` returns the ciphertext only after it made every check that needs no ledger. No one computes
with a share before that.

Layout (big-endian):
    capsule = core[138] ‖ key_id[16] ‖ u[33] ‖ ū[33] ‖ π[64] ‖ length:u32 ‖ policy[length] ‖ half
    half    = of a record of suite 2 (long_committee.py); nothing of other files
    policy  = record id[16] ‖ readers:u8 ‖ consent:u16                 of a RECORD; empty of a MODEL
    context of a RECORD's core = H("BAFL/1/rec" ‖ policy ‖ key_id)

Source: PROTOCOL.md 9 (Encapsulation; Requests).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

from fl.crypto.envelope_form import CORE_BYTES, Core, Header, Kind, Parts
from fl.crypto.key_wrapping import KEY_ID_BYTES, CommitteeKey, parts_of
from fl.crypto.long_committee import HALF_CAP, Half
from fl.crypto.threshold import CIPHERTEXT_BYTES, Ciphertext, ThresholdKey, label_of
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import CiphertextInvalid, EncodingError, PolicyNotApproved, RecipientNotFound
from fl.protocol.names import Address, Digest, KeyUse, Purpose, Suite
from fl.protocol.ports import Anchor

RECORD_ID_BYTES = 16
NO_KEY = bytes(KEY_ID_BYTES)
"""Takes the place of K_REC in the context of a record that was sealed only to its hospital."""
_POLICY_BYTES = RECORD_ID_BYTES + 3
CAPSULE_CAP = CORE_BYTES + KEY_ID_BYTES + CIPHERTEXT_BYTES + 4 + _POLICY_BYTES + HALF_CAP
"""The largest possible size, in bytes."""
_ALL_CONSENT = (1 << (Purpose.RELEASE - 1)) - 1
_KINDS = {KeyUse.RECORDS: Kind.RECORD, KeyUse.MODEL: Kind.MODEL}


class Readers(IntEnum):
    """Who can open a record."""

    HOSPITAL_AND_TRUSTEES = 1
    TRUSTEES = 2


@dataclass(frozen=True)
class RecordPolicy:
    """A patient's choices for one record."""

    record: bytes
    """16 random bytes."""
    readers: Readers
    consent: frozenset[Purpose]
    """RELEASE, which is for models, is never among them."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse 19 bytes, or raise EncodingError (length, readers, an unknown bit)."""
        reader = Reader(data, "policy of a record")
        record, readers, bits = reader.raw(RECORD_ID_BYTES), reader.u8(), reader.u16()
        reader.end()
        if readers not in tuple(Readers):
            raise EncodingError("policy of a record", f"it has the readers {readers}")
        if bits > _ALL_CONSENT:
            raise EncodingError("policy of a record", "it allows a purpose that records do not have")
        return cls(record, Readers(readers), frozenset(each for each in Purpose if bits >> (each - 1) & 1))

    def to_bytes(self) -> bytes:
        """Return the 19 bytes; consent to RELEASE is a programming error (ValueError)."""
        bits = sum(1 << (purpose - 1) for purpose in self.consent)
        if bits > _ALL_CONSENT:
            raise ValueError("a record is never released as a model is")
        return Writer().raw(self.record, RECORD_ID_BYTES).u8(self.readers).u16(bits).bytes()

    def allows(self, purpose: Purpose) -> bool:
        """Return whether the patient agreed to this purpose."""
        return purpose in self.consent

    def context(self, key: CommitteeKey) -> Digest:
        """Return the context of the record's envelope, which binds it to this policy and to K_REC."""
        return self.bound_to(key.key_id)

    def bound_to(self, key_id: bytes) -> Digest:
        """Return the same from the key's 16 bytes; NO_KEY when no committee had K_REC yet."""
        return Writer("rec").raw(self.to_bytes(), _POLICY_BYTES).raw(key_id, KEY_ID_BYTES).digest()

    def core(self, anchor: Anchor, sender: Address, epoch: int, key: CommitteeKey) -> Core:
        """Return the core of the record's envelope: the contract is the key authority, round and seq are 0."""
        suite = Suite.P256 if isinstance(key, ThresholdKey) else Suite.HYBRID
        return Core(Kind.RECORD, key_anchor(anchor), sender, 0, epoch, self.context(key), suite=suite)


@dataclass(frozen=True)
class RequestBinding:
    """The facts of a decryption request that its capsule must fit, and to which each partial decryption is bound."""

    label: Digest
    number: int
    """u64."""
    use: KeyUse
    epoch: int
    """u32: of the committee in the request."""
    purpose: Purpose
    model_context: bytes = b""
    """MODEL: the context of the round that made the model."""
    suite: Suite = Suite.P256
    """Of the capsule, and so of the answers."""

    def context(self, index: int) -> Digest:
        """Return the 32 bytes to which the partial decryption of party `index` is bound."""
        writer = Writer("pdec").raw(self.label, 32).u64(self.number).u8(self.use)
        return writer.u32(self.epoch).u16(index).digest()


@dataclass(frozen=True)
class Capsule:
    """A parsed capsule."""

    core: bytes
    """138 bytes."""
    header: Header
    """The same, parsed."""
    key_id: bytes
    ciphertext: Ciphertext
    policy: RecordPolicy | None
    """None for a model."""
    half: Half | None = None
    """Of a record of suite 2."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse a capsule.

        Raises:
            EncodingError: another layout, or a kind of envelope that is never sealed to a threshold key.
            InvalidPoint: u or ū is not a point.
        """
        reader = Reader(data, "capsule")
        core, key_id = reader.raw(CORE_BYTES), reader.raw(KEY_ID_BYTES)
        ciphertext = Ciphertext.from_bytes(reader.raw(CIPHERTEXT_BYTES))
        policy, header = reader.raw(reader.u32()), Header.from_bytes(core)
        half = Half.read(reader) if _is_long(header) else None
        reader.end()
        return cls(core, header, key_id, ciphertext, _parse_policy(header, policy), half)

    def to_bytes(self) -> bytes:
        policy, half = (each.to_bytes() if each else b"" for each in (self.policy, self.half))
        return self.core + self.key_id + self.ciphertext.to_bytes() + Writer().text(policy).bytes() + half

    @classmethod
    def of(cls, file: bytes, key: CommitteeKey, policy: bytes) -> Self:
        """Take the capsule out of an envelope; `policy` is empty for a model.

        Raises:
            EncodingError, InvalidPoint: as `from_bytes`.
            RecipientNotFound: the envelope is not sealed to `key`.
        """
        return cls.sealed_to(file, key.key_id, policy)

    @classmethod
    def sealed_to(cls, file: bytes, key_id: bytes, policy: bytes) -> Self:
        """Do the same with only the key's id; the key may be an old one."""
        parts = Parts.of(file)
        if key_id not in parts.wraps:
            raise RecipientNotFound
        core = parts.head[:CORE_BYTES]
        header = Header.from_bytes(core)
        ciphertext, half = parts_of(parts.wraps[key_id], long=_is_long(header))
        return cls(core, header, key_id, ciphertext, _parse_policy(header, policy), half)

    @property
    def label(self) -> Digest:
        return label_of(self.core)

    @property
    def suite(self) -> Suite:
        return Suite.P256 if self.half is None else Suite.HYBRID

    def opening_key(self, key: ThresholdKey) -> CommitteeKey:
        """Return what names the committee in the wrap, if its first half is sealed to `key`."""
        return key if self.half is None else self.half.seats(key)

    def is_sealed_to(self, key: ThresholdKey) -> bool:
        return self.key_id == self.opening_key(key).key_id

    def check(self, binding: RequestBinding, key: ThresholdKey) -> Ciphertext:
        """Make every check that needs no ledger, then return the ciphertext that the request asks to open.

        Raises:
            CiphertextInvalid: kind, label, key, context or proof.
            PolicyNotApproved: purpose, or consent.
        """
        header = self.header
        for what, right in (
            ("this key does not open files of its kind", _KINDS.get(binding.use) == header.kind),
            ("its suite or flags are unknown", (header.suite, header.flags) == (self.suite, 0)),
            ("its label is not the one in the request", self.label == binding.label),
            ("it is sealed to another key", self.is_sealed_to(key)),
            ("its context does not follow from its policy or round", self._in_context(binding)),
        ):
            if not right:
                raise CiphertextInvalid(what)
        if (binding.purpose == Purpose.RELEASE) != (binding.use == KeyUse.MODEL):
            raise PolicyNotApproved("purpose")
        if self.policy and not self.policy.allows(binding.purpose):
            raise PolicyNotApproved("consent")
        self.ciphertext.verify(binding.label)
        return self.ciphertext

    def _in_context(self, binding: RequestBinding) -> bool:
        if self.policy is None:
            return self.header.context == binding.model_context
        return (self.header.round, self.header.seq, self.header.context) == (0, 0, self.policy.bound_to(self.key_id))


def key_anchor(anchor: Anchor) -> Anchor:
    """Return the anchor of records and partial decryptions: the key authority, which stays when ledgers change."""
    return replace(anchor, contract=anchor.authority)


def _is_long(header: Header) -> bool:
    """Return whether a second half belongs to a file: to a record of suite 2; models of suite 2 have none."""
    return (header.kind, header.suite) == (Kind.RECORD, Suite.HYBRID)


def _parse_policy(header: Header, policy: bytes) -> RecordPolicy | None:
    """Return the policy that a core of this kind needs."""
    if header.kind == Kind.RECORD:
        return RecordPolicy.from_bytes(policy)
    if header.kind != Kind.MODEL or policy:
        raise EncodingError("capsule", "files of its kind are never sealed to a threshold key")
    return None
