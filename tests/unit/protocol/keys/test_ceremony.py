"""Ceremonies on the fold; the refusals of the contract are in tests/vectors/authority.json."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import product

import pytest

from fl.crypto.curve import encode_uncompressed
from fl.crypto.group import base_mult
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import (
    CeremonyInvalid,
    CommitteeMismatch,
    EncodingError,
    NoCommittee,
    NotInCommittee,
    SetMismatch,
    WrongBatch,
    WrongPhase,
)
from fl.protocol.keys.ceremony import (
    CEREMONY_NEXT,
    CeremonyPhase,
    Committee,
    dealing_digest,
    shares_digest,
)
from fl.protocol.names import Address, CeremonyKind, Digest, KeyUse
from fl.protocol.records import (
    CeremonyAborted,
    CeremonyChecked,
    CeremonyPhaseClosed,
    CeremonyRecord,
    CeremonyStarted,
    KeyRotated,
    MemberRevoked,
    RecordsAnchored,
)
from tests.support.protocol.committee import (
    D1,
    D2,
    D3,
    D4,
    D5,
    EXPIRES,
    PHASES,
    SHARES,
    THREE,
    USE,
    Y,
    close,
    commit,
    confirm,
    deal,
    newest,
    run,
    start,
    steps,
    trustees,
)
from tests.support.protocol.scene import (
    ANCHOR,
    AUTHORITY,
    CHAIN_ID,
    CONSORTIUM,
    CONTRACT,
    H1,
    H2,
    OPERATOR,
    START,
    complaints,
    public_key,
)

ALLOWED = {
    (CeremonyPhase.COMMIT, "CeremonyCommitted"),
    (CeremonyPhase.COMMIT, "CeremonyPhaseClosed"),
    (CeremonyPhase.DEAL, "CeremonyDealt"),
    (CeremonyPhase.DEAL, "CeremonyPhaseClosed"),
    (CeremonyPhase.CHECK, "CeremonyChecked"),
    (CeremonyPhase.CHECK, "CeremonyPhaseClosed"),
    (CeremonyPhase.CONFIRM, "CeremonyConfirmed"),
    (CeremonyPhase.DONE, "CeremonyConfirmed"),
    *((phase, "CeremonyAborted") for phase in PHASES[:-1]),
}
"""PROTOCOL.md 9: commit, deal, check, confirm; an abort before the end; late confirmations after it."""


RECORDS: list[CeremonyRecord] = [
    commit(D1),
    deal(D1),
    CeremonyChecked(D1, USE, 1, b""),
    close(0),
    confirm(D3),
    CeremonyAborted(OPERATOR, USE, 1, "no"),
]


@pytest.mark.parametrize(
    ("phase", "record"),
    list(product(PHASES, RECORDS)),
    ids=lambda value: value.name if isinstance(value, CeremonyPhase) else type(value).__name__,
)
def test_a_record_is_allowed_in_its_phase_alone(phase: CeremonyPhase, record: CeremonyRecord) -> None:
    log = run(trustees(), start(), phase)
    if isinstance(record, CeremonyPhaseClosed):
        record = close(phase)
    if (phase, type(record).__name__) not in ALLOWED:
        log.refuses(record, WrongPhase, {"round": 1, "phase": int(phase)})
        return
    if isinstance(record, CeremonyPhaseClosed):
        log.add(*steps(start())[phase - 1][:-1])
    log.add(record)
    assert newest(log).last == log.entries[-1]


def test_the_table_of_phases_says_the_same() -> None:
    table = {(phase, kind.__name__) for phase, kind in CEREMONY_NEXT}
    assert table == {*ALLOWED, (CeremonyPhase.NONE, "CeremonyStarted")}


def test_a_committee_is_what_its_ceremony_says() -> None:
    log = run(trustees(), start())
    expected = Committee(
        use=USE,
        epoch=1,
        generation=1,
        kind=CeremonyKind.GENERATE,
        origin=CeremonyKind.GENERATE,
        threshold=2,
        members=THREE,
        public_key=Y,
        shares_digest=SHARES,
        expires_at=EXPIRES,
    )
    assert log.federation.threshold.committee(USE) == newest(log).committee == expected
    assert [expected.party(who) for who in (D1, D2, D3, D4, OPERATOR)] == [1, 2, 3, None, None]


def test_a_key_keeps_its_generation_and_origin_through_refreshing_and_resharing() -> None:
    log = run(trustees(), start(kind=CeremonyKind.DEALER, dealers=(OPERATOR,)))
    run(log, start(2, CeremonyKind.REFRESH))
    run(log, start(3, CeremonyKind.RESHARE, 3, (D1, D3), (D2, D3, D4, D5)))
    made = log.federation.threshold.committees(USE)
    assert [(held.epoch, held.generation, held.origin) for held in made] == [
        (number, 1, CeremonyKind.DEALER) for number in (1, 2, 3)
    ]
    assert made[-1].members == (D2, D3, D4, D5)
    run(log, start(4, dealers=(D1, D2), receivers=(D1, D2)))
    newer = log.federation.threshold.committee(USE)
    assert (newer.generation, newer.origin) == (4, CeremonyKind.GENERATE)


def test_before_a_ceremony_is_done_there_is_no_committee_and_the_one_before_stands() -> None:
    log = run(trustees(), start(), CeremonyPhase.CONFIRM)
    with pytest.raises(NoCommittee):
        log.federation.threshold.committee(USE)
    assert newest(log).committee is None
    log.add(confirm(D1), confirm(D3))
    run(log, start(2, CeremonyKind.REFRESH), CeremonyPhase.CONFIRM)
    assert log.federation.threshold.committee(USE).epoch == 1
    with pytest.raises(NoCommittee):
        log.federation.threshold.committee(KeyUse.MODEL)


def test_33_receivers_are_one_too_many() -> None:
    many = tuple(Address(number.to_bytes(20, "big")) for number in range(1, 34))
    log = trustees()
    log.refuses(start(dealers=many, receivers=many), CeremonyInvalid, {})
    log.refuses(start(dealers=many[:32], receivers=many[:32]), NotInCommittee, {"account": many[0]})


TOO_EARLY_OR_LATE = [
    {"expires_at": START},
    {"expires_at": START + 3660 * 86_400 + 1},
    {"step_timeout": 0},
    {"step_timeout": 30 * 86_400 + 1},
]


@pytest.mark.parametrize("changes", TOO_EARLY_OR_LATE)
def test_times_that_make_no_sense_are_refused(changes: dict[str, int]) -> None:
    trustees().refuses(replace(start(), **changes), CeremonyInvalid, {})  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{"expires_at": START + 3660 * 86_400}, {"step_timeout": 30 * 86_400}])
def test_times_at_their_bounds_are_accepted(changes: dict[str, int]) -> None:
    log = trustees()
    log.add(replace(start(), **changes))  # type: ignore[arg-type]
    assert newest(log).phase == CeremonyPhase.COMMIT


def test_a_receiver_complains_at_most_once_of_each_dealer_that_goes_on() -> None:
    log = run(trustees(), start(), CeremonyPhase.CHECK)
    for about, named in (((D2, D1), D1), ((D2, D2), D2), ((D1, D4), D4), ((*THREE, D1), D1)):
        log.refuses(CeremonyChecked(D1, USE, 1, complaints(*about)), SetMismatch, {"account": named})
    log.add(CeremonyChecked(D1, USE, 1, complaints(*THREE)), CeremonyChecked(D2, USE, 1, complaints(D3)))
    assert set(newest(log).checked) == {D1, D2}


def test_who_closes_a_phase_cannot_choose_among_those_who_committed_and_dealt() -> None:
    log = trustees()
    log.add(start())
    for phase, act in ((1, commit), (2, deal)):
        log.add(*(act(who) for who in THREE))
        for named, missing in (((D1, D2), D3), ((D2, D3), D1), ((), D1)):
            log.refuses(close(phase, named), SetMismatch, {"account": missing})
        log.add(close(phase))
    assert newest(log).dealers == THREE


def test_a_receivers_key_is_that_of_the_start() -> None:
    log = run(trustees(), start(), CeremonyPhase.COMMIT)
    before = newest(log).context
    log.add(KeyRotated(D1, 2, public_key(D1, 2), bytes(64)))
    assert newest(log).keys[D1].public_key == public_key(D1)
    assert newest(log).context == before


def test_the_context_is_made_of_the_published_parts() -> None:
    log = run(trustees(), start(kind=CeremonyKind.DEALER, dealers=(OPERATOR,)), CeremonyPhase.COMMIT)
    block = log.entries[-1].block_hash
    expected = b"BAFL/1/dkg" + CONSORTIUM + CHAIN_ID.to_bytes(8, "big") + AUTHORITY
    expected += bytes.fromhex("01" + "00000001" + "02" + "0002") + block
    expected += b"\0\1" + OPERATOR + b"\0\3"
    for who in THREE:
        expected += who + hashlib.sha256(b"BAFL/1/keyid\0\1" + public_key(who)).digest()[:16]
    assert newest(log).context == hashlib.sha256(expected).digest()


def test_the_dealing_digest_binds_what_was_published() -> None:
    """`commit` hashes by hand."""
    for who, points, number in ((D1, 2, 1), (D2, 3, 0x01020304)):
        assert dealing_digest(ANCHOR, deal(who, points, number)) == commit(who, points, number).digest
    elsewhere = replace(ANCHOR, contract=OPERATOR)
    assert dealing_digest(elsewhere, deal(D1)) == commit(D1).digest  # the ledger in force does not matter
    assert dealing_digest(replace(ANCHOR, authority=CONTRACT), deal(D1)) != commit(D1).digest


def test_the_shares_digest_has_the_published_layout() -> None:
    points = [b"\2" + bytes([n]) * 32 for n in (7, 8)]
    expected = b"BAFL/1/committee\2\0\0\1\0" + Y + b"\0\2" + points[0] + points[1]
    assert shares_digest(KeyUse.MODEL, 256, Y, points) == hashlib.sha256(expected).digest()
    with pytest.raises(EncodingError):
        shares_digest(KeyUse.MODEL, 256, Y[:-1], points)


def test_a_threshold_key_is_named_like_no_members_key() -> None:
    key = ThresholdKey(base_mult(7))
    raw = encode_uncompressed(key.point)
    assert key.key_id == hashlib.sha256(b"BAFL/1/keyid\1\1" + raw).digest()[:16]


def test_a_confirmation_of_another_key_cannot_end_a_refresh() -> None:
    log = run(trustees(), start())
    run(log, start(2, CeremonyKind.REFRESH), CeremonyPhase.CONFIRM)
    log.refuses(confirm(D1, 2, b"\3" + bytes(32)), CommitteeMismatch, {})
    log.add(confirm(D1, 2), confirm(D2, 2, shares=Digest(bytes(32))))
    assert newest(log).phase == CeremonyPhase.CONFIRM
    log.add(confirm(D3, 2))
    assert newest(log).phase == CeremonyPhase.DONE


def test_a_key_goes_on_without_a_member_that_was_revoked() -> None:
    log = run(trustees(), start())
    log.add(MemberRevoked(OPERATOR, D2, "left"))
    log.refuses(start(2, CeremonyKind.REFRESH), NotInCommittee, {"account": D2})
    run(log, start(2, CeremonyKind.RESHARE, 2, (D1, D3), (D1, D3, D4)))
    assert log.federation.threshold.committee(USE).members == (D1, D3, D4)


def test_anchored_roots_are_kept_by_hospital_in_order() -> None:
    log = trustees()
    roots = [Digest(bytes([n]) * 32) for n in (1, 2, 3)]
    log.add(RecordsAnchored(H1, 1, roots[0]), RecordsAnchored(H2, 1, roots[1]), RecordsAnchored(H1, 2, roots[2]))
    kept = log.federation.threshold.roots
    assert [(item.batch, item.root) for item in kept[H1]] == [(1, roots[0]), (2, roots[2])]
    assert [item.entry for item in kept[H2]] == [log.entries[-2]]
    log.refuses(RecordsAnchored(H1, 4, roots[0]), WrongBatch, {"expected": 3, "actual": 4})


def test_a_record_of_a_ceremony_counts_from_the_key_authority_alone() -> None:
    trustees().refuses(start(), EncodingError, contract=CONTRACT)


def test_ceremonies_of_another_use_are_numbered_apart() -> None:
    log = run(trustees(), start(), CeremonyPhase.DEAL)
    other: CeremonyStarted = replace(start(), key_use=KeyUse.MODEL)
    log.add(other)
    begun = log.federation.threshold.ceremony(KeyUse.MODEL)
    assert begun is not None
    assert (begun.number, begun.phase, newest(log).phase) == (1, CeremonyPhase.COMMIT, CeremonyPhase.DEAL)
