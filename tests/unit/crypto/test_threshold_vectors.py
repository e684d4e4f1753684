from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from fl.crypto.capsule import Capsule, RequestBinding
from fl.crypto.curve import GENERATOR
from fl.crypto.dleq import Statement, _prove_with, verify
from fl.crypto.envelope import open_with, receive
from fl.crypto.envelope_form import Core, Expected, Kind
from fl.crypto.group import base_mult, decode_point, encode_point, mult
from fl.crypto.hashing import hash_to_scalar
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.partial_decryption import approve, combine, partial_core
from fl.crypto.partial_decryption import verify as verify_partial
from fl.crypto.sharing import Share, lagrange
from fl.crypto.threshold import CommitteePublicKey, ThresholdKey, _encapsulate_with, derive, second_generator
from fl.protocol.codec import sha256
from fl.protocol.errors import HemaledgerError, QuorumNotReached
from fl.protocol.names import Address, Digest, KeyUse, Purpose
from fl.protocol.ports import Anchor
from tests.support.crypto.make_threshold_vectors import make_vectors

pytestmark = pytest.mark.usefixtures("backend")

FILE = Path(__file__).parents[2] / "vectors" / "threshold.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
Case = dict[str, Any]
KEY = ThresholdKey.from_bytes(bytes.fromhex(VECTORS["key"]["public"]))
TRUSTEES = VECTORS["trustees"]
COMMITTEE = CommitteePublicKey(
    VECTORS["key"]["threshold"],
    KEY,
    tuple(Address(bytes.fromhex(each["account"])) for each in TRUSTEES),
    tuple(decode_point(bytes.fromhex(each["public"])) for each in TRUSTEES),
)
RECORD = VECTORS["record"]


def name_of(case: Case) -> str:
    return str(case["name"])


def number(text: str) -> int:
    return int(text, 16)


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def binding_of(case: Case) -> RequestBinding:
    fields = case["asked"]
    return RequestBinding(
        Digest(raw(fields["label"])),
        fields["number"],
        KeyUse(fields["use"]),
        fields["epoch"],
        Purpose(fields["purpose"]),
        raw(fields["model_context"]),
    )


def member(scalar: str) -> PrivateKey:
    return PrivateKey(1, ec.derive_private_key(number(scalar), ec.SECP256R1()))


def expected(core: str, file: bytes) -> Expected:
    """Return what a ledger would say of a file whose core is `core`."""
    data = raw(core)
    authority = Address(data[50:70])
    anchor = Anchor(data[10:42], int.from_bytes(data[42:50], "big"), authority, authority)
    numbers = [int.from_bytes(part, "big") for part in (data[90:98], data[98:102], data[102:106])]
    found = Core(Kind(data[5]), anchor, Address(data[70:90]), numbers[0], numbers[1], data[106:138], numbers[2])
    assert found.to_bytes() == data
    return Expected(found, sha256(file), 4096)


def test_the_vectors_are_what_their_generator_makes() -> None:
    assert FILE.read_text(encoding="utf-8") == make_vectors()


def test_the_second_generator_and_the_hashes_are_those_of_the_vectors() -> None:
    assert encode_point(second_generator()).hex() == VECTORS["second_generator"]
    for case in VECTORS["hash_to_scalar"]:
        assert hash_to_scalar(raw(case["message"]), raw(case["tag"])) == number(case["scalar"])


@pytest.mark.parametrize("case", VECTORS["dleq"], ids=name_of)
def test_a_proof_has_the_bytes_of_the_vector(case: Case) -> None:
    base, key, given, made = (decode_point(raw(case[part])) for part in ("base", "key", "input", "output"))
    statement = Statement(base, key, (given,), (made,))
    proof = _prove_with(number(case["nonce"]), number(case["secret"]), statement, raw(case["context"]))
    assert proof.hex() == case["proof"]
    verify(proof, statement, raw(case["context"]))


def test_keys_and_shares_are_those_of_the_vectors() -> None:
    assert KEY.key_id.hex() == VECTORS["key"]["key_id"]
    for each, point in zip(TRUSTEES, COMMITTEE.shares, strict=True):
        assert base_mult(number(each["share"])) == point
    found = [member(each).member_key.key_id.hex() for each in VECTORS["partial_envelope"]["keys"]]
    assert found == VECTORS["key"]["member_key_ids"]


