from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from fl.crypto.hpke_keys import verify_possession
from fl.protocol.errors import (
    CoordinatorExists,
    EncodingError,
    HemaledgerError,
    KeyEpochMismatch,
    KeyInvalid,
    MemberExists,
    RevokedSender,
    UnknownSender,
    WrongRole,
)
from fl.protocol.keys.members import MemberKey, PossessionDomain, possession_message
from fl.protocol.names import NO_ADDRESS, Address, Role
from fl.protocol.records import ConsortiumFounded, KeyRegistered, KeyRotated, MemberRegistered, MemberRevoked, Record
from tests.support.protocol.scene import (
    AUDITOR,
    AUTHORITY,
    CHAIN_ID,
    CONSORTIUM,
    CONTRACT,
    COORDINATOR,
    FOREIGN,
    H1,
    H2,
    KEYLESS,
    OPERATOR,
    OUTSIDER,
    TRUSTEE,
    Log,
    members,
    public_key,
)

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
NEWCOMER = Address(b"\x77" * 20)
SECRET = ec.derive_private_key(0xC0FFEE, ec.SECP256R1())
OTHER_SECRET = ec.derive_private_key(0xBEEF, ec.SECP256R1())
POINT = SECRET.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def admit(member: Address, role: Role = Role.HOSPITAL, by: Address = OPERATOR) -> MemberRegistered:
    return MemberRegistered(by, member, role, f"newcomer {member.hex()[:8]}")


def proof(
    account: bytes = KEYLESS,
    epoch: int = 1,
    consortium: bytes = CONSORTIUM,
    chain: int = CHAIN_ID,
    authority: bytes = AUTHORITY,
) -> tuple[int, int]:
    """Sign the message of PROTOCOL.md 3, laid out here byte by byte; return (r, low s)."""
    message = b"BAFL/1/pop" + consortium + struct.pack(">Q", chain) + authority + account
    message += struct.pack(">I", epoch) + POINT
    r, s = decode_dss_signature(SECRET.sign(message, ec.ECDSA(hashes.SHA256())))
    return r, min(s, ORDER - s)


def joined(pair: tuple[int, int]) -> bytes:
    return pair[0].to_bytes(32, "big") + pair[1].to_bytes(32, "big")


def real(account: Address = KEYLESS) -> Log:
    """Return a ledger that checks proofs for real, with one member without a key."""
    log = Log(verify_possession)
    log.add(ConsortiumFounded(OPERATOR, CONSORTIUM), admit(account))
    return log


def test_the_founder_is_the_operator_and_nobody_else_is_there() -> None:
    log = Log()
    log.add(ConsortiumFounded(OPERATOR, CONSORTIUM))
    assert log.federation.book.consortium == CONSORTIUM
    assert {account: member.role for account, member in log.federation.book.members.items()} == {
        OPERATOR: Role.OPERATOR
    }


def test_a_consortium_is_founded_once_and_it_is_the_expected_one() -> None:
    members().refuses(ConsortiumFounded(OPERATOR, CONSORTIUM), EncodingError)
    Log().refuses(ConsortiumFounded(OPERATOR, bytes(32)), EncodingError)


def test_nothing_happens_before_the_founding() -> None:
    Log().refuses(admit(H1), UnknownSender, {"account": OPERATOR})
    Log().refuses(KeyRegistered(H1, 1, POINT, bytes(64)), UnknownSender, {"account": H1})
    Log().refuses(MemberRevoked(OPERATOR, H1, ""), UnknownSender, {"account": OPERATOR})


def test_a_record_of_members_counts_only_from_the_key_authority() -> None:
    for contract in (CONTRACT, FOREIGN):
        members().refuses(admit(NEWCOMER), EncodingError, contract=contract)


def test_a_member_is_registered_with_role_and_name() -> None:
    log = members()
    log.add(MemberRegistered(OPERATOR, NEWCOMER, Role.TRUSTEE, "Dr. New"))
    member = log.federation.book.active(NEWCOMER, Role.TRUSTEE)
    assert (member.name, member.keys, member.key, member.revoked) == ("Dr. New", (), None, False)
    assert log.federation.book.name_of(NEWCOMER) == "Dr. New"
    assert log.federation.book.name_of(OUTSIDER) == "0x" + "99" * 20


