"""Parcels of a round with clusters: their exact bytes, and that no file gives a receiver another parcel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.crypto.share_delivery import SEALED_BYTES
from fl.crypto.share_encryption import bundle_from_bytes, bundle_to_bytes
from fl.protocol.codec import sha256
from fl.protocol.errors import EncodingError, ProofInvalid
from fl.protocol.merkle import inclusion_path, inclusion_paths, root_of
from fl.protocol.names import Address, Digest
from fl.protocol.parcels import (
    PARCEL_BYTES,
    place_of,
    posted_cap,
    read_received,
    received_cap,
    received_files,
    with_received,
    without_received,
)

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "parcels.json").read_text(encoding="ascii")
)
CONTEXT = bytes([7]) * 32
Dealt = dict[Address, list[bytes]]


def account(number: int) -> Address:
    return Address(bytes([number]) * 20)


def dealt(size: int) -> tuple[list[Address], Dealt]:
    """Return a cluster, and the parcels of each of its hospitals for the others."""
    members = [account(number) for number in range(1, size + 1)]
    return members, {
        dealer: [(dealer + receiver) * 5 + bytes(10) for receiver in members if receiver != dealer]
        for dealer in members
    }


def roots_for(receiver: Address, parcels: Dealt) -> dict[Address, Digest]:
    return {dealer: root_of(each) for dealer, each in parcels.items() if dealer != receiver}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{len(vector['members'])}-{len(vector['going'])}")
def test_roots_and_files_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    context = bytes.fromhex(vector["context"])
    members, going = ([Address(bytes.fromhex(each)) for each in vector[name]] for name in ("members", "going"))
    posted = {
        dealer: bundle_from_bytes(bytes.fromhex(vector["posted"][dealer.hex()]), len(members) - 1, PARCEL_BYTES)
        for dealer in going
    }
    assert {dealer.hex(): root_of(each).hex() for dealer, each in posted.items()} == vector["roots"]
    files = received_files(context, members, posted)
    assert {who.hex(): sha256(file).hex() for who, file in files.items()} == vector["received"]
    assert files[going[0]].hex() == vector["file"]
    digests = {who: sha256(file) for who, file in files.items()}
    assert with_received(b"batch", digests) == b"batch" + bytes.fromhex(vector["tail"])
    assert without_received(b"batch" + bytes.fromhex(vector["tail"]), len(going)) == (
        b"batch",
        tuple(digests[who] for who in going),
    )


def test_a_parcel_has_the_size_of_two_sealed_shares() -> None:
    assert PARCEL_BYTES == SEALED_BYTES
    assert len(bundle_to_bytes([bytes(PARCEL_BYTES)] * 9, PARCEL_BYTES)) == posted_cap(9)


@given(st.integers(1, 70))
def test_all_paths_at_once_are_the_paths_one_by_one(size: int) -> None:
    leaves = [bytes([number]) for number in range(size)]
    assert inclusion_paths(leaves) == tuple(inclusion_path(leaves, index) for index in range(size))
    assert inclusion_paths([]) == ()


@given(st.data(), st.integers(3, 24))
def test_each_receiver_finds_every_parcel_for_it_and_nothing_else(data: st.DataObject, size: int) -> None:
    members, parcels = dealt(size)
    going = data.draw(st.sets(st.sampled_from(members), min_size=1))
    posted = {dealer: parcels[dealer] for dealer in going}
    for receiver, file in received_files(CONTEXT, members, posted).items():
        assert len(file) <= received_cap(size - 1)
        found = read_received(file, CONTEXT, receiver, members, roots_for(receiver, posted))
        assert found == {
            dealer: parcels[dealer][place_of(members, dealer, receiver)[0]] for dealer in going - {receiver}
        }
        assert all(each.startswith(dealer + receiver) for dealer, each in found.items())


@given(st.data(), st.integers(3, 9))
def test_a_changed_file_is_refused(data: st.DataObject, size: int) -> None:
    members, parcels = dealt(size)
    receiver = data.draw(st.sampled_from(members))
    file = received_files(CONTEXT, members, parcels)[receiver]
    at = data.draw(st.integers(0, len(file) - 1))
    flipped = file[:at] + bytes([file[at] ^ data.draw(st.integers(1, 255))]) + file[at + 1 :]
    for wrong in (flipped, file[:at], file + b"\0"):
        with pytest.raises((EncodingError, ProofInvalid)):
            read_received(wrong, CONTEXT, receiver, members, roots_for(receiver, parcels))


def test_a_file_of_another_round_receiver_or_set_of_dealers_is_refused() -> None:
    members, parcels = dealt(6)
    me, roots = members[2], roots_for(members[2], parcels)
    files = received_files(CONTEXT, members, parcels)
    fewer = received_files(CONTEXT, members, {who: parcels[who] for who in members[:5]})
    swapped = {**parcels, members[0]: [parcels[members[0]][1], parcels[members[0]][0], *parcels[members[0]][2:]]}
    for file, context in (
        (files[me], bytes(32)),
        (files[members[0]], CONTEXT),
        (fewer[me], CONTEXT),
        (received_files(CONTEXT, members, swapped)[me], CONTEXT),
    ):
        with pytest.raises((EncodingError, ProofInvalid)):
            read_received(file, context, me, members, roots)


def test_nobody_deals_to_itself_or_to_a_stranger() -> None:
    members, _ = dealt(4)
    for dealer, receiver in ((members[0], members[0]), (account(9), members[0]), (members[0], account(9))):
        with pytest.raises(ValueError):  # noqa: PT011 the caller's mistake, no input of others
            place_of(members, dealer, receiver)


def test_a_file_of_a_cluster_without_all_digests_is_refused() -> None:
    with pytest.raises(EncodingError):
        without_received(bytes(63), 2)
