"""Batches of steps: their bytes, their roots, what is signed, and what no reader accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.transactions.eip712 import AccountEndorser, signer_of, step_digest
from chain.transactions.keystore import AccountKey
from fl.protocol.batches import (
    BODY_CAP,
    PHASES,
    Batch,
    OpeningFile,
    Step,
    body_of,
    leaf,
    opening_file,
    parse_opening,
    record_of,
)
from fl.protocol.codec import sha256
from fl.protocol.errors import EncodingError, ProofInvalid
from fl.protocol.merkle import verify_inclusion
from fl.protocol.names import Address, Digest
from fl.protocol.ports import StepStatement
from fl.protocol.records import SharesChecked, SharesDealt, WideTerms
from fl.protocol.rounds.round import Phase
from tests.support.chain_logs import BY_FIELD, DIGEST

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "batches.json").read_text(encoding="ascii")
)
STEP = st.one_of(
    *(st.builds(kind, **{name: BY_FIELD.get(name, DIGEST) for name in kind.__dataclass_fields__}) for kind in PHASES)
)
CONTEXT = bytes.fromhex(VECTORS["context"])


def made(vector: dict[str, Any]) -> Batch:
    steps = tuple(
        Step(Address(bytes.fromhex(each["account"])), bytes.fromhex(each["body"]), bytes.fromhex(each["signature"]))
        for each in vector["steps"]
    )
    going = frozenset(Address(bytes.fromhex(each["account"])) for each in vector["steps"] if each["goes_on"])
    return Batch(CONTEXT, Phase(vector["phase"]), steps, going)


@pytest.mark.parametrize("vector", VECTORS["batches"], ids=lambda vector: Phase(vector["phase"]).name)
def test_a_batch_has_the_bytes_the_root_and_the_paths_of_the_vectors(vector: dict[str, Any]) -> None:
    batch, file = made(vector), bytes.fromhex(vector["file"])
    assert batch.to_bytes() == file
    assert Batch.from_bytes(file, CONTEXT, batch.phase) == batch
    assert sha256(file).hex() == vector["file_digest"]
    assert batch.root.hex() == vector["root"]
    assert [each.digest.hex() for each in batch.steps] == [each["digest"] for each in vector["steps"]]
    for step in batch.steps:
        index, path = batch.proof(step.account)
        verify_inclusion(leaf(step, goes_on=step.account in batch.going), index, len(batch.steps), path, batch.root)
        other = leaf(step, goes_on=step.account not in batch.going)
        with pytest.raises(ProofInvalid):
            verify_inclusion(other, index, len(batch.steps), path, batch.root)


@pytest.mark.parametrize("vector", VECTORS["batches"], ids=lambda vector: Phase(vector["phase"]).name)
def test_what_is_signed_is_what_eth_account_signs(vector: dict[str, Any]) -> None:
    consortium, contract = bytes.fromhex(VECTORS["consortium"]), Address(bytes.fromhex(VECTORS["contract"]))
    for each in vector["steps"]:
        body = sha256(bytes.fromhex(each["body"]))
        given = StepStatement(
            consortium, VECTORS["chain_id"], contract, VECTORS["round"], CONTEXT, vector["phase"], body
        )
        assert step_digest(given).hex() == each["signed"]
        assert signer_of(step_digest(given), bytes.fromhex(each["signature"])).hex() == each["account"]


def test_a_signature_counts_for_its_own_statement_only() -> None:
    key = AccountKey(b"\1" * 32)
    endorser = AccountEndorser(key)
    base = StepStatement(b"\1" * 32, 1, Address(b"\2" * 20), 3, b"\4" * 32, 5, Digest(b"\6" * 32))
    changes: list[dict[str, Any]] = [
        {"consortium": b"\7" * 32},
        {"chain_id": 2},
        {"contract": Address(b"\7" * 20)},
        {"round": 4},
        {"context": b"\7" * 32},
        {"phase": 6},
        {"body": Digest(b"\7" * 32)},
    ]
    signature = endorser.sign_step(base)
    assert endorser.step_signer(base, signature) == key.address
    for change in changes:
        other = StepStatement(**{**base.__dict__, **change})
        assert endorser.step_signer(other, signature) != key.address


@given(record=STEP)
def test_the_body_of_a_step_gives_its_record_again(record: Any) -> None:
    phase, body = PHASES[type(record)], body_of(record)
    try:
        again = record_of(Step(record.sender, body, bytes(65)), phase, record.round)
    except EncodingError:
        assert not isinstance(record, SharesChecked)  # points and vectors of other lengths than the rules allow
        return
    assert isinstance(record, SharesDealt) or again == record
    assert body_of(again) == body


@given(cut=st.integers(1, 400), vector=st.sampled_from(VECTORS["batches"]))
def test_a_cut_file_is_no_batch(cut: int, vector: dict[str, Any]) -> None:
    file = bytes.fromhex(vector["file"])[:-cut]
    with pytest.raises(EncodingError):
        Batch.from_bytes(file, CONTEXT, Phase(vector["phase"]))


def test_a_batch_of_another_round_or_phase_or_order_is_refused() -> None:
    batch = made(VECTORS["batches"][-1])
    for context, phase in ((bytes(32), batch.phase), (CONTEXT, Phase.MASK)):
        with pytest.raises(EncodingError):
            Batch.from_bytes(batch.to_bytes(), context, phase)
    twice = Batch(CONTEXT, batch.phase, (batch.steps[0], *batch.steps), batch.going)
    turned = Batch(CONTEXT, batch.phase, tuple(reversed(batch.steps)), batch.going)
    for wrong in (twice.to_bytes(), turned.to_bytes(), batch.to_bytes() + b"\0"):
        with pytest.raises(EncodingError):
            Batch.from_bytes(wrong, CONTEXT, batch.phase)


def test_a_step_claims_no_more_than_its_cap() -> None:
    huge = bytes(20) + (BODY_CAP + 1).to_bytes(4, "big")
    with pytest.raises(EncodingError):
        Step.from_bytes(huge)


def test_an_opening_gives_its_roster_and_keys_again() -> None:
    given = VECTORS["opening"]
    roster = tuple(Address(bytes.fromhex(each)) for each in given["roster"])
    wide = WideTerms(2, 0, b"\4" + bytes([9]) * 64, (Digest(bytes([5]) * 32),))
    file = opening_file(roster, wide)
    assert file.hex() == given["file"]
    assert parse_opening(file, 3) == OpeningFile(roster, wide.group_key, wide.key_files, None)
    for wrong, count in ((file, 4), (file[:-1], 3), (file + b"\0", 3)):
        with pytest.raises(EncodingError):
            parse_opening(wrong, count)