def test_an_encapsulation_has_the_bytes_of_the_vector() -> None:
    label, r = Digest(raw(RECORD["label"])), number(RECORD["r"])
    ciphertext, shared = _encapsulate_with(r, KEY, label)
    known = Capsule.from_bytes(raw(RECORD["capsule"]))
    assert (ciphertext.u, ciphertext.u_bar) == (known.ciphertext.u, known.ciphertext.u_bar)
    statement = Statement(GENERATOR, ciphertext.u, (second_generator(),), (ciphertext.u_bar,))
    assert _prove_with(number(RECORD["nonce"]), r, statement, b"BAFL/1/tdh2" + label) == known.ciphertext.proof
    assert known.ciphertext.to_bytes().hex() == RECORD["ciphertext"]
    assert shared.hex() == RECORD["shared"] == derive(KEY, label, ciphertext, mult(r, KEY.point)).hex()


def test_the_record_of_the_vector_opens_for_its_hospital_and_for_a_quorum() -> None:
    file = raw(RECORD["file"])
    demanded = expected(RECORD["core"], file)
    secret = decode_point(raw(VECTORS["combined"]["secret"]))
    assert receive(file, demanded, member(RECORD["keys"][0])).hex() == RECORD["plaintext"]
    assert open_with(file, demanded, KEY, secret).hex() == RECORD["plaintext"]
    capsule = Capsule.of(file, KEY, raw(RECORD["policy"]))
    assert capsule.to_bytes().hex() == RECORD["capsule"]
    assert capsule.label.hex() == RECORD["label"]
    assert capsule == Capsule.from_bytes(raw(RECORD["capsule"]))


@pytest.mark.parametrize("case", VECTORS["capsules"], ids=name_of)
def test_a_capsule_of_the_vectors(case: Case) -> None:
    if "error" not in case:
        capsule = Capsule.from_bytes(raw(case["capsule"]))
        assert capsule.check(binding_of(case), KEY) == capsule.ciphertext
        assert capsule.to_bytes().hex() == case["capsule"]
        return
    with pytest.raises(HemaledgerError) as refusal:
        Capsule.from_bytes(raw(case["capsule"])).check(binding_of(case), KEY)
    assert refusal.value.name == case["error"]


@pytest.mark.parametrize("case", VECTORS["partials"], ids=name_of)
def test_a_partial_decryption_of_the_vectors(case: Case) -> None:
    who, body, binding = Address(raw(case["trustee"])), raw(case["body"]), binding_of(case)
    capsule = Capsule.from_bytes(raw(RECORD["capsule"]))
    u = capsule.ciphertext.u
    if "error" in case:
        with pytest.raises(HemaledgerError) as refusal:
            verify_partial(body, who, COMMITTEE, binding, capsule.ciphertext)
        assert (refusal.value.name, refusal.value.facts()) == (case["error"], {"trustee": who})
        return
    index, share = COMMITTEE.index_of(who), number(case["share"])
    assert binding.context(index).hex() == case["context"]
    opened = verify_partial(body, who, COMMITTEE, binding, capsule.ciphertext)
    assert opened == mult(share, u)
    statement = Statement(GENERATOR, base_mult(share), (u,), (opened,))
    proof = _prove_with(number(case["nonce"]), share, statement, b"BAFL/1/pdec" + raw(case["context"]))
    assert encode_point(opened) + proof == body
    fresh = approve(capsule, binding, KEY, Share(index, share))
    assert verify_partial(fresh, who, COMMITTEE, binding, capsule.ciphertext) == opened


def test_the_partial_decryptions_combine_to_the_secret_of_the_vector() -> None:
    combined, ciphertext = VECTORS["combined"], Capsule.from_bytes(raw(RECORD["capsule"])).ciphertext
    assert [f"{each:064x}" for each in lagrange(combined["indices"])] == combined["weights"]
    honest = [case for case in VECTORS["partials"] if "error" not in case]
    chosen = {Address(raw(honest[index - 1]["trustee"])): raw(honest[index - 1]["body"]) for index in (1, 3, 4)}
    binding = binding_of(honest[0])
    assert encode_point(combine(chosen, COMMITTEE, binding, ciphertext).secret).hex() == combined["secret"]
    chosen.popitem()
    with pytest.raises(QuorumNotReached):
        combine(chosen, COMMITTEE, binding, ciphertext)


def test_the_sealed_partial_decryption_opens_for_each_reader() -> None:
    case = VECTORS["partial_envelope"]
    file, request = raw(case["file"]), binding_of(VECTORS["partials"][1])
    demanded = expected(case["core"], file)
    core = partial_core(demanded.core.anchor, demanded.core.sender, demanded.core.epoch, request, 2)
    assert core.to_bytes().hex() == case["core"]
    for key, public in zip(case["keys"], case["readers"], strict=True):
        assert member(key).public_key.hex() == public
        assert receive(file, demanded, member(key)).hex() == case["body"] == VECTORS["partials"][1]["body"]
