"""Batches: the steps of a phase of a wide round in one file, and the roster of the round in another.

Hospitals of a wide round send no transactions. Each signs its step (a `StepStatement`) and puts it on the board of the
vault. The coordinator writes a phase's steps into one file and records its digest, its root and its count.

Invariant: one list of steps has one file and one root. A reader knows a size before it reads what has that size.

Layout (big-endian):
    opening  = "BAFL/1/opening" ‖ n:u16 ‖ n·account[20] ‖ group key[65] ‖ m:u16 ‖ m·digest[32]
    opening2 = "BAFL/1/opening2" ‖ (the same) ‖ clusters:u16 ‖ fewest:u16 ‖ across:u16     with clusters (5W.5)
    step     = account[20] ‖ length:u32 ‖ body[length] ‖ signature[65]                 one file of the board
    steps    = "BAFL/1/steps" ‖ context[32] ‖ phase:u8 ‖ n:u16 ‖ n·(goes on:u8 ‖ step)   ascending by account
    leaf     = H("BAFL/1/stepleaf" ‖ goes on:u8 ‖ H(step)[32])
    root     = MTH(leaf_1 … leaf_n)                                                    RFC 9162, 2.1.1
    body of  ADVERTISE  S[33] ‖ E[33]          SHARE     A[33·t] ‖ B[33·t] ‖ bundle digest[32]
             COMPLAIN   complaints             MASK      digest[32]
             AGREE      set digest[32] ‖ signature[65]
             UNMASK     set digest[32] ‖ digest[32]      PROPOSED  model digest[32] ‖ report digest[32]

Source: PROTOCOL.md 5W.2; RFC 9162; EIP-712 (chain/transactions/eip712.py has the signed form of a step).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from fl.protocol import merkle
from fl.protocol.codec import Reader, Writer, sha256
from fl.protocol.errors import EncodingError
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, LABEL_PREFIX, Address, Digest
from fl.protocol.ports import StepStatement
from fl.protocol.records import (
    ClusterTerms,
    KeysAdvertised,
    ModelAttested,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    UpdateCommitted,
    WideTerms,
)
from fl.protocol.rounds.masked import SIGNATURE_BYTES, most_complaints
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.rounds.rules import MAX_WIDE_ROSTER
from fl.protocol.steps import COMPLAINT_BYTES, POINT_BYTES

StepRecord = (
    KeysAdvertised | SharesDealt | SharesChecked | UpdateCommitted | SetEndorsed | SharesRevealed | ModelAttested
)
STEPS: Mapping[Phase, type[StepRecord]] = MappingProxyType(
    {
        Phase.ADVERTISE: KeysAdvertised,
        Phase.SHARE: SharesDealt,
        Phase.COMPLAIN: SharesChecked,
        Phase.MASK: UpdateCommitted,
        Phase.AGREE: SetEndorsed,
        Phase.UNMASK: SharesRevealed,
        Phase.PROPOSED: ModelAttested,
    }
)
"""The record that a member makes in each phase of a wide round."""
PHASES: Mapping[type[StepRecord], Phase] = MappingProxyType({kind: phase for phase, kind in STEPS.items()})

GROUP_KEY_BYTES = 65
MAX_KEY_FILES = 1024
BODY_CAP = 1 << 18
"""The largest body, in bytes: 1,024 shares need 67,616, complaints about 1,024 hospitals 119,808."""
STEP_CAP = ADDRESS_BYTES + 4 + BODY_CAP + SIGNATURE_BYTES
MAX_STEPS = MAX_WIDE_ROSTER + 1024
"""Hospitals, and in PROPOSED also auditors."""
OPENING_CAP = 64 + ADDRESS_BYTES * MAX_WIDE_ROSTER + GROUP_KEY_BYTES + DIGEST_BYTES * MAX_KEY_FILES
_OPENING, _OPENING_2, _STEPS = "opening", "opening2", "steps"


@dataclass(frozen=True)
class Step:
    """One member's signed step."""

    account: Address
    body: bytes
    signature: bytes
    """65 bytes r ‖ s ‖ v over the StepStatement."""

    def to_bytes(self) -> bytes:
        writer = Writer().raw(self.account, ADDRESS_BYTES).text(self.body)
        return writer.raw(self.signature, SIGNATURE_BYTES).bytes()

    @property
    def digest(self) -> Digest:
        """Return SHA-256 of its bytes: its name on the board, and what a hospital that was left out states."""
        return sha256(self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> Step:
        """Parse one file of the board; raise EncodingError."""
        reader = Reader(data, "step")
        step = cls.read(reader)
        reader.end()
        return step

    @classmethod
    def read(cls, reader: Reader) -> Step:
        """Take a step from a reader; raise EncodingError."""
        account, length = Address(reader.raw(ADDRESS_BYTES)), reader.u32()
        if length > BODY_CAP:
            raise EncodingError("step", f"its body has {length} bytes; {BODY_CAP} are allowed")
        return cls(account, reader.raw(length), reader.raw(SIGNATURE_BYTES))


@dataclass(frozen=True)
class Batch:
    """The steps of one phase, ascending by account."""

    context: bytes
    """Of the round (Round.context), 32 bytes."""
    phase: Phase
    steps: tuple[Step, ...]
    going: frozenset[Address]
    """The accounts that go on."""

    def to_bytes(self) -> bytes:
        writer = Writer(_STEPS).raw(self.context, 32).u8(self.phase).u16(len(self.steps))
        return b"".join(
            [writer.bytes(), *(bytes([each.account in self.going]) + each.to_bytes() for each in self.steps)]
        )

    @classmethod
    def from_bytes(cls, data: bytes, context: bytes, phase: Phase) -> Batch:
        """Parse a file; raise EncodingError for another layout, round or phase, or accounts out of order."""
        reader = Reader(data, "batch of steps")
        head = Writer(_STEPS).raw(context, 32).u8(phase).bytes()
        if reader.raw(len(head)) != head:
            raise EncodingError("batch of steps", "it belongs to another round or phase")
        count = reader.u16()
        if count > MAX_STEPS:
            raise EncodingError("batch of steps", f"it has {count} steps; {MAX_STEPS} are allowed")
        steps, going, last = [], [], b""
        for _ in range(count):
            goes_on, step = reader.u8(), Step.read(reader)
            if goes_on > 1 or step.account <= last:
                raise EncodingError("batch of steps", "its members are not in order")
            last = step.account
            steps.append(step)
            going += [step.account] if goes_on else []
        reader.end()
        return cls(context, phase, tuple(steps), frozenset(going))

    @property
    def leaves(self) -> tuple[Digest, ...]:
        return tuple(leaf(each, goes_on=each.account in self.going) for each in self.steps)

    @property
    def root(self) -> Digest:
        return merkle.root_of(self.leaves)

    def proof(self, account: Address) -> tuple[int, tuple[Digest, ...]]:
        """Return place and path of a member's step, or raise StopIteration if it is not in the batch."""
        place = next(place for place, each in enumerate(self.steps) if each.account == account)
        return place, merkle.inclusion_path(self.leaves, place)


def cap_of(count: int, current: Round, phase: Phase) -> int:
    """Return the largest size of a file with so many steps, in bytes; it depends on what the ledger says alone."""
    return 64 + min(count, MAX_STEPS) * (1 + STEP_CAP - BODY_CAP + _body_cap(current, phase))


def _body_cap(current: Round, phase: Phase) -> int:
    """Return the largest body that the rules allow in a phase, in bytes."""
    if phase == Phase.SHARE:
        return 2 * POINT_BYTES * current.terms.threshold + DIGEST_BYTES
    if phase == Phase.COMPLAIN:
        return min(COMPLAINT_BYTES * most_complaints(current), BODY_CAP)
    return SIGNATURE_BYTES + DIGEST_BYTES


def leaf(step: Step, *, goes_on: bool) -> Digest:
    """Return a step's leaf in the tree of its batch."""
    return Writer("stepleaf").u8(goes_on).raw(step.digest, DIGEST_BYTES).digest()


# --- Opening ---------------------------------------------------------------------------------------------------


def opening_file(roster: Sequence[Address], wide: WideTerms) -> bytes:
    """Return the file that a wide round opens with."""
    writer = Writer(_OPENING if wide.clusters is None else _OPENING_2).u16(len(roster))
    for account in roster:
        writer.raw(account, ADDRESS_BYTES)
    writer.raw(wide.group_key, GROUP_KEY_BYTES).u16(len(wide.key_files))
    for digest in wide.key_files:
        writer.raw(digest, DIGEST_BYTES)
    if wide.clusters is not None:
        writer.u16(wide.clusters.count).u16(wide.clusters.fewest).u16(wide.clusters.across)
    return writer.bytes()


@dataclass(frozen=True)
class OpeningFile:
    """What the file of an opening says."""

    roster: tuple[Address, ...]
    group_key: bytes
    key_files: tuple[Digest, ...]
    clusters: ClusterTerms | None


def parse_opening(data: bytes, hospitals: int) -> OpeningFile:
    """Return what the file of a wide round's opening says; raise EncodingError."""
    reader = Reader(data, "opening of a wide round")
    label, later = (LABEL_PREFIX + each.encode() for each in (_OPENING, _OPENING_2))
    clustered = data.startswith(later)
    if reader.raw(len(later if clustered else label)) != (later if clustered else label):
        raise EncodingError("opening of a wide round", "it begins with another label")
    if reader.u16() != hospitals:
        raise EncodingError("opening of a wide round", "it has another number of hospitals than the ledger says")
    roster = tuple(Address(reader.raw(ADDRESS_BYTES)) for _ in range(hospitals))
    group_key, files = reader.raw(GROUP_KEY_BYTES), reader.u16()
    if files > MAX_KEY_FILES:
        raise EncodingError("opening of a wide round", f"it names {files} key files; {MAX_KEY_FILES} are allowed")
    key_files = tuple(Digest(reader.raw(DIGEST_BYTES)) for _ in range(files))
    clusters = ClusterTerms(reader.u16(), reader.u16(), reader.u16()) if clustered else None
    reader.end()
    return OpeningFile(roster, group_key, key_files, clusters)


# --- Records and their bodies ----------------------------------------------------------------------------------


def body_of(record: StepRecord) -> bytes:
    """Return the bytes of a record's fields behind sender and round, in their order."""
    return b"".join(getattr(record, each.name) for each in fields(record)[2:])


def record_of(step: Step, phase: Phase, number: int) -> StepRecord:
    """Return the record that a step makes in round `number`; raise EncodingError for a body of another form."""
    kind = STEPS[phase]
    return kind(step.account, number, *_SPLIT[phase](step.body))


def statement(current: Round, phase: Phase, body: bytes) -> StepStatement:
    """Return what a member signs for its step."""
    anchor = current.anchor
    return StepStatement(
        anchor.consortium, anchor.chain_id, anchor.contract, current.number, current.context, phase, sha256(body)
    )


def _fixed(*lengths: int) -> Callable[[bytes], list[Any]]:
    def split(body: bytes) -> list[Any]:
        reader = Reader(body, "step")
        parts = [reader.raw(length) for length in lengths]
        reader.end()
        return parts

    return split


def _dealing(body: bytes) -> list[Any]:
    half, odd = divmod(len(body) - DIGEST_BYTES, 2)
    if half < 0 or odd:
        raise EncodingError("step", "its two vectors of commitments differ in length")
    return _fixed(half, half, DIGEST_BYTES)(body)


_SPLIT: Mapping[Phase, Callable[[bytes], list[Any]]] = MappingProxyType(
    {
        Phase.ADVERTISE: _fixed(POINT_BYTES, POINT_BYTES),
        Phase.SHARE: _dealing,
        Phase.COMPLAIN: lambda body: [body],
        Phase.MASK: _fixed(DIGEST_BYTES),
        Phase.AGREE: _fixed(DIGEST_BYTES, SIGNATURE_BYTES),
        Phase.UNMASK: _fixed(DIGEST_BYTES, DIGEST_BYTES),
        Phase.PROPOSED: _fixed(DIGEST_BYTES, DIGEST_BYTES),
    }
)
