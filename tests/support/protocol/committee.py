"""Ceremonies and requests made by hand, on the ledger of scene.py."""

from __future__ import annotations

import hashlib

from fl.protocol.keys.ceremony import Ceremony, CeremonyPhase
from fl.protocol.names import Address, CeremonyKind, Digest, KeyUse, Purpose, Role
from fl.protocol.records import (
    CeremonyChecked,
    CeremonyCommitted,
    CeremonyConfirmed,
    CeremonyDealt,
    CeremonyPhaseClosed,
    CeremonyStarted,
    DecryptionApproved,
    DecryptionRequested,
    KeyRegistered,
    MemberRegistered,
    Record,
)
from tests.support.protocol.scene import AUTHORITY, CHAIN_ID, CONSORTIUM, H1, OPERATOR, START, Log, members, public_key

TRUSTEES = tuple(Address(bytes([n]) * 20) for n in (0xC1, 0xC2, 0xC3, 0xC4, 0xC5))
D1, D2, D3, D4, D5 = TRUSTEES
THREE = (D1, D2, D3)
USE = KeyUse.RECORDS
STEP_S, EXPIRES = 100, START + 100_000
Y = b"\2" + hashlib.sha256(b"Y").digest()
SHARES, LABEL, CAPSULE = (Digest(hashlib.sha256(name).digest()) for name in (b"shares", b"label", b"capsule"))
PHASES = (CeremonyPhase.COMMIT, CeremonyPhase.DEAL, CeremonyPhase.CHECK, CeremonyPhase.CONFIRM, CeremonyPhase.DONE)


def trustees() -> Log:
    """Return a consortium with five trustees who have keys."""
    log = members()
    log.add(*(MemberRegistered(OPERATOR, who, Role.TRUSTEE, f"trustee {who[0]:x}") for who in TRUSTEES))
    log.add(*(KeyRegistered(who, 1, public_key(who), bytes(64)) for who in TRUSTEES))
    return log


def start(
    number: int = 1,
    kind: CeremonyKind = CeremonyKind.GENERATE,
    threshold: int = 2,
    dealers: tuple[Address, ...] = THREE,
    receivers: tuple[Address, ...] = THREE,
) -> CeremonyStarted:
    return CeremonyStarted(OPERATOR, USE, number, kind, threshold, dealers, receivers, STEP_S, EXPIRES)


def deal(who: Address, points: int = 2, number: int = 1) -> CeremonyDealt:
    vector = b"".join(b"\3" + hashlib.sha256(who + bytes([n])).digest() for n in range(points))
    bundle = Digest(hashlib.sha256(b"bundle" + who).digest())
    return CeremonyDealt(who, USE, number, vector, b"\2" + bytes(64), bundle)


def commit(who: Address, points: int = 2, number: int = 1) -> CeremonyCommitted:
    """Return the commitment to `deal`, hashed here."""
    dealt = deal(who, points, number)
    message = b"BAFL/1/dealing" + CONSORTIUM + CHAIN_ID.to_bytes(8, "big") + AUTHORITY + bytes([USE])
    message += number.to_bytes(4, "big") + who + dealt.commitments + dealt.proof + dealt.bundle_digest
    return CeremonyCommitted(who, USE, number, Digest(hashlib.sha256(message).digest()))


def close(phase: int, dealers: tuple[Address, ...] = THREE, number: int = 1) -> CeremonyPhaseClosed:
    return CeremonyPhaseClosed(OPERATOR, USE, number, phase, dealers)


def confirm(who: Address, number: int = 1, key: bytes = Y, shares: Digest = SHARES) -> CeremonyConfirmed:
    return CeremonyConfirmed(who, USE, number, key, shares)


def steps(began: CeremonyStarted) -> list[list[Record]]:
    """Return what happens in each phase of an honest ceremony, from COMMIT to CONFIRM."""
    number, dealers = began.ceremony, began.dealers
    points = began.threshold - (began.kind == CeremonyKind.REFRESH)
    return [
        [*(commit(who, points, number) for who in dealers), close(1, dealers, number)],
        [*(deal(who, points, number) for who in dealers), close(2, dealers, number)],
        [*(CeremonyChecked(who, USE, number, b"") for who in began.receivers), close(3, dealers, number)],
        [confirm(who, number) for who in began.receivers[: began.threshold]],
    ]


def run(log: Log, began: CeremonyStarted, until: CeremonyPhase = CeremonyPhase.DONE) -> Log:
    """Start a ceremony and bring it to `until`."""
    log.add(began)
    for records in steps(began)[: PHASES.index(until)]:
        log.add(*records)
    return log


def newest(log: Log) -> Ceremony:
    found = log.federation.threshold.ceremony(USE)
    assert found is not None
    return found


def ask(log: Log, who: Address = H1, deadline_s: int = 1_000, epoch: int | None = None) -> DecryptionRequested:
    keys = log.federation.threshold
    number, current = len(keys.requests) + 1, keys.in_force(USE)
    asked = epoch if epoch is not None else current.epoch if current else 0
    return DecryptionRequested(who, number, USE, asked, LABEL, CAPSULE, Purpose.TREATMENT, log.now + deadline_s)


def approve(who: Address, number: int = 1) -> DecryptionApproved:
    return DecryptionApproved(who, number, Digest(hashlib.sha256(b"partial" + who).digest()))
