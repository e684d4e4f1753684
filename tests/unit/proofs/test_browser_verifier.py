"""The verifier in the browser says the same as ours in Python: what holds, and which step refuses the rest."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.contracts import browser_table
from fl.protocol.codec import JsonValue, write_document
from fl.protocol.names import show
from fl.protocol.tlog.notes import decode64
from tests.support.browser_verifier import HOLDS, File, in_browser, in_python
from tests.support.judged_proofs import BREAKS, BROKEN, GOOD, broken, drawn, flipped, resealed, whole, with_extra
from tests.support.paper_receipt import SALT, PaperReceipt, paper_receipt
from tests.support.proof_world import KINDS, T0, ProofWorld
from webui.usecases.receipts import leaf_of

EVERY = 50
"""Every so many bits of a proof, one changes."""
SEALED_EVERY = 211
"""The same under a new seal, where Python takes longer."""


@cache
def made(kind: str) -> tuple[bytes, bytes]:
    """Return a proof and its trust file."""
    world = ProofWorld(7, 300, 4, 2, kind, validators=3 * (kind == "step"))
    return world.proof().encoded(), world.trust.encoded()


def test_it_knows_the_contracts_as_they_are() -> None:
    assert browser_table.TARGET.read_text(encoding="utf-8") == browser_table.table(), (
        "run `python -m chain.contracts.browser_table` and commit records.js"
    )


def test_it_accepts_two_hundred_proofs() -> None:
    files = [File(whole(case, proof), case.trust.encoded()) for case, proof in drawn(GOOD)]
    assert set(in_browser(files)) == {HOLDS}


def test_it_refuses_two_hundred_broken_proofs_in_the_same_step() -> None:
    files = []
    for kind in BREAKS:
        draw = random.Random(kind)  # noqa: S311 - the same breaks each time
        for case, proof in drawn(BROKEN):
            files.append(File(whole(broken(kind, case, draw), proof), case.trust.encoded()))
    found = in_browser(files)
    assert HOLDS not in found
    assert found == [in_python(each) for each in files]


@pytest.mark.parametrize("kind", KINDS)
def test_no_bit_of_a_proof_can_change(kind: str) -> None:
    data, trust = made(kind)
    start = random.Random(kind).randrange(EVERY)  # noqa: S311 - which bits, the same each time
    files = [File(changed, trust) for _, changed in flipped(data, range(start, 8 * len(data), EVERY))]
    assert HOLDS not in in_browser(files)


@pytest.mark.parametrize("kind", KINDS)
def test_it_agrees_on_changes_under_a_new_seal(kind: str) -> None:
    data, trust = made(kind)
    raw, start = (
        decode64(data.split(b"\n")[1].decode().removeprefix("extra "), "proof")[:-32],
        data.index(b"\nindex") + 1,
    )
    first = random.Random(kind).randrange(SEALED_EVERY)  # noqa: S311
    changes = [with_extra(data, each) for _, each in flipped(raw, range(first, 8 * len(raw), SEALED_EVERY))]
    rest = data[start:]
    changes += [resealed(data[:start] + each) for _, each in flipped(rest, range(first, 8 * len(rest), SEALED_EVERY))]
    files = [File(each, trust) for each in changes]
    assert in_browser(files) == [in_python(each) for each in files]


def test_one_transaction_has_one_form() -> None:
    """With another form of the same number (v = 0), the signature would still be the sender's."""
    for seed in range(1, 9):
        world = ProofWorld(seed)
        proof = world.proof()
        raw = proof.extra.transaction
        at = len(raw) - 67
        if raw[at : at + 2] == b"\x80\xa0":
            other = replace(proof, extra=replace(proof.extra, transaction=raw[:at] + b"\xc0" + raw[at + 1 :]))
            file = File(other.encoded(), world.trust.encoded())
            assert in_browser([file]) == [in_python(file)] == ["ProofChanged 6"]
            return
    pytest.fail("no transaction with v = 0")


