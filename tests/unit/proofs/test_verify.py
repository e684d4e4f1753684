"""What the verifier refuses, and at which step."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import rlp

from chain.proofs.headers import parse_header
from chain.transactions.keystore import AccountKey
from fl.proofs.verify import verify
from fl.proofs.words import lines_of
from fl.protocol.errors import (
    BindingInvalid,
    CosignatureInvalid,
    HemaledgerError,
    LogSignatureInvalid,
    ProofChanged,
    ProofMalformed,
    WitnessesMissing,
)
from fl.protocol.names import Address
from fl.protocol.records import CheckpointAnchored, RoundFinalised, UpdateCommitted
from fl.protocol.tlog.notes import Note, decode64
from fl.protocol.tlog.policy import Group
from fl.protocol.tlog.proof_file import SOFT_CAP, ProofFile, parse_proof
from fl.protocol.tlog.trust import Trust, parse_trust
from tests.support.proof_world import FACTS, KINDS, ProofWorld, sealed, vectors

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "tlog.json"


@pytest.fixture
def world() -> ProofWorld:
    return ProofWorld(1)


def check(proof: ProofFile, trust: Trust) -> None:
    verify(proof.encoded(), trust, FACTS)


def test_the_vectors_are_those_of_their_seeds_and_hold() -> None:
    found = json.loads(VECTORS.read_text(encoding="utf-8"))
    assert found == vectors()
    for case in found["proofs"]:
        trust = parse_trust(case["trust"].encode())
        proven = verify(case["proof"].encode(), trust, FACTS)
        assert (proven.index, proven.checkpoint.size, proven.checkpoint.root.hex()) == (
            case["index"],
            case["size"],
            case["root"],
        )
        assert (proven.bound is not None) == case["bound"]
        assert len(lines_of(proven, trust)) >= 5


def test_the_broken_vectors_give_their_errors() -> None:
    broken = json.loads(VECTORS.read_text(encoding="utf-8"))["broken"]
    trust = parse_trust(broken["trust"].encode())
    for case in broken["proofs"]:
        with pytest.raises(HemaledgerError) as caught:
            verify(case["proof"].encode(), trust, FACTS)
        assert caught.value.name == case["error"], case["what"]


def test_a_proof_of_the_largest_consortium_is_small() -> None:
    """Ten witnesses, ten validators and a step inside; a million entries make the path 20 nodes long."""
    world = ProofWorld(2, 1000, 10, 6, "step", validators=10)
    proof = world.proof()
    longer = replace(proof, path=(*proof.path, *[bytes(32)] * (20 - len(proof.path))))
    assert len(longer.encoded()) <= SOFT_CAP


def test_another_consortium_is_refused(world: ProofWorld) -> None:
    proof, other = world.proof(), ProofWorld(2).trust
    with pytest.raises(LogSignatureInvalid, match="another log"):
        check(proof, other)
    with pytest.raises(LogSignatureInvalid, match="no log of your trust file"):
        check(proof, replace(world.trust, policy=replace(world.trust.policy, logs=other.policy.logs)))
    for wrong in (replace(world.trust, chain_id=1), replace(world.trust, ledgers=(Address(bytes(20)),))):
        with pytest.raises(ProofChanged, match="step 4"):
            check(proof, wrong)


def test_witnesses_are_counted(world: ProofWorld) -> None:
    proof = world.proof()
    few = replace(proof, note=Note(proof.note.text, proof.note.lines[:2]))
    with pytest.raises(WitnessesMissing, match="1 of the 4"):
        check(few, world.trust)
    with pytest.raises(CosignatureInvalid, match="twice"):
        check(replace(proof, note=Note(proof.note.text, (*proof.note.lines, proof.note.lines[-1]))), world.trust)
    lone = replace(world.trust.policy, groups={"all-witnesses": Group(1, tuple(world.trust.policy.witnesses))})
    check(few, replace(world.trust, policy=lone))


def test_unknown_signers_are_ignored(world: ProofWorld) -> None:
    proof, stranger = world.proof(), ProofWorld(9).proof()
    check(replace(proof, note=Note(proof.note.text, (*proof.note.lines, stranger.note.lines[1]))), world.trust)


def test_only_the_sender_makes_a_record(world: ProofWorld) -> None:
    proof = world.proof()
    other = ProofWorld(1)
    other.coordinator = AccountKey(b"\x05" * 32)
    forged = other.signed(RoundFinalised(world.coordinator.address, 3, FACTS_DIGEST), 3)
    with pytest.raises(ProofChanged, match="step 6"):
        check(replace(proof, extra=replace(proof.extra, transaction=forged)), world.trust)
    with pytest.raises(ProofChanged, match="not a signed transaction"):
        check(replace(proof, extra=replace(proof.extra, transaction=b"\x02\xc0")), world.trust)


FACTS_DIGEST = ProofWorld(3).proof().checkpoint.root


@pytest.mark.parametrize("kind", KINDS[1:])
def test_what_is_inside_belongs_to_its_record(kind: str) -> None:
    world = ProofWorld(4, inner=kind)
    proof, plain = world.proof(), ProofWorld(4, inner="none")
    mixed = plain.proof()
    with pytest.raises(ProofChanged, match="step 8"):
        check(replace(mixed, extra=replace(mixed.extra, inner=proof.extra.inner)), plain.trust)
    proven = verify(proof.encoded(), world.trust, FACTS)
    assert (isinstance(proven.step, UpdateCommitted), bool(proven.leaf), bool(proven.line)) == (
        kind in {"step", "cluster"},
        kind == "leaf",
        kind == "line",
    )


def test_the_tie_is_of_this_checkpoint_and_of_a_keeper(world: ProofWorld) -> None:
    proof = world.proof()
    with pytest.raises(BindingInvalid, match="not a keeper"):
        check(proof, replace(world.trust, keepers=()))
    other = ProofWorld(1, size=41).proof().extra.binding
    with pytest.raises(BindingInvalid, match="another checkpoint"):
        check(replace(proof, extra=replace(proof.extra, binding=other)), world.trust)
    binding = proof.extra.binding
    assert binding is not None
    for wrong in (
        replace(binding, transaction_index=0),
        replace(binding, event=1),
        replace(binding, receipts=binding.receipts[:-1]),
        replace(binding, transactions=(*binding.transactions, b"\x80")),
        replace(binding, header=b"\xc0"),
    ):
        with pytest.raises(BindingInvalid, match="step 7"):
            check(replace(proof, extra=replace(proof.extra, binding=wrong)), world.trust)


@pytest.mark.parametrize(("seals", "good"), [(4, True), (3, True), (2, False), (0, False)])
def test_more_than_two_thirds_of_the_validators_seal(seals: int, *, good: bool) -> None:
    world = ProofWorld(6, validators=4)
    proof = world.proof()
    world.sealers = world.sealers[:seals]
    fewer = _with_seals(proof, world)
    trust = ProofWorld(6, validators=4).trust
    if good:
        proven = verify(fewer.encoded(), trust, FACTS)
        assert isinstance(proven.bound.record if proven.bound else None, CheckpointAnchored)
        assert f"{seals} of the 4 validators sealed" in lines_of(proven, trust)[-1]
    else:
        with pytest.raises(BindingInvalid, match=f"only {seals} of the 4"):
            check(fewer, trust)


def test_the_validators_are_those_that_the_newest_block_names() -> None:
    world = ProofWorld(6, validators=4)
    binding = world.proof().extra.binding
    assert binding is not None
    sealed_header, plain = parse_header(binding.header, "qbft"), parse_header(binding.header, "none")
    assert sealed_header.validators == world.trust.validators
    assert (plain.validators, plain.hash == sealed_header.hash) == ((), False)


def test_seals_of_strangers_do_not_count() -> None:
    world = ProofWorld(6, validators=4)
    proof, trust = world.proof(), world.trust
    world.sealers = [AccountKey(bytes([at]) * 32) for at in range(1, 5)]
    with pytest.raises(BindingInvalid, match="only 0 of the 4"):
        check(_with_seals(proof, world), trust)


def _with_seals(proof: ProofFile, world: ProofWorld) -> ProofFile:
    binding = proof.extra.binding
    assert binding is not None
    header = sealed(rlp.decode(binding.header), world.sealers)
    return replace(proof, extra=replace(proof.extra, binding=replace(binding, header=header)))


def test_a_trust_file_has_one_form(world: ProofWorld) -> None:
    data = world.trust.encoded()
    assert parse_trust(data) == world.trust
    assert len(world.trust.code) == 20
    for wrong in (
        data[:-1],
        data.replace(b'"keepers"', b'"kept"'),
        data.replace(b"trust-1", b"trust-2"),
        b"[]\n",
        b"x" * 300_000,
    ):
        with pytest.raises(ProofMalformed):
            parse_trust(wrong)


def test_the_example_of_the_protocol_is_the_second_vector() -> None:
    text = (Path(__file__).resolve().parents[3] / "fl" / "protocol" / "PROTOCOL.md").read_text(encoding="utf-8")
    lines = text.split("<!-- example: checkpoint -->\n", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    shown = [line.strip("|").split("|")[1].strip().strip("`") for line in lines]
    case = json.loads(VECTORS.read_text(encoding="utf-8"))["proofs"][1]
    proof = parse_proof(case["proof"].encode())
    sealed_line = decode64(case["proof"].split("\n")[1].removeprefix("extra "), "proof")
    assert shown[:4] == [proof.extra.entry.hex(), case["leaf"], proof.path[0].hex(), case["root"]]
    assert shown[4:] == [proof.note.text.hex(), sealed_line[-32:-24].hex()]
