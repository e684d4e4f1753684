"""A ledger's records one after another, made by hand: accounts, times and contracts are what a test says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from fl.protocol.errors import HemaledgerError
from fl.protocol.federation import Federation, step
from fl.protocol.names import NO_ADDRESS, Address, Digest, Protection, Role
from fl.protocol.ports import Anchor
from fl.protocol.records import (
    KEY_RECORDS,
    ConsortiumFounded,
    Entry,
    FederationOpened,
    KeyRegistered,
    KeysAdvertised,
    MemberRegistered,
    ModelAttested,
    ModelProposed,
    PhaseClosed,
    Position,
    Record,
    RoundAborted,
    RoundFinalised,
    RoundFrozen,
    RoundOpened,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    Terms,
    UpdateCommitted,
)
from fl.protocol.rounds.round import Phase, Round

OPERATOR, COORDINATOR, AUDITOR, AUDITOR_2, TRUSTEE = (Address(bytes([n]) * 20) for n in (0xF0, 0xE0, 0xD0, 0xD1, 0xC0))
H1, H2, H3, KEYLESS = (Address(bytes([n]) * 20) for n in (0x11, 0x22, 0x33, 0x44))
OUTSIDER = Address(b"\x99" * 20)
HOSPITALS = (H1, H2, H3)
CONSORTIUM = bytes(range(32))
CHAIN_ID = 0x0102030405060708
AUTHORITY, CONTRACT, SUCCESSOR, FOREIGN = (Address(bytes([n]) * 20) for n in (0xA0, 0xA1, 0xA2, 0xA9))
ANCHOR = Anchor(CONSORTIUM, CHAIN_ID, AUTHORITY, CONTRACT)
START, COMMIT_BY, CLOSE_BY = 1_000, 2_000, 3_000
"""Seconds since 1970: when a round opens, its commit deadline, its close deadline."""
MODEL_0, MODEL_1, MODEL_2, ENVELOPE, MANIFEST, CONFIG, REPORT = (
    Digest(hashlib.sha256(name).digest()) for name in (b"m0", b"m1", b"m2", b"envelope", b"manifest", b"config", b"r")
)
MEMBERS = {
    H1: Role.HOSPITAL,
    H2: Role.HOSPITAL,
    H3: Role.HOSPITAL,
    KEYLESS: Role.HOSPITAL,
    COORDINATOR: Role.COORDINATOR,
    AUDITOR: Role.AUDITOR,
    AUDITOR_2: Role.AUDITOR,
    TRUSTEE: Role.TRUSTEE,
}
TERMS = Terms(Protection.SEALED, 2, 1, 0, 10, CONFIG, 0, COMMIT_BY, CLOSE_BY)
STEP_S = 100
MASKED = replace(TERMS, protection=Protection.MASKED, threshold=2, step_timeout=STEP_S)
SIGNATURE = bytes(64) + b"\x1b"


def public_key(account: bytes, epoch: int = 1) -> bytes:
    return b"\x04" + hashlib.sha512(account + bytes([epoch])).digest()


def update_digest(hospital: bytes, number: int = 1) -> Digest:
    return Digest(hashlib.sha256(hospital + bytes([number])).digest())


def opened(number: int = 1, previous: Digest = MODEL_0, terms: Terms = TERMS) -> RoundOpened:
    return RoundOpened(COORDINATOR, number, terms, HOSPITALS, previous)


def commit(hospital: Address, number: int = 1) -> UpdateCommitted:
    return UpdateCommitted(hospital, number, update_digest(hospital, number))


def frozen(hospitals: tuple[Address, ...] = HOSPITALS, number: int = 1, contract: Address = CONTRACT) -> RoundFrozen:
    """Return the record with the digest that the contract computes, made here with struct-like concatenation."""
    content = b"BAFL/1/set3" + CONSORTIUM + CHAIN_ID.to_bytes(8, "big") + contract + number.to_bytes(8, "big")
    content += len(hospitals).to_bytes(2, "big")
    content += b"".join(hospital + update_digest(hospital, number) for hospital in hospitals)
    return RoundFrozen(COORDINATOR, number, hospitals, Digest(hashlib.sha256(content).digest()))


def point(*names: bytes) -> bytes:
    """Return 33 bytes per name that look like compressed points."""
    return b"".join(b"\2" + hashlib.sha256(name).digest() for name in names)


def advertise(hospital: Address) -> KeysAdvertised:
    return KeysAdvertised(hospital, 1, point(b"S" + hospital), point(b"E" + hospital))


def deal(hospital: Address) -> SharesDealt:
    mask, own = point(b"S" + hospital, b"A" + hospital), point(b"B" + hospital, b"C" + hospital)
    return SharesDealt(hospital, 1, mask, own, Digest(hashlib.sha256(b"bundle" + hospital).digest()))


def complaints(*dealers: Address) -> bytes:
    return b"".join(dealer + bytes(97) for dealer in dealers)


def check(hospital: Address, complaints: bytes = b"") -> SharesChecked:
    return SharesChecked(hospital, 1, complaints)


def close(phase: int, hospitals: tuple[Address, ...] = HOSPITALS) -> PhaseClosed:
    return PhaseClosed(COORDINATOR, 1, phase, hospitals)


def endorse(hospital: Address, hospitals: tuple[Address, ...] = HOSPITALS) -> SetEndorsed:
    return SetEndorsed(hospital, 1, frozen(hospitals).set_digest, SIGNATURE)


def reveal(hospital: Address, hospitals: tuple[Address, ...] = HOSPITALS) -> SharesRevealed:
    shares = Digest(hashlib.sha256(b"shares" + hospital).digest())
    return SharesRevealed(hospital, 1, frozen(hospitals).set_digest, shares)


@dataclass
class Log:
    """A growing ledger."""

    verify: Callable[[bytes, bytes, bytes], bool] = lambda _key, _message, _proof: True
    entries: list[Entry] = field(default_factory=list)
    now: int = START
    contract: Address = CONTRACT
    federation: Federation = field(init=False)

    def __post_init__(self) -> None:
        self.federation = Federation(ANCHOR, self.verify)

    def entry(self, record: Record, contract: Address | None = None) -> Entry:
        """Return the entry that `record` would be."""
        number = len(self.entries) + 1
        home = AUTHORITY if isinstance(record, KEY_RECORDS) else self.contract
        block = hashlib.sha256(b"block" + number.to_bytes(4, "big")).digest()
        return Entry(record, Position(number, 0), block, self.now, bytes(32), contract or home)

    def add(self, *records: Record, contract: Address | None = None) -> None:
        for record in records:
            entry = self.entry(record, contract)
            self.federation = step(self.federation, entry)
            self.entries.append(entry)

    def refuses(
        self,
        record: Record,
        error: type[HemaledgerError],
        facts: Mapping[str, object] | None = None,
        contract: Address | None = None,
    ) -> None:
        """Assert that exactly this leaf with exactly these fields refuses `record`, and that nothing changed."""
        before = replace(self.federation)
        with pytest.raises(error) as refusal:
            step(self.federation, self.entry(record, contract))
        assert type(refusal.value) is error
        if facts is not None:
            assert refusal.value.facts() == dict(facts)
        assert self.federation == before

    @property
    def round(self) -> Round:
        return self.federation.rounds[-1]


def members() -> Log:
    log = Log()
    log.add(ConsortiumFounded(OPERATOR, CONSORTIUM))
    log.add(
        *(MemberRegistered(OPERATOR, member, role, f"{role.name}-{member[0]:x}") for member, role in MEMBERS.items())
    )
    log.add(*(KeyRegistered(member, 1, public_key(member), bytes(64)) for member in MEMBERS if member != KEYLESS))
    return log


def federation() -> Log:
    log = members()
    log.add(FederationOpened(COORDINATOR, NO_ADDRESS, 0, MODEL_0, ENVELOPE, MANIFEST))
    return log


def at(phase: Phase) -> Log:
    """Return a ledger whose round 1 stands in `phase`: OPEN with all commitments, ABORTED out of OPEN."""
    log = federation()
    if phase == Phase.NONE:
        return log
    log.add(opened(), *(commit(hospital) for hospital in HOSPITALS))
    if phase in (Phase.FROZEN, Phase.PROPOSED, Phase.FINAL):
        log.add(frozen())
    if phase in (Phase.PROPOSED, Phase.FINAL):
        log.add(ModelProposed(COORDINATOR, 1, MODEL_1, ENVELOPE))
    if phase == Phase.FINAL:
        log.add(ModelAttested(AUDITOR, 1, MODEL_1, REPORT), RoundFinalised(COORDINATOR, 1, MODEL_1))
    if phase == Phase.ABORTED:
        log.add(RoundAborted(COORDINATOR, 1, "it failed"))
    return log


def masked_at(phase: Phase, acted: tuple[Address, ...] = HOSPITALS) -> Log:
    """Return a ledger whose masked round 1 stands in `phase`, where `acted` did what it asks; all did before."""
    log = federation()
    log.add(opened(terms=MASKED))
    steps: list[tuple[Phase, list[Record], list[Record]]] = [
        (Phase.ADVERTISE, [advertise(who) for who in HOSPITALS], [close(Phase.ADVERTISE)]),
        (Phase.SHARE, [deal(who) for who in HOSPITALS], [close(Phase.SHARE)]),
        (Phase.COMPLAIN, [check(who) for who in HOSPITALS], [close(Phase.COMPLAIN)]),
        (Phase.MASK, [commit(who) for who in HOSPITALS], [frozen()]),
        (Phase.AGREE, [endorse(who) for who in HOSPITALS], []),
        (Phase.UNMASK, [reveal(who) for who in HOSPITALS], [ModelProposed(COORDINATOR, 1, MODEL_1, ENVELOPE)]),
        (
            Phase.PROPOSED,
            [ModelAttested(who, 1, MODEL_1, REPORT) for who in HOSPITALS],
            [RoundFinalised(COORDINATOR, 1, MODEL_1)],
        ),
    ]
    for step_phase, actions, end in steps:
        if step_phase == phase:
            log.add(*(record for record in actions if record.sender in acted))
            return log
        log.add(*actions, *end)
    return log
