from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.crypto.curve import GENERATOR, ORDER
from fl.crypto.group import base_mult, encode_point, random_scalar
from fl.crypto.sharing import (
    Commitments,
    Polynomial,
    Share,
    deal,
    dealers_of_invalid_shares,
    reconstruct,
    recover,
    verify,
)
from fl.protocol.errors import (
    BelowThreshold,
    CommitmentMismatch,
    EncodingError,
    InvalidPoint,
    ReconstructMismatch,
    ShareInvalid,
)
from fl.protocol.names import Address
from tests.support.crypto import masked_round as reference

pytestmark = pytest.mark.usefixtures("backend")

DEALER = Address(b"\x11" * 20)
OTHER = Address(b"\x22" * 20)


def dealt(secret: int, threshold: int, parties: int, dealer: Address = DEALER) -> tuple[tuple[Share, ...], Commitments]:
    shares, vector = deal(secret, threshold, parties)
    return shares, Commitments.from_bytes(dealer, vector, threshold)


def spoil(share: Share, by: int = 1) -> Share:
    return replace(share, value=(share.value + by) % ORDER)


def test_any_t_shares_give_the_secret_and_fewer_do_not() -> None:
    secret = random_scalar()
    shares, commitments = dealt(secret, 3, 5)
    for count in (3, 4, 5):
        for some in combinations(shares, count):
            assert reconstruct(some, commitments) == secret
            assert recover(some, commitments).secret == secret
    for some in combinations(shares, 2):
        for rebuild in (reconstruct, recover):
            with pytest.raises(BelowThreshold) as caught:
                rebuild(some, commitments)
            assert caught.value.facts() == {"actual": 2, "required": 3}


@given(st.lists(st.integers(1, ORDER - 1), min_size=1, max_size=6), st.integers(1, 1024))
@settings(max_examples=15, deadline=None)
def test_shares_and_commitments_are_those_of_the_definition(coefficients: list[int], index: int) -> None:
    polynomial = Polynomial(tuple(coefficients))
    assert polynomial.share(index).value == reference.polynomial(coefficients, index)
    assert polynomial.commitments() == b"".join(reference.sec1(reference.times(each)) for each in coefficients)


def test_one_share_fewer_than_t_fits_every_secret() -> None:
    # t - 1 shares and any claimed secret lie on a polynomial of degree t - 1: nothing is excluded
    shares, _ = dealt(random_scalar(), 3, 3)
    for claimed in (1, 2, ORDER - 1):
        third = Share(3, random_scalar())
        points = {0: claimed, 1: shares[0].value, 2: shares[1].value}
        total = 0
        for at, value in points.items():
            rest = [other for other in points if other != at]
            top = (third.index - rest[0]) * (third.index - rest[1])
            total += value * top * pow((at - rest[0]) * (at - rest[1]), -1, ORDER)
        forged = Share(3, total % ORDER)
        with pytest.raises(ReconstructMismatch):
            reconstruct(
                [shares[0], shares[1], forged], Commitments(DEALER, (base_mult(claimed + 1), GENERATOR, GENERATOR))
            )
        assert (
            reconstruct([shares[0], shares[1], forged], Commitments(DEALER, (base_mult(claimed), GENERATOR, GENERATOR)))
            == claimed
        )


@pytest.mark.parametrize("index", [1, 2, 50, 1024])
def test_a_right_share_verifies_at_every_index(index: int) -> None:
    polynomial = Polynomial.draw(random_scalar(), 4)
    verify(polynomial.share(index), Commitments.from_bytes(DEALER, polynomial.commitments(), 4))


@pytest.mark.parametrize("bit", [0, 1, 100, 255])
def test_one_flipped_bit_names_the_dealer(bit: int) -> None:
    shares, commitments = dealt(random_scalar(), 2, 3)
    flipped = replace(shares[1], value=(shares[1].value ^ (1 << bit)) % ORDER)
    with pytest.raises(ShareInvalid) as caught:
        verify(flipped, commitments)
    assert caught.value.facts() == {"dealer": DEALER, "index": 2}


def test_a_share_of_another_index_does_not_verify() -> None:
    shares, commitments = dealt(random_scalar(), 2, 3)
    with pytest.raises(ShareInvalid):
        verify(replace(shares[0], index=2), commitments)


def test_a_batch_names_exactly_the_bad_dealers() -> None:
    dealers = [Address(bytes([number]) * 20) for number in range(1, 8)]
    received = []
    for dealer in dealers:
        for _ in range(2):
            shares, commitments = dealt(random_scalar(), 3, 7, dealer)
            received.append((shares[4], commitments))
    assert dealers_of_invalid_shares(received) == ()
    for place in (3, 10, 11):  # the second vector of dealer 2, both of dealer 6
        received[place] = (spoil(received[place][0]), received[place][1])
    assert dealers_of_invalid_shares(received) == (dealers[1], dealers[5])


