from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.crypto import _libcrypto, group
from fl.crypto.curve import FIELD, GENERATOR, IDENTITY, ORDER, Engine, Point, encode_uncompressed
from fl.crypto.hashing import expand_message, hash_to_curve, hash_to_scalar
from fl.protocol.errors import InvalidPoint, InvalidScalar
from tests.support.crypto import masked_round as reference

pytestmark = pytest.mark.usefixtures("backend")

SCALARS = st.integers(0, ORDER - 1)
SMALL = st.integers(1, 2**16)

# NIST's point multiplication examples for P-256 (mathematical routines, "Example of scalar multiplication").
MULTIPLES = [
    (
        2,
        "7CF27B188D034F7E8A52380304B51AC3C08969E277F21B35A60B48FC47669978",
        "07775510DB8ED040293D9AC69F7430DBBA7DADE63CE982299E04B79D227873D1",
    ),
    (
        20,
        "83A01A9378395BAB9BCD6A0AD03CC56D56E6B19250465A94A234DC4C6B28DA9A",
        "76E49B6DE2F73234AE6A5EB9D612B75C9F2202BB6923F54FF8240AAA86F640B8",
    ),
    (
        112233445566778899,
        "339150844EC15234807FE862A86BE77977DBFB3AE3D96F4C22795513AEAAB82F",
        "B1C14DDFDC8EC1B2583F51E85A5EB3A155840F2034730E9B5ADA38B674336A21",
    ),
    (
        112233445566778899112233445566778899,
        "1B7E046A076CC25E6D7FA5003F6729F665CC3241B5ADAB12B498CD32F2803264",
        "BFEA79BE2B666B073DB69A2A241ADAB0738FE9D2DD28B5604EB8C8CF097C457B",
    ),
    (
        ORDER - 1,
        "6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296",
        "B01CBD1C01E58065711814B583F061E9D431CCA994CEA1313449BF97C840AE0A",
    ),
]


@pytest.mark.parametrize(("scalar", "x", "y"), MULTIPLES)
def test_multiples_of_the_generator_are_nists(scalar: int, x: str, y: str) -> None:
    expected = Point(int(x, 16), int(y, 16))
    assert group.base_mult(scalar) == expected
    assert group.mult(scalar, GENERATOR) == expected


def test_a_key_agreement_is_rfc_5903s() -> None:
    # RFC 5903, 8.1
    secret = 0xC88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433
    peer = bytes.fromhex(
        "04D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"
        "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB"
    )
    shared = group.shared_x(secret, group.decode_uncompressed(peer))
    assert shared.hex().upper() == "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE"


@pytest.mark.parametrize(
    ("message", "x", "y"),
    [
        (
            b"",
            "2c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4",
            "8a7a74985cc5c776cdfe4b1f19884970453912e9d31528c060be9ab5c43e8415",
        ),
        (
            b"abc",
            "0bb8b87485551aa43ed54f009230450b492fead5f1cc91658775dac4a3388a0f",
            "5c41b3d0731a27a7b14bc0bf0ccded2d8751f83493404c84a88e71ffd424212e",
        ),
    ],
)
def test_hashing_to_the_curve_is_rfc_9380s(message: bytes, x: str, y: str) -> None:
    # RFC 9380, J.1.1
    point = hash_to_curve(message, b"QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_")
    assert point == Point(int(x, 16), int(y, 16))


def test_expanding_a_message_is_rfc_9380s() -> None:
    # RFC 9380, K.1
    tag = b"QUUX-V01-CS02-with-expander-SHA256-128"
    assert expand_message(b"", tag, 32).hex() == "68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235"
    assert expand_message(b"abc", tag, 32).hex() == "d8ccab23b5985ccea865c6c97b6e5b8350e794e603b4b97902f53a8a0d605615"
    assert expand_message(b"abc", tag, 128).hex().startswith("abba86a6129e366fc877aab32fc4ffc70120d8996c88aee2fe4b32d6")