def test_another_trust_file_is_not_enough() -> None:
    data, _ = made("none")
    other = ProofWorld(8).trust
    trust = made("none")[1]
    files = [
        File(data, other.encoded()),
        *(
            File(data, each)
            for each in (trust[:-1], trust.replace(b"trust-1", b"trust-2"), b"[]\n", b"", b"x" * 300_000)
        ),
        File(data, trust.replace(b'"chain_id":7357', b'"chain_id":7357.0')),
    ]
    assert in_browser(files) == [in_python(each) for each in files]


def receipts(receipt: PaperReceipt) -> list[tuple[str, bytes]]:
    """Return a receipt with one thing changed, and what is said of it."""
    document = receipt.document
    core, ledger, proof = (dict(document[name]) for name in ("core", "ledger", "proof"))  # type: ignore[arg-type]
    other = paper_receipt(6)
    forged: dict[str, JsonValue] = {**core, "checked_at": 5}
    alien: dict[str, JsonValue] = {**core, "hospital": show(bytes(20))}
    changes: list[tuple[str, dict[str, JsonValue]]] = [
        (HOLDS, document),
        (HOLDS, {**document, "issued_at": 7}),
        (HOLDS, {**document, "model_now": {"superseded": True}}),
        ("ReceiptChanged", {**document, "core": forged}),
        ("ReceiptChanged", {**document, "core": forged, "leaf": show(leaf_of(forged, SALT))}),
        ("ReceiptChanged", {**document, "core": alien, "leaf": show(leaf_of(alien, SALT))}),
        ("ReceiptChanged", {**document, "salt": show(bytes(32))}),
        ("LogSignatureInvalid", {**document, "proof": other.document["proof"]}),
        (HOLDS, {**document, "proof": {"state": "waits", "why": "x"}, "ledger": None}),
        ("ProofMalformed", {**document, "proof": {**proof, "state": "here"}}),
        ("ProofMalformed", {**document, "more": 1}),
        ("ProofMalformed", {**document, "format": "hemaledger-receipt-3"}),
        ("ProofMalformed", {**document, "ledger": None}),
        *(("ReceiptChanged", {**document, "ledger": {**ledger, name: show(bytes(32))}}) for name in ledger),
    ]
    texts = [(said, write_document(each)) for said, each in changes]
    spaced = json.dumps(document, indent=3).encode()
    broken_off = [("ProofMalformed", each) for each in (receipt.data[:-2], b"{}", b"[1]")]
    return [*texts, (HOLDS, spaced), *broken_off]


def test_a_receipt_holds_only_as_it_was_made() -> None:
    receipt = paper_receipt()
    expected = receipts(receipt)
    files = [File(data, receipt.trust, "receipt") for _, data in expected]
    assert in_browser(files) == [said for said, _ in expected] == [in_python(each) for each in files]


def test_no_bit_of_what_a_receipt_proves_can_change() -> None:
    """All but `software` and `issued_at`. `\\u00E4` means the same as `\\u00e4`: then nothing changed."""
    receipt = paper_receipt()
    files = []
    for _, changed in flipped(receipt.data, range(3, 8 * len(receipt.data), EVERY)):
        try:
            told = {**json.loads(changed), "software": "hemaledger 1", "issued_at": T0}
        except ValueError:
            told = {}
        if told != receipt.document:
            files.append(File(changed, receipt.trust, "receipt"))
    found = in_browser(files)
    assert HOLDS not in found
    assert found == [in_python(each) for each in files]


NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1e16, 1e-4, 1e-5, 123456789012345680.0, 5e-324, 1e22]),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=3)
@given(st.lists(VALUES, min_size=200, max_size=200))
def test_json_has_the_bytes_that_python_writes(values: list[JsonValue]) -> None:
    """A receipt's fingerprint is over canonical JSON: only the right bytes of a core give its leaf."""
    receipt = paper_receipt()
    files = []
    for value in values:
        core: dict[str, JsonValue] = {"value": value}
        leaf = show(leaf_of(core, SALT))
        document: dict[str, JsonValue] = {**receipt.document, "core": core, "leaf": leaf, "proof": {"state": "waits"}}
        spaced = json.dumps(document, ensure_ascii=False, indent=1).encode()
        files += [File(write_document(document), receipt.trust, "receipt"), File(spaced, receipt.trust, "receipt")]
    assert set(in_browser(files)) == {HOLDS}