def test_wrong_shares_that_cancel_in_a_plain_sum_are_still_found() -> None:
    received = []
    for dealer, error in ((DEALER, 5), (OTHER, -5)):
        shares, commitments = dealt(random_scalar(), 2, 2, dealer)
        received.append((spoil(shares[0], error), commitments))
    assert dealers_of_invalid_shares(received) == (DEALER, OTHER)


@pytest.mark.parametrize("wrong", [(0,), (6,), (0, 3), (5, 6), (0, 1, 2)])
def test_recovery_names_every_wrong_share_and_still_gives_the_secret(wrong: tuple[int, ...]) -> None:
    secret = random_scalar()
    shares, commitments = dealt(secret, 4, 7)
    spoiled = [spoil(share) if place in wrong else share for place, share in enumerate(shares)]
    recovery = recover(spoiled[::-1], commitments)
    assert (recovery.secret, recovery.invalid) == (secret, tuple(place + 1 for place in wrong))


def test_wrong_shares_that_cancel_at_zero_are_named() -> None:
    # L_1(0) = 2 and L_2(0) = -1 for the points 1 and 2: errors e and 2e leave the secret as it is
    secret = random_scalar()
    shares, commitments = dealt(secret, 2, 4)
    spoiled = [spoil(shares[0], 5), spoil(shares[1], 10), *shares[2:]]
    assert reconstruct(spoiled, commitments) == secret
    assert recover(spoiled, commitments).invalid == (1, 2)


def test_too_many_wrong_shares_leave_too_few() -> None:
    shares, commitments = dealt(random_scalar(), 4, 6)
    with pytest.raises(BelowThreshold) as caught:
        recover([spoil(share) if share.index <= 3 else share for share in shares], commitments)
    assert caught.value.facts() == {"actual": 3, "required": 4}


def test_a_wrong_share_among_t_is_a_mismatch_that_names_the_dealer() -> None:
    shares, commitments = dealt(random_scalar(), 3, 3)
    with pytest.raises(ReconstructMismatch) as caught:
        reconstruct([spoil(shares[0]), *shares[1:]], commitments)
    assert caught.value.facts() == {"dealer": DEALER}


@pytest.mark.parametrize("index", [0, -1, 16_385])
def test_an_index_outside_the_roster_is_refused(index: int) -> None:
    shares, commitments = dealt(random_scalar(), 2, 3)
    strange = Share(index, shares[0].value)
    for call in (
        lambda: verify(strange, commitments),
        lambda: reconstruct([strange, shares[1]], commitments),
        lambda: recover([strange, shares[1]], commitments),
        lambda: Polynomial.draw(3, 2).share(index),
    ):
        with pytest.raises(EncodingError, match="index"):
            call()


def test_two_shares_of_one_party_are_refused() -> None:
    shares, commitments = dealt(random_scalar(), 2, 3)
    for rebuild in (reconstruct, recover):
        with pytest.raises(EncodingError, match="one party"):
            rebuild([shares[0], shares[0], shares[1]], commitments)


def test_a_vector_has_exactly_t_points() -> None:
    _, vector = deal(random_scalar(), 3, 5)
    assert Commitments.from_bytes(DEALER, vector, 3).to_bytes() == vector
    for data, threshold in ((vector, 2), (vector, 4), (vector[:-1], 3), (vector + b"\x00", 3)):
        with pytest.raises(InvalidPoint, match="bytes"):
            Commitments.from_bytes(DEALER, data, threshold)
    with pytest.raises(InvalidPoint):
        Commitments.from_bytes(DEALER, bytes(33) + vector[33:], 3)


def test_commitments_must_be_to_the_advertised_key() -> None:
    secret = random_scalar()
    _, commitments = dealt(secret, 2, 3)
    commitments.check_key(base_mult(secret))
    assert encode_point(commitments.key) == encode_point(base_mult(secret))
    with pytest.raises(CommitmentMismatch) as caught:
        commitments.check_key(base_mult(secret + 1))
    assert caught.value.facts() == {"dealer": DEALER}


@pytest.mark.parametrize(("secret", "threshold", "parties"), [(0, 2, 3), (ORDER, 2, 3), (5, 0, 3), (5, 4, 3)])
def test_impossible_dealings_are_a_programmers_mistake(secret: int, threshold: int, parties: int) -> None:
    with pytest.raises(ValueError, match="threshold"):
        deal(secret, threshold, parties)


def test_secrets_do_not_show_in_representations() -> None:
    polynomial = Polynomial((123456789, 987654321))
    recovery = recover(*dealt(123456789, 1, 1))
    for shown in (repr(polynomial), repr(polynomial.share(1)), repr(recovery)):
        assert "123456789" not in shown
        assert "987654321" not in shown