@pytest.mark.parametrize(("tag", "length"), [(b"", 32), (b"x" * 256, 32), (b"x", 32 * 255 + 1)])
def test_a_tag_or_a_length_without_meaning_is_refused(tag: bytes, length: int) -> None:
    with pytest.raises(ValueError, match="tag"):
        expand_message(b"m", tag, length)


def test_contexts_separate_scalars() -> None:
    assert hash_to_scalar(b"m", b"one") != hash_to_scalar(b"m", b"two")


@given(SCALARS, SCALARS)
@settings(max_examples=10, deadline=None)
def test_every_operation_agrees_with_the_affine_formulas(one: int, two: int) -> None:
    left, right = reference.times(one), reference.times(two)
    assert as_pair(group.base_mult(one)) == left
    assert as_pair(group.mult(two, group.base_mult(one))) == reference.times(two, left)
    assert as_pair(group.add(group.base_mult(one), group.base_mult(two))) == reference.plus(left, right)


@given(st.lists(st.sampled_from([0, 1, 2, 3, ORDER - 1, ORDER // 7]), max_size=5), SMALL)
@settings(max_examples=40, deadline=None)
def test_horner_is_the_sum_of_scaled_points_for_all_edges(scalars: list[int], at: int) -> None:
    points = [group.base_mult(scalar) for scalar in scalars]
    value = sum(scalar * at**power for power, scalar in enumerate(scalars))
    assert group.horner(at, points) == group.base_mult(value)


@given(st.sampled_from([1, 2, 3, 49, 50, 1024, 65535, 65536]), SCALARS)
@settings(max_examples=20, deadline=None)
def test_small_multiples_are_multiples(small: int, scalar: int) -> None:
    point = group.base_mult(scalar)
    assert group.horner(small, [IDENTITY, point]) == group.mult(small, point) == group.base_mult(small * scalar)


@pytest.mark.parametrize("scalar", [0, 1, 2, 3, ORDER - 2, ORDER - 1, ORDER, ORDER + 1])
def test_multiples_at_the_edges(scalar: int) -> None:
    point = group.base_mult(0xABCDEF)
    assert group.mult(scalar, point) == group.base_mult(scalar * 0xABCDEF)
    assert group.mult(scalar, IDENTITY) == IDENTITY


def test_a_sum_of_products() -> None:
    scalars, points = [5, 0, ORDER - 9], [group.base_mult(each) for each in (3, 4, 11)]
    assert group.multi_mult(scalars, points) == group.base_mult(5 * 3 - 9 * 11)
    assert group.multi_mult([], []) == IDENTITY


def test_opposites_cancel() -> None:
    point = group.base_mult(77)
    assert group.add(point, group.negate(point)) == IDENTITY
    assert group.negate(IDENTITY) == IDENTITY
    assert group.add(point, point) == group.base_mult(154)


@given(st.integers(1, ORDER - 1))
@settings(max_examples=10, deadline=None)
def test_a_point_comes_back_from_both_encodings(scalar: int) -> None:
    point = group.base_mult(scalar)
    assert group.decode_point(group.encode_point(point)) == point
    assert group.decode_uncompressed(encode_uncompressed(point)) == point
    assert group.encode_point(point) == reference.sec1(reference.times(scalar))


GOOD = group.encode_point(GENERATOR)
WHOLE = encode_uncompressed(GENERATOR)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "0 bytes"),
        (b"\x00", "identity"),
        (bytes(33), "identity"),
        (GOOD[:-1], "32 bytes"),
        (GOOD + b"\x00", "34 bytes"),
        (WHOLE, "65 bytes"),
        (b"\x04" + GOOD[1:], "tag is 4"),
        (b"\x01" + GOOD[1:], "tag is 1"),
        (b"\x02" + FIELD.to_bytes(32, "big"), "not below p"),
        (b"\x03" + b"\xff" * 32, "not below p"),
        (b"\x02" + (1).to_bytes(32, "big"), "not on the curve"),
    ],
)
def test_a_compressed_point_that_is_none_is_refused_by_name(data: bytes, why: str) -> None:
    with pytest.raises(InvalidPoint, match=why):
        group.decode_point(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (GOOD, "33 bytes"),
        (b"\x06" + WHOLE[1:], "tag is 6"),
        (b"\x04" + FIELD.to_bytes(32, "big") + WHOLE[33:], "not below p"),
        (WHOLE[:33] + b"\xff" * 32, "not below p"),
        (WHOLE[:-1] + b"\x00", "not on the curve"),
        (b"\x04" + bytes(64), "not on the curve"),
    ],
)
def test_an_uncompressed_point_that_is_none_is_refused_by_name(data: bytes, why: str) -> None:
    with pytest.raises(InvalidPoint, match=why):
        group.decode_uncompressed(data)