@pytest.mark.parametrize(
    ("record", "error", "account"),
    [
        (admit(NEWCOMER, by=OUTSIDER), UnknownSender, OUTSIDER),
        (admit(NEWCOMER, by=COORDINATOR), WrongRole, COORDINATOR),
        (admit(NEWCOMER, Role.OPERATOR), WrongRole, NEWCOMER),
        (admit(H1, Role.OPERATOR), WrongRole, H1),
        (admit(NO_ADDRESS), MemberExists, NO_ADDRESS),
        (admit(H1), MemberExists, H1),
        (admit(H1, Role.COORDINATOR), MemberExists, H1),
        (admit(OPERATOR), MemberExists, OPERATOR),
        (admit(NEWCOMER, Role.COORDINATOR), CoordinatorExists, COORDINATOR),
        (MemberRevoked(OUTSIDER, H1, ""), UnknownSender, OUTSIDER),
        (MemberRevoked(H2, H1, ""), WrongRole, H2),
        (MemberRevoked(OPERATOR, OUTSIDER, ""), UnknownSender, OUTSIDER),
        (MemberRevoked(OPERATOR, OPERATOR, ""), WrongRole, OPERATOR),
        (KeyRegistered(OUTSIDER, 1, POINT, bytes(64)), UnknownSender, OUTSIDER),
        (KeyRegistered(OPERATOR, 1, POINT, bytes(64)), WrongRole, OPERATOR),
        (KeyRotated(OPERATOR, 9, b"", b""), WrongRole, OPERATOR),
    ],
)
def test_a_refusal_names_the_first_rule_broken_and_the_account(
    record: Record, error: type[HemaledgerError], account: Address
) -> None:
    members().refuses(record, error, {"account": account})


def test_revocation_is_for_good_and_comes_before_the_role() -> None:
    log = members()
    log.add(MemberRevoked(OPERATOR, H1, "left"))
    log.refuses(admit(H1), MemberExists, {"account": H1})
    log.refuses(MemberRevoked(OPERATOR, H1, "again"), RevokedSender, {"account": H1})
    log.refuses(KeyRotated(H1, 2, public_key(H1, 2), bytes(64)), RevokedSender, {"account": H1})
    log.refuses(admit(NEWCOMER, by=H1), RevokedSender, {"account": H1})
    assert H1 not in [member.account for member in log.federation.book.having(Role.HOSPITAL)]
    assert log.federation.book.members[H1].key == MemberKey(1, public_key(H1))


def test_a_new_coordinator_comes_after_the_old_one_was_revoked() -> None:
    log = members()
    log.add(MemberRevoked(OPERATOR, COORDINATOR, "left"), admit(NEWCOMER, Role.COORDINATOR))
    log.refuses(admit(OUTSIDER, Role.COORDINATOR), CoordinatorExists, {"account": NEWCOMER})


@pytest.mark.parametrize("role", [Role.HOSPITAL, Role.AUDITOR, Role.TRUSTEE])
def test_there_may_be_many_of_the_other_roles(role: Role) -> None:
    log = members()
    log.add(admit(NEWCOMER, role), admit(OUTSIDER, role))
    assert {NEWCOMER, OUTSIDER} <= {member.account for member in log.federation.book.having(role)}


@pytest.mark.parametrize(
    ("account", "kind", "epoch", "expected"),
    [
        (KEYLESS, KeyRegistered, 0, 1),
        (KEYLESS, KeyRegistered, 2, 1),
        (KEYLESS, KeyRotated, 1, 1),
        (KEYLESS, KeyRotated, 2, 1),
        (H1, KeyRegistered, 1, 2),
        (H1, KeyRegistered, 2, 2),
        (H1, KeyRotated, 1, 2),
        (H1, KeyRotated, 3, 2),
        (H1, KeyRotated, 0, 2),
    ],
)
def test_key_epochs_count_from_one_without_gaps(
    account: Address, kind: type[KeyRegistered | KeyRotated], epoch: int, expected: int
) -> None:
    malformed_too = kind(account, epoch, b"", b"")
    members().refuses(malformed_too, KeyEpochMismatch, {"expected": expected, "actual": epoch})


@pytest.mark.parametrize(
    "key", [b"", b"\x04" + bytes(63), b"\x04" + bytes(65), b"\x02" + bytes(64), b"\x00" * 65, b"\x06" + POINT[1:]]
)
def test_a_key_that_is_no_uncompressed_point_is_refused_before_its_proof_is_looked_at(key: bytes) -> None:
    def never(_key: bytes, _message: bytes, _proof: bytes) -> bool:
        raise AssertionError("the proof was looked at")

    log = Log(never)
    log.add(ConsortiumFounded(OPERATOR, CONSORTIUM), admit(KEYLESS))
    log.refuses(KeyRegistered(KEYLESS, 1, key, bytes(64)), KeyInvalid, {"account": KEYLESS})


