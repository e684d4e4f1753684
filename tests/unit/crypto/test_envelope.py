from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import cast

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fl.crypto.envelope import receive, seal
from fl.crypto.envelope_form import Core, Expected, Kind, check_file, sealed_size
from fl.crypto.hpke_keys import PrivateKey
from fl.protocol.errors import (
    AuthFailure,
    EncodingError,
    HashMismatch,
    HemaledgerError,
    InvalidPoint,
    KeyCommitMismatch,
    KeyEpochMismatch,
    NotOnChain,
    RecipientNotFound,
    StaleRound,
    TooLarge,
    UnsupportedSuite,
    WrongContext,
    WrongSender,
)
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import NO_DIGEST, Address, Digest
from fl.protocol.ports import Anchor
from tests.support.crypto.make_vectors import make_vectors
from tests.support.crypto.reference import Header, Recipe, derive, point, secret, take_apart, two_faced

HEADER = Header()
ANCHOR = Anchor(HEADER.consortium, HEADER.chain, Address(b"\xa0" * 20), Address(HEADER.contract))
CORE = Core(Kind.UPDATE, ANCHOR, Address(HEADER.sender), HEADER.round, HEADER.epoch, HEADER.context)
ALICE, BOB, CAROL = PrivateKey(1, secret(11)), PrivateKey(4, secret(22)), PrivateKey(1, secret(33))
PUBLIC = (point(ALICE.secret), point(BOB.secret))
MEMBERS = [ALICE.member_key, BOB.member_key]
CAP = 10_000
VECTORS = Path(__file__).parents[2] / "vectors" / "envelope.json"