def test_a_vector_of_points_has_the_length_that_is_due() -> None:
    assert group.decode_points(GOOD * 3, 3) == (GENERATOR,) * 3
    for count in (2, 4):
        with pytest.raises(InvalidPoint, match="bytes"):
            group.decode_points(GOOD * 3, count)


def test_the_identity_is_never_written() -> None:
    for encode in (group.encode_point, encode_uncompressed):
        with pytest.raises(ValueError, match="identity"):
            encode(IDENTITY)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (bytes(31), "31 bytes"),
        (bytes(33), "33 bytes"),
        (ORDER.to_bytes(32, "big"), "order"),
        (b"\xff" * 32, "order"),
    ],
)
def test_a_scalar_that_is_none_is_refused_by_name(data: bytes, why: str) -> None:
    for parse in (group.parse_scalar, group.parse_key):
        with pytest.raises(InvalidScalar, match=why):
            parse(data)


def test_zero_is_a_scalar_but_no_key() -> None:
    assert group.parse_scalar(bytes(32)) == 0
    assert group.parse_key(group.scalar_bytes(ORDER - 1)) == ORDER - 1
    with pytest.raises(InvalidScalar, match="never 0"):
        group.parse_key(bytes(32))


@pytest.mark.parametrize("scalar", [-1, ORDER])
def test_no_other_number_is_written_as_a_scalar(scalar: int) -> None:
    with pytest.raises(ValueError, match="between"):
        group.scalar_bytes(scalar)


def test_misuse_is_a_programmers_mistake() -> None:
    for call in (
        lambda: group.horner(0, [GENERATOR]),
        lambda: group.horner(2**16 + 1, [GENERATOR]),
        lambda: group.horner(-1, [GENERATOR]),
        lambda: group.shared_x(0, GENERATOR),
        lambda: group.shared_x(3, IDENTITY),
    ):
        with pytest.raises(ValueError, match=r"between|needs a scalar"):
            call()


def test_random_scalars_are_keys_and_differ() -> None:
    drawn = {group.random_scalar() for _ in range(50)}
    assert len(drawn) == 50
    assert all(0 < scalar < ORDER for scalar in drawn)


def test_threads_do_not_disturb_each_other() -> None:
    expected = [group.base_mult(scalar) for scalar in range(1, 40)]
    results: list[list[Point]] = []

    def work() -> None:
        for _ in range(5):
            results.append([group.base_mult(scalar) for scalar in range(1, 40)])
            results.append([group.horner(1, expected[:place]) for place in range(40)][1:2] + expected[1:])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * len(results)


def test_the_backend_in_use_is_the_one_asked_for(backend: Engine) -> None:
    assert group.engine() is backend


def test_a_library_that_is_missing_or_is_none_is_silently_absent(tmp_path: Path) -> None:
    broken = tmp_path / "libcrypto.so.3"
    broken.write_bytes(b"no library")
    assert _libcrypto.load(("libhemaledger-nowhere.so", str(broken), "libc.so.6")) is None


def as_pair(point: Point) -> reference.Pair | None:
    return None if point == IDENTITY else (point.x, point.y)