def test_rotations_keep_the_old_keys_and_the_newest_is_in_force() -> None:
    log = members()
    for epoch in (2, 3):
        log.add(KeyRotated(H1, epoch, public_key(H1, epoch), bytes(64)))
    member = log.federation.book.members[H1]
    assert member.keys == tuple(MemberKey(epoch, public_key(H1, epoch)) for epoch in (1, 2, 3))
    assert member.key == MemberKey(3, public_key(H1, 3))


def test_a_key_is_named_by_the_first_half_of_its_hash_with_the_suite() -> None:
    expected = hashlib.sha256(b"BAFL/1/keyid" + b"\x00\x01" + POINT).digest()[:16]
    assert MemberKey(1, POINT).key_id == MemberKey(7, POINT).key_id == expected


def test_the_proofs_message_has_the_published_layout() -> None:
    record = KeyRotated(H1, 0x01020304, POINT, b"")
    from_code = possession_message(CONSORTIUM, PossessionDomain(CHAIN_ID, AUTHORITY), record)
    expected = b"BAFL/1/pop" + CONSORTIUM + bytes.fromhex("0102030405060708") + AUTHORITY + H1
    assert from_code == expected + bytes.fromhex("01020304") + POINT
    assert len(from_code) == 10 + 32 + 8 + 20 + 20 + 4 + 65


def test_a_proof_made_by_hand_is_accepted_and_the_key_is_in_the_book() -> None:
    log = real()
    log.add(KeyRegistered(KEYLESS, 1, POINT, joined(proof())))
    log.add(KeyRotated(KEYLESS, 2, POINT, joined(proof(epoch=2))))
    assert log.federation.book.members[KEYLESS].keys == (MemberKey(1, POINT), MemberKey(2, POINT))


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(proof(account=H1), id="another account"),
        pytest.param(proof(epoch=2), id="another epoch"),
        pytest.param(proof(consortium=bytes(32)), id="another consortium"),
        pytest.param(proof(chain=CHAIN_ID + 1), id="another chain"),
        pytest.param(proof(authority=CONTRACT), id="another contract"),
    ],
)
def test_a_proof_for_something_else_is_refused(pair: tuple[int, int]) -> None:
    real().refuses(KeyRegistered(KEYLESS, 1, POINT, joined(pair)), KeyInvalid, {"account": KEYLESS})


def test_the_same_signature_with_high_s_is_refused() -> None:
    r, s = proof()
    log = real()
    log.refuses(KeyRegistered(KEYLESS, 1, POINT, joined((r, ORDER - s))), KeyInvalid, {"account": KEYLESS})
    log.add(KeyRegistered(KEYLESS, 1, POINT, joined((r, s))))


def test_forged_proofs_are_refused() -> None:
    r, s = proof()
    other = OTHER_SECRET.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    off_curve = POINT[:-1] + bytes([POINT[-1] ^ 1])
    valid = KeyRegistered(KEYLESS, 1, POINT, joined((r, s)))
    log = real()
    for forged in (
        replace(valid, proof=b""),
        replace(valid, proof=valid.proof[:63]),
        replace(valid, proof=valid.proof + b"\x00"),
        replace(valid, proof=bytes(64)),
        replace(valid, proof=b"\xff" * 64),
        replace(valid, proof=joined((r, 0))),
        replace(valid, proof=joined((0, s))),
        replace(valid, proof=joined((s, r)) if r <= ORDER // 2 else joined((s, ORDER - r))),
        replace(valid, proof=joined((r, s - 1))),
        replace(valid, public_key=other),
        replace(valid, public_key=off_curve),
        replace(valid, public_key=b"\x04" + bytes(64)),
        replace(valid, public_key=b"\x04" + b"\xff" * 64),
    ):
        log.refuses(forged, KeyInvalid, {"account": KEYLESS})
    log.add(valid)


def test_revoked_members_are_found_before_their_role_is_asked() -> None:
    log = members()
    log.add(MemberRevoked(OPERATOR, AUDITOR, ""))
    book = log.federation.book
    with pytest.raises(RevokedSender):
        book.active(AUDITOR, Role.HOSPITAL)
    with pytest.raises(WrongRole):
        book.active(TRUSTEE, Role.HOSPITAL)
    with pytest.raises(UnknownSender):
        book.active(OUTSIDER, Role.HOSPITAL)
