"""Clusters of a wide round: who is in which, who has masks in common, and the bytes of their files."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.batches import OpeningFile, opening_file, parse_opening
from fl.protocol.cluster_index import ClusterFile, ClusterIndex, index_cap
from fl.protocol.codec import sha256
from fl.protocol.errors import EncodingError, TermsInvalid
from fl.protocol.names import NO_DIGEST, Address, Digest, Protection
from fl.protocol.ports import Anchor
from fl.protocol.records import ClusterTerms, Terms, WideOpening, WideTerms
from fl.protocol.rounds.clusters import Clusters, seed_of, sizes
from fl.protocol.rounds.replayers import sample
from fl.protocol.rounds.round import Phase, clusters_context, clusters_digest
from fl.protocol.rounds.rules import check_terms

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "clusters.json").read_text(encoding="ascii")
)
CONTEXT = bytes.fromhex(VECTORS["context"])


def accounts(texts: list[str]) -> tuple[Address, ...]:
    return tuple(Address(bytes.fromhex(each)) for each in texts)


@pytest.mark.parametrize("vector", VECTORS["rosters"], ids=lambda each: f"{len(each['roster'])}-{each['across']}")
def test_the_clusters_and_partners_of_a_roster_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    roster, seed = accounts(vector["roster"]), seed_of(CONTEXT)
    made = Clusters(sample(seed, roster, len(roster)), len(vector["clusters"]), vector["across"])
    assert seed.hex() == vector["seed"]
    assert made.parts == tuple(accounts(each) for each in vector["clusters"])
    for number, members in enumerate(made.members):
        for each in members:
            assert made.number_of(each) == made.seen_by(each) == number
            assert made.partners(each) == accounts(vector["partners"][each.hex()])
            assert made.mates(each) == tuple(other for other in members if other != each)


@given(count=st.integers(2, 6), size=st.integers(3, 8), more=st.integers(0, 5), data=st.data())
def test_a_mask_in_common_is_mutual_and_joins_each_cluster_to_those_beside_it_alone(
    count: int, size: int, more: int, data: st.DataObject
) -> None:
    ring = [Address(number.to_bytes(20, "big")) for number in range(count * size + more % count)]
    largest, small = sizes(len(ring), count)
    across = data.draw(st.integers(1, small))
    made = Clusters(ring, count, across)
    assert sorted(each for part in made.parts for each in part) == ring
    assert {len(part) for part in made.parts} <= {largest, small}
    for one, other in itertools.product(ring, repeat=2):
        joined = other in made.mates(one) or other in made.partners(one)
        assert made.masked(one, other) == made.masked(other, one) == joined
    for one in ring:
        near = made.beside(made.number_of(one))
        assert {made.number_of(each) for each in made.partners(one)} <= {*near}
        assert len(made.partners(one)) <= 2 * across
    assert made.seen_by(Address(b"\xff" * 20)) == 0


def test_an_opening_with_clusters_is_that_of_the_vectors() -> None:
    given, terms = VECTORS["opening"], ClusterTerms(**VECTORS["opening"]["clusters"])
    roster, files = accounts(given["roster"]), (Digest(bytes([5]) * 32),)
    wide = WideTerms(2, 0, b"\4" + bytes([9]) * 64, files, terms)
    file = opening_file(roster, wide)
    assert file.hex() == given["file"]
    assert parse_opening(file, 6) == OpeningFile(roster, wide.group_key, files, terms)
    for wrong in (file[:-1], file + b"\0", file.replace(b"opening2", b"opening3")):
        with pytest.raises(EncodingError):
            parse_opening(wrong, 6)


def test_an_index_is_that_of_the_vectors_and_nothing_else_is_one() -> None:
    given = VECTORS["index"]
    files = tuple(
        ClusterFile(each["count"], each["going"], *(Digest(bytes.fromhex(each[name])) for name in ("root", "digest")))
        for each in given["files"]
    )
    index, file = ClusterIndex(CONTEXT, Phase(given["phase"]), files), bytes.fromhex(given["file"])
    assert index.to_bytes() == file
    assert sha256(file).hex() == given["digest"]
    assert (index.count, index.going, index.root.hex()) == (given["count"], given["going"], given["root"])
    assert ClusterIndex.from_bytes(file, CONTEXT, Phase.SHARE, 3) == index
    assert index_cap(3) == len(file)
    for data, context, phase, count in (
        (file, bytes(32), Phase.SHARE, 3),
        (file, CONTEXT, Phase.MASK, 3),
        (file, CONTEXT, Phase.SHARE, 2),
        (file[:-1], CONTEXT, Phase.SHARE, 3),
        (file + b"\0", CONTEXT, Phase.SHARE, 3),
    ):
        with pytest.raises(EncodingError):
            ClusterIndex.from_bytes(data, context, phase, count)


def test_the_contexts_of_masks_and_set_are_those_of_the_vectors() -> None:
    roots = {Phase(int(phase)): Digest(bytes.fromhex(root)) for phase, root in VECTORS["roots"].items()}
    contract = Address(bytes.fromhex(VECTORS["contract"]))
    anchor = Anchor(bytes.fromhex(VECTORS["consortium"]), VECTORS["chain_id"], Address(bytes(20)), contract)
    assert clusters_context(CONTEXT, roots).hex() == VECTORS["mask_context"]
    assert clusters_digest(anchor, VECTORS["round"], roots[Phase.MASK]).hex() == VECTORS["set_digest"]


TERMS = Terms(Protection.WIDE, 9, 1, 3, 1, NO_DIGEST, 60, 100, 200)
FITTING = ClusterTerms(3, 3, 2)
"""For fourteen hospitals: clusters of four and five."""


def opened(terms: Terms, degree: int, clusters: ClusterTerms) -> WideOpening:
    roster = tuple(Address(bytes([number]) * 20) for number in range(1, 15))
    return WideOpening(roster[0], 1, terms, roster, NO_DIGEST, WideTerms(degree, 0, bytes(65), (), clusters))


@pytest.mark.parametrize("clusters", [FITTING, replace(FITTING, fewest=4), replace(FITTING, across=4)])
def test_clusters_that_fit_the_roster_are_accepted(clusters: ClusterTerms) -> None:
    check_terms(opened(TERMS, 4, clusters), 1)


@pytest.mark.parametrize(
    ("degree", "threshold", "clusters"),
    [
        (4, 3, replace(FITTING, count=1)),
        (2, 3, replace(FITTING, count=5)),
        (6, 3, FITTING),
        (4, 2, FITTING),
        (4, 4, FITTING),
        (4, 3, replace(FITTING, fewest=2)),
        (4, 3, replace(FITTING, fewest=5)),
        (4, 3, replace(FITTING, across=0)),
        (4, 3, replace(FITTING, across=5)),
    ],
)
def test_clusters_that_do_not_fit_are_refused(degree: int, threshold: int, clusters: ClusterTerms) -> None:
    with pytest.raises(TermsInvalid):
        check_terms(opened(replace(TERMS, threshold=threshold), degree, clusters), 1)