class Untouchable:
    """A private key that nobody may use yet."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the private key was used: {name}")


SEALED_AWAY = PrivateKey(1, cast("ec.EllipticCurvePrivateKey", Untouchable()))


def digest_of(file: bytes) -> Digest:
    return Digest(hashlib.sha256(file).digest())


def sealed(recipients: list[MemberKey], plaintext: bytes | memoryview) -> bytes:
    return bytes(seal(CORE, recipients, plaintext))


def on_ledger(file: bytes) -> Expected:
    """Return what is expected when the ledger records exactly this file."""
    return Expected(CORE, digest_of(file), CAP)


def test_the_layout_is_that_of_the_specification_byte_by_byte() -> None:
    file = sealed(MEMBERS, b"secret")
    assert len(file) == 180 + 2 * 131 + 6 + 16 == sealed_size(6, 2)
    assert file[0:4] == b"BAFL"
    assert struct.unpack_from(">BBHH", file, 4) == (1, 9, 1, 0)
    assert file[10:42] == HEADER.consortium
    assert file[42:50] == bytes.fromhex("0102030405060708")
    assert file[50:70] == b"\xa1" * 20
    assert file[70:90] == b"\x11" * 20
    assert struct.unpack_from(">QII", file, 90) == (7, 3, 0)
    assert file[106:138] == HEADER.context
    assert struct.unpack_from(">QH", file, 170) == (6 + 16, 2)
    for number, public in enumerate(PUBLIC):
        wrap = file[180 + 131 * number : 311 + 131 * number]
        assert wrap[:16] == hashlib.sha256(b"BAFL/1/keyid\x00\x01" + public).digest()[:16]
        assert struct.unpack(">H", wrap[16:18]) == (113,)
        assert wrap[18] == 4
    assert b"secret" not in file


def test_every_field_of_the_core_stands_at_its_place() -> None:
    other = Anchor(b"\x01" * 32, 2**64 - 1, Address(b"\x02" * 20), Address(b"\x03" * 20))
    core = Core(Kind.MODEL, other, Address(b"\x04" * 20), 2**40, 2**31, b"\x05" * 32, seq=6)
    expected = Header(
        kind=2,
        consortium=b"\x01" * 32,
        chain=2**64 - 1,
        contract=b"\x03" * 20,
        sender=b"\x04" * 20,
        round=2**40,
        epoch=2**31,
        seq=6,
        context=b"\x05" * 32,
    )
    assert core.to_bytes() == expected.pack()
    assert len(core.to_bytes()) == 138


@pytest.mark.parametrize("plaintext", [b"", b"x", bytes(range(256)) * 5])
@pytest.mark.parametrize("recipients", [1, 2, 3])
def test_each_recipient_opens_it_and_so_does_an_independent_implementation(plaintext: bytes, recipients: int) -> None:
    keys = [ALICE, BOB, CAROL][:recipients]
    file = sealed([key.member_key for key in keys], plaintext)
    for key in keys:
        assert receive(file, on_ledger(file), key) == plaintext
        assert take_apart(file, key.secret) == plaintext


def test_a_file_that_an_independent_implementation_sealed_opens() -> None:
    file = Recipe(recipients=PUBLIC).build()
    assert receive(file, on_ledger(file), ALICE) == b"what was learned"
    assert receive(file, on_ledger(file), BOB) == b"what was learned"


def test_a_body_may_be_a_view_of_other_memory() -> None:
    plaintext = bytes(range(200))
    file = sealed(MEMBERS, memoryview(plaintext)[50:150])
    assert receive(file, on_ledger(file), BOB) == plaintext[50:150]


def test_nobody_else_opens_it() -> None:
    file = sealed(MEMBERS, b"secret")
    with pytest.raises(RecipientNotFound):
        receive(file, on_ledger(file), CAROL)


def test_two_seals_of_the_same_share_nothing_but_the_core_and_the_names() -> None:
    one, two = (sealed(MEMBERS, b"secret") for _ in range(2))
    assert one[:138] == two[:138]
    assert one[138:170] != two[138:170]
    for start in (180 + 18, 311 + 18):
        assert one[start : start + 65] != two[start : start + 65]
        assert one[start + 65 : start + 113] != two[start + 65 : start + 113]
    assert one[442:] != two[442:]


def test_an_envelope_has_1_to_1024_recipients() -> None:
    many = [ALICE.member_key, *(PrivateKey.generate(1).member_key for _ in range(1023))]
    file = sealed(many, b"x")
    assert len(file) == sealed_size(1, 1024)
    assert receive(file, Expected(CORE, digest_of(file), len(file)), ALICE) == b"x"
    for recipients in ([], [*many, BOB.member_key]):
        with pytest.raises(EncodingError) as refusal:
            sealed(recipients, b"x")
        assert refusal.value.facts() == {"what": "envelope", "why": f"it has {len(recipients)} recipients"}


def test_two_readers_with_one_key_get_one_wrap() -> None:
    file = sealed([ALICE.member_key, BOB.member_key, ALICE.member_key], b"x")
    assert len(file) == sealed_size(1, 2)
    assert receive(file, Expected(CORE, digest_of(file), len(file)), ALICE) == b"x"


@pytest.mark.parametrize("first", [True, False])
def test_an_envelope_that_names_one_key_twice_is_refused_by_all_its_readers(*, first: bool) -> None:
    """Else it opens for one reader with the first wrap, for another with the second."""
    right = sealed([ALICE.member_key, BOB.member_key], b"x")
    begin, size = 180, (len(right) - 180 - 17) // 2
    again = right[begin : begin + size] if first else right[begin + size : begin + 2 * size]
    file = right[:178] + (3).to_bytes(2, "big") + right[180 : begin + 2 * size] + again + right[begin + 2 * size :]
    for reader in (ALICE, BOB):
        with pytest.raises(EncodingError) as refusal:
            receive(file, Expected(CORE, digest_of(file), len(file)), reader)
        assert refusal.value.why == "it is sealed twice to one key"


@pytest.mark.parametrize(
    "key", [b"\x04" + bytes(64), PUBLIC[0][:-1] + bytes([PUBLIC[0][-1] ^ 1]), b"\x04" + b"\xff" * 64]
)
def test_a_recipients_key_must_be_a_point(key: bytes) -> None:
    with pytest.raises(InvalidPoint):
        sealed([MemberKey(1, key)], b"x")


# --- The order of checks -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A file in the making and what the ledger says of it."""

    recipe: Recipe = field(default_factory=lambda: Recipe(recipients=PUBLIC))
    cap: int = CAP
    recorded: Digest | None = None
    """The digest on the ledger; that of the file by default."""
    damage: Callable[[bytes], bytes] = lambda file: file

    def file(self) -> bytes:
        return self.damage(self.recipe.build())

    def expected(self) -> Expected:
        return Expected(CORE, self.recorded or digest_of(self.file()), self.cap)

    def headed(self, **changes: object) -> Case:
        header = replace(self.recipe.header, **changes)  # type: ignore[arg-type]
        return replace(self, recipe=replace(self.recipe, header=header))

    def made(self, **changes: object) -> Case:
        return replace(self, recipe=replace(self.recipe, **changes))  # type: ignore[arg-type]

    def damaged(self, damage: Callable[[bytes], bytes]) -> Case:
        before = self.damage
        return replace(self, damage=lambda file: damage(before(file)))


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a file, and the error that must name it."""

    name: str
    apply: Callable[[Case], Case]
    error: type[HemaledgerError]
    facts: dict[str, object] | None = None
    after_step_3: bool = False


def flipped(place: int) -> Callable[[bytes], bytes]:
    def flip(file: bytes) -> bytes:
        at = place % len(file)
        return file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]

    return flip


OWN_WRAP = 180 + 18 + 70
"""A byte of the first recipient's sealed content key."""
FAULTS = [
    Fault("larger than the cap", lambda case: replace(case, cap=100), TooLarge),
    Fault("not recorded", lambda case: replace(case, recorded=NO_DIGEST), NotOnChain),
    Fault(
        "another file recorded",
        lambda case: replace(case, recorded=case.recorded or Digest(b"\x07" * 32)),
        HashMismatch,
    ),
    Fault("no magic", lambda case: case.headed(magic=b"BAFM"), EncodingError),
    Fault("another version", lambda case: case.headed(version=2), EncodingError),
    Fault("another suite", lambda case: case.headed(suite=2), UnsupportedSuite, {"suite": 2}),
    Fault(
        "another sender",
        lambda case: case.headed(sender=b"\x22" * 20),
        WrongSender,
        {"expected": b"\x11" * 20, "actual": b"\x22" * 20},
    ),
    Fault("another round", lambda case: case.headed(round=6), StaleRound, {"expected": 7, "actual": 6}),
    Fault("another epoch", lambda case: case.headed(epoch=4), KeyEpochMismatch, {"expected": 3, "actual": 4}),
    Fault("another kind", lambda case: case.headed(kind=2), WrongContext, {"what": "kind"}),
    Fault("flags", lambda case: case.headed(flags=1), WrongContext, {"what": "flags"}),
    Fault("another consortium", lambda case: case.headed(consortium=bytes(32)), WrongContext, {"what": "consortium"}),
    Fault("another chain", lambda case: case.headed(chain=1), WrongContext, {"what": "chain"}),
    Fault("another contract", lambda case: case.headed(contract=bytes(20)), WrongContext, {"what": "contract"}),
    Fault("another sequence number", lambda case: case.headed(seq=1), WrongContext, {"what": "sequence number"}),
    Fault("another context", lambda case: case.headed(context=bytes(32)), WrongContext, {"what": "round context"}),
    Fault(
        "bytes behind the end", lambda case: case.damaged(lambda file: file + b"\0"), EncodingError, after_step_3=True
    ),
    Fault(
        "not for us",
        lambda case: case.made(recipients=(point(CAROL.secret), PUBLIC[1])),
        RecipientNotFound,
        {},
        after_step_3=True,
    ),
    Fault(
        "damaged wrap",
        lambda case: case.damaged(flipped(OWN_WRAP)),
        AuthFailure,
        {"part": "key wrap"},
        after_step_3=True,
    ),
    Fault(
        "another content key for us",
        lambda case: case.made(wrapped=(b"\x99" * 32, b"\x5a" * 32)),
        KeyCommitMismatch,
        {},
        after_step_3=True,
    ),
    Fault("damaged body", lambda case: case.damaged(flipped(-1)), AuthFailure, {"part": "body"}, after_step_3=True),
]
"""In the order in which they must be found."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_alone_is_named_with_its_fields(fault: Fault) -> None:
    case = fault.apply(Case())
    key = ALICE if fault.after_step_3 else SEALED_AWAY
    with pytest.raises(fault.error) as refusal:
        receive(case.file(), case.expected(), key)
    assert type(refusal.value) is fault.error
    if fault.facts is not None:
        assert refusal.value.facts() == fault.facts


def test_sizes_and_digests_are_named() -> None:
    file = Case().file()
    with pytest.raises(TooLarge) as large:
        receive(file, Expected(CORE, digest_of(file), len(file) - 1), SEALED_AWAY)
    assert large.value.facts() == {"size": len(file), "cap": len(file) - 1}
    assert receive(file, Expected(CORE, digest_of(file), len(file)), ALICE) == b"what was learned"
    with pytest.raises(NotOnChain) as unknown:
        receive(file, Expected(CORE, NO_DIGEST, CAP), SEALED_AWAY)
    assert unknown.value.facts() == {"digest": hashlib.sha256(file).digest()}
    with pytest.raises(HashMismatch) as other:
        receive(file, Expected(CORE, Digest(b"\x07" * 32), CAP), SEALED_AWAY)
    assert other.value.facts() == {"expected": b"\x07" * 32, "actual": hashlib.sha256(file).digest()}


@pytest.mark.parametrize(
    ("earlier", "later"),
    list(combinations(FAULTS, 2)),
    ids=lambda fault: fault.name,
)
def test_of_two_faults_the_earlier_step_is_named_and_no_key_is_used_before_step_4(earlier: Fault, later: Fault) -> None:
    case = later.apply(earlier.apply(Case()))
    with pytest.raises(earlier.error) as refusal:
        receive(case.file(), case.expected(), ALICE if earlier.after_step_3 else SEALED_AWAY)
    assert type(refusal.value) is earlier.error
    if earlier.facts is not None:
        assert refusal.value.facts() == earlier.facts


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_anybody_can_check_steps_1_to_3_without_a_key(fault: Fault) -> None:
    case = fault.apply(Case())
    if fault.after_step_3:
        check_file(case.file(), case.expected())
        return
    with pytest.raises(fault.error):
        check_file(case.file(), case.expected())


# --- Hostile files -------------------------------------------------------------------------------------------------

REGIONS: list[tuple[int, set[str]]] = [
    (5, {"EncodingError"}),  # magic, version
    (6, {"WrongContext"}),  # kind
    (8, {"UnsupportedSuite"}),
    (70, {"WrongContext"}),  # flags, consortium, chain, contract
    (90, {"WrongSender"}),
    (98, {"StaleRound"}),
    (102, {"KeyEpochMismatch"}),
    (138, {"WrongContext"}),  # seq, context
    (170, {"AuthFailure"}),  # the commitment is part of what the wraps are bound to
    (180, {"EncodingError"}),  # body length, count
    (196, {"RecipientNotFound"}),
    (198, {"EncodingError", "AuthFailure"}),  # the length of a wrap
    (311, {"AuthFailure"}),
    (327, {"AuthFailure"}),  # the other recipient's wrap is covered by the body's tag
    (329, {"EncodingError", "AuthFailure"}),
    (10_000, {"AuthFailure"}),
]


def test_a_flipped_bit_anywhere_is_refused_with_the_name_of_what_it_breaks() -> None:
    file = Recipe(recipients=PUBLIC, plaintext=b"four").build()
    for place in range(len(file)):
        allowed = next(names for end, names in REGIONS if place < end)
        for bit in range(8):
            changed = file[:place] + bytes([file[place] ^ (1 << bit)]) + file[place + 1 :]
            with pytest.raises(HemaledgerError) as refusal:
                receive(changed, on_ledger(changed), ALICE)
            assert refusal.value.name in allowed, (place, bit)
        with pytest.raises(HashMismatch):
            receive(changed, on_ledger(file), SEALED_AWAY)


def test_a_file_cut_anywhere_is_refused() -> None:
    file = Recipe(recipients=PUBLIC, plaintext=b"four").build()
    for length in range(len(file)):
        with pytest.raises(EncodingError):
            receive(file[:length], on_ledger(file[:length]), ALICE)


@pytest.mark.parametrize("tail", [b"\0", b"BAFL", bytes(131)])
def test_bytes_behind_the_end_are_refused(tail: bytes) -> None:
    file = Recipe(recipients=PUBLIC).build() + tail
    with pytest.raises(EncodingError):
        receive(file, on_ledger(file), ALICE)


@pytest.mark.parametrize("count", [0, 1, 3, 1025, 65535])
def test_a_header_with_another_count_of_recipients_is_refused(count: int) -> None:
    file = Recipe(recipients=PUBLIC, count=count).build()
    with pytest.raises(EncodingError):
        receive(file, on_ledger(file), ALICE)


def test_a_file_of_1025_recipients_is_refused_though_whole() -> None:
    honest = Recipe(recipients=PUBLIC[:1])
    wrap = honest.prefix[180:]
    file = replace(honest, count=1025).head + wrap * 1025 + bytes(32)
    with pytest.raises(EncodingError) as refusal:
        receive(file, replace(on_ledger(file), cap=10**6), ALICE)
    assert refusal.value.what == "envelope"


@pytest.mark.parametrize("body", [b"", bytes(15)])
def test_a_body_shorter_than_its_tag_is_refused(body: bytes) -> None:
    file = Recipe(recipients=PUBLIC, body=body).build()
    with pytest.raises(EncodingError):
        receive(file, on_ledger(file), ALICE)


def test_swapped_wraps_are_refused() -> None:
    file = Recipe(recipients=PUBLIC).build()
    first, second = file[180:311], file[311:442]
    whole = file[:180] + second + first + file[442:]
    with pytest.raises(AuthFailure) as body:
        receive(whole, on_ledger(whole), ALICE)
    assert body.value.part == "body"
    inner = file[:180] + first[:18] + second[18:] + second[:18] + first[18:] + file[442:]
    with pytest.raises(AuthFailure) as wrap:
        receive(inner, on_ledger(inner), ALICE)
    assert wrap.value.part == "key wrap"


def test_a_wrap_or_a_body_of_another_envelope_is_refused() -> None:
    one, two = (sealed(MEMBERS, text) for text in (b"one one", b"two two"))
    for changed, part in ((one[:180] + two[180:311] + one[311:], "key wrap"), (one[:442] + two[442:], "body")):
        with pytest.raises(AuthFailure) as refusal:
            receive(changed, on_ledger(changed), ALICE)
        assert refusal.value.part == part


@pytest.mark.parametrize("length", [0, 1, 16, 31, 33, 64])
def test_a_content_key_of_any_length_without_its_commitment_is_refused(length: int) -> None:
    file = Recipe(recipients=PUBLIC, wrapped=(bytes(length), b"\x5a" * 32)).build()
    with pytest.raises((KeyCommitMismatch, AuthFailure, EncodingError)):
        receive(file, on_ledger(file), ALICE)


def test_one_file_with_two_contents_is_refused_by_the_key_commitment() -> None:
    """The attack is real: without the commitment each hospital would open another model from the same file."""
    keys = (b"\x5a" * 32, b"\x99" * 32)
    recipe = Recipe(recipients=PUBLIC, cek=keys[0], wrapped=keys, body=bytes(48))
    aad = hashlib.sha256(recipe.prefix).digest()
    body_keys = tuple(derive(key, recipe.header.pack())[0] for key in keys)
    body = two_faced((body_keys[0], body_keys[1]), aad)
    contents = [AESGCM(key).decrypt(bytes(12), body, aad) for key in body_keys]
    assert contents[0] != contents[1]
    file = replace(recipe, body=body).build()
    assert receive(file, on_ledger(file), ALICE) == contents[0]
    with pytest.raises(KeyCommitMismatch):
        receive(file, on_ledger(file), BOB)


def test_the_forgery_of_the_last_test_is_no_accident_of_aes() -> None:
    honest = Recipe(recipients=PUBLIC)
    aad = hashlib.sha256(honest.prefix).digest()
    with pytest.raises(InvalidTag):
        AESGCM(derive(b"\x99" * 32, honest.header.pack())[0]).decrypt(bytes(12), honest.build()[442:], aad)


# --- Vectors for other implementations -----------------------------------------------------------------------------


def test_the_vectors_are_what_their_generator_makes() -> None:
    assert VECTORS.read_text(encoding="utf-8") == make_vectors()


@pytest.mark.parametrize(
    "case", json.loads(VECTORS.read_text(encoding="utf-8"))["cases"], ids=lambda case: case["name"]
)
def test_a_vector(case: dict[str, str]) -> None:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    core = vectors["expected"]
    anchor = Anchor(
        *(bytes.fromhex(core["consortium"]), core["chain"], Address(bytes(20))),
        Address(bytes.fromhex(core["contract"])),
    )
    expected = Expected(
        Core(
            Kind(core["kind"]),
            anchor,
            Address(bytes.fromhex(core["sender"])),
            core["round"],
            core["epoch"],
            bytes.fromhex(core["context"]),
            core["seq"],
        ),
        Digest(bytes.fromhex(case["digest"])),
        core["cap"],
    )
    key = PrivateKey(1, secret(int(case["key"], 16)))
    file = bytes.fromhex(case["file"])
    if "error" not in case:
        assert receive(file, expected, key) == bytes.fromhex(case["plaintext"])
        return
    with pytest.raises(HemaledgerError) as refusal:
        receive(file, expected, key)
    assert refusal.value.name == case["error"]
