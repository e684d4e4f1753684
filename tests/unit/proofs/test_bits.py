"""Every bit of a proof counts: also with its seal made again, but for witnesses that the quorum can spare."""

from __future__ import annotations

import random
from functools import cache

import pytest

from fl.proofs.verify import verify
from fl.protocol.errors import HemaledgerError
from fl.protocol.tlog.notes import decode64, encode64
from fl.protocol.tlog.proof_file import ProofFile, parse_proof
from tests.support.judged_proofs import flipped, resealed, with_extra
from tests.support.proof_world import FACTS, KINDS, ProofWorld

WITNESSES, QUORUM = 4, 2


@cache
def world(kind: str) -> ProofWorld:
    return ProofWorld(7, 300, WITNESSES, QUORUM, kind, validators=3 * (kind == "step"))


@cache
def proof(kind: str) -> ProofFile:
    return world(kind).proof()


def holds(kind: str, data: bytes) -> bool:
    try:
        verify(data, world(kind).trust, FACTS)
    except HemaledgerError:
        return False
    return True


def flips(kind: str, every: int) -> None:
    data = proof(kind).encoded()
    assert holds(kind, data)
    start = random.Random(kind).randrange(every)  # noqa: S311 - which bits, the same each time
    assert [at for at, changed in flipped(data, range(start, 8 * len(data), every)) if holds(kind, changed)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_bit_of_a_proof_can_change(kind: str) -> None:
    flips(kind, 7)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_none_of_all_bits_of_a_proof_can_change(kind: str) -> None:
    flips(kind, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_no_bit_of_the_extra_part_can_change_under_a_new_seal(kind: str) -> None:
    """Where nobody seals blocks, nothing ties the other fields of a header; so no more than its roots is used."""
    data = proof(kind).encoded()
    raw = proof(kind).extra.encoded()
    assert holds(kind, with_extra(data, raw))
    changes = flipped(raw, range(3, 8 * len(raw), 61))
    spared = [at for at, changed in changes if holds(kind, with_extra(data, changed))]
    binding = proof(kind).extra.binding
    assert binding is not None
    header = raw.index(binding.header)
    within = range(header, header + len(binding.header)) if not world(kind).sealers else ()
    assert [at for at in spared if at not in within] == []


def test_only_names_of_witnesses_that_the_quorum_can_spare_can_change_under_a_new_seal() -> None:
    data = proof("none").encoded()
    start = data.index(b"\nindex") + 1
    spared = set()
    for at, changed in flipped(data[start:], range(1, 8 * (len(data) - start), 5)):
        if holds("none", resealed(data[:start] + changed)):
            spared.add(data[: start + at].count(b"\n"))
    lines = data.split(b"\n")
    witnesses = {place for place, line in enumerate(lines) if b"/0x" in line}
    assert spared <= witnesses
    assert len(witnesses) == WITNESSES


def test_cosignatures_keep_their_bits_when_the_seal_is_new() -> None:
    """A known witness's line with a wrong signature is refused, even if the quorum could spare it."""
    data = proof("none").encoded()
    line = next(each for each in data.split(b"\n") if b"/0x" in each)
    name = line.rsplit(b" ", 1)[0]
    payload = bytearray(decode64(line.rsplit(b" ", 1)[1].decode(), "note"))
    for at in range(4, len(payload)):
        changed = bytearray(payload)
        changed[at] ^= 1
        assert not holds("none", resealed(data.replace(line, name + b" " + encode64(bytes(changed)).encode())))


def test_a_proof_is_written_as_it_was_read() -> None:
    for kind in KINDS:
        assert parse_proof(proof(kind).encoded()) == proof(kind)
