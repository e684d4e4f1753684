"""Browser and Python agree: on the vectors, and on what each makes for the other."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chain.transactions.keystore import generate
from fl.crypto import dleq
from fl.crypto.curve import GENERATOR
from fl.crypto.dleq import Statement
from fl.crypto.envelope import receive, seal
from fl.crypto.envelope_form import Core, Expected, Kind
from fl.crypto.group import base_mult, decode_point, encode_point, mult, random_scalar, scalar_bytes
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.partial_decryption import approve, combine
from fl.protocol.codec import sha256
from fl.protocol.errors import ProofInvalid
from fl.protocol.names import Address
from fl.protocol.ports import Anchor
from scripts.bench._request import Scene
from tests.support.approval_site import Place, Visit
from tests.support.make_transaction_vectors import call_data

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "threshold.json").read_text(encoding="utf-8"))
RUN = "async (vectors) => (await import('/vectors.js')).failures(hemaledger, vectors)"


def test_the_vectors_hold_in_the_browser(visit: Callable[[], Visit]) -> None:
    assert visit().page.evaluate(RUN, VECTORS) == []


def test_a_wrong_vector_is_noticed(visit: Callable[[], Visit]) -> None:
    wrong = copy.deepcopy(VECTORS) | {"lockboxes": []}
    wrong["partials"][0]["body"] = VECTORS["partials"][1]["body"]
    wrong["capsules"][0]["error"] = "EncodingError"
    wrong["partial_envelope"]["file"] = VECTORS["record"]["file"]
    assert len(visit().page.evaluate(RUN, wrong)) == 3


def test_proofs_and_envelopes_hold_on_both_sides(visit: Callable[[], Visit]) -> None:
    page = visit().page
    reader = PrivateKey.generate(1)
    core = Core(
        Kind.PARTIAL,
        Anchor(bytes(32), 2**63, Address(bytes(20)), Address(bytes(20))),
        Address(b"\1" * 20),
        9,
        2,
        bytes(32),
    )
    for _ in range(10):
        secret, base = random_scalar(), base_mult(random_scalar())
        statement = Statement(GENERATOR, base_mult(secret), (base,), (mult(secret, base),))
        ours = dleq.prove(secret, statement, b"context")
        given = {
            "secret": scalar_bytes(secret).hex(),
            "points": [
                encode_point(each).hex() for each in (statement.base, statement.key, base, statement.outputs[0])
            ],
            "ours": ours.hex(),
            "core": core.to_bytes().hex(),
            "reader": reader.public_key.hex(),
        }
        found = page.evaluate(BOTH_SIDES, given)
        assert found["ours"] == ["holds", "ProofInvalid", "ProofInvalid"]
        theirs = bytes.fromhex(found["theirs"])
        dleq.verify(theirs, statement, b"context")
        with pytest.raises(ProofInvalid):
            dleq.verify(theirs, statement, b"contexT")
        envelope = bytes.fromhex(found["envelope"])
        assert receive(envelope, Expected(core, sha256(envelope), 1024), reader) == theirs
        assert len(envelope) == len(seal(core, [reader.member_key], theirs))


BOTH_SIDES = """async ({secret, points, ours, core, reader}) => {
  const { encoding, group, dleq, envelopes } = hemaledger;
  const bytes = (text) => encoding.fromHex(text, "it");
  const [base, key, input, output] = points.map((each) => group.decodePoint(bytes(each)));
  const context = encoding.ascii("context");
  const outcome = (proof, about) => {
    try { dleq.verify(proof, { base, key, input, output }, about); } catch (error) { return error.name; }
    return "holds";
  };
  const mutated = bytes(ours);
  mutated[mutated.length - 1] ^= 1;
  const theirs = dleq.prove(encoding.toInteger(bytes(secret)), { base, key, input, output }, context);
  const sealed = await envelopes.seal(envelopes.parseHeader(bytes(core)), [bytes(reader)], theirs);
  return {
    ours: [outcome(bytes(ours), context), outcome(mutated, context), outcome(bytes(ours), encoding.ascii("other"))],
    theirs: encoding.toHex(theirs), envelope: encoding.toHex(sealed),
  };
}"""


def test_what_python_seals_to_the_key_the_browser_opens_partially(place: Place, visit: Callable[[], Visit]) -> None:
    page = visit().page
    for _ in range(5):
        scene = Scene.draw()
        block, share = scene.block(1, int(time.time())), scalar_bytes(scene.shares[1].value).hex()
        found = page.evaluate(PARTIAL, {"block": block, "share": share})
        partial = {scene.accounts[1].address: bytes.fromhex(found)}
        others = {
            scene.accounts[2].address: approve(scene.capsule, scene.binding, scene.committee.key, scene.shares[2])
        }
        opening = combine(partial | others, scene.committee, scene.binding, scene.capsule.ciphertext)
        assert opening.wrong == ()
        assert decode_point(bytes.fromhex(found)[:33]) == mult(scene.shares[1].value, scene.capsule.ciphertext.u)
    assert place.answers == []


PARTIAL = """({block, share}) => {
  const { encoding, trustee, threshold } = hemaledger;
  const facts = trustee.parseFacts(block);
  const { ciphertext } = trustee.checkRequest(facts, Math.floor(Date.now() / 1000));
  const secret = encoding.toInteger(encoding.fromHex(share, "share"));
  return encoding.toHex(threshold.decryptPartially(secret, facts.index, facts.binding, ciphertext));
}"""


def test_transactions_are_those_of_eth_account(visit: Callable[[], Visit]) -> None:
    page = visit().page
    for nonce in (0, 1, 127, 128, 255, 256, 2**32):
        key, to, digest = generate(), Address(b"\xaa" * 20), sha256(nonce.to_bytes(8, "big"))
        data = call_data(nonce, digest, None)
        fields = {"chainId": 31337, "nonce": nonce, "gas": 2**24, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}
        expected, _ = key.sign({**fields, "to": to, "value": 0, "data": data})
        given = {"key": key.secret.hex(), "nonce": str(nonce), "to": to.hex(), "digest": digest.hex()}
        assert page.evaluate(TRANSACTION, given) == expected.hex()


TRANSACTION = """({key, nonce, to, digest}) => {
  const { encoding, transactions } = hemaledger;
  const bytes = (text) => encoding.fromHex(text, "it");
  const fees = { gas: 2n ** 24n, maxFee: 10n ** 10n, maxPriorityFee: 1n };
  const terms = { chainId: 31337n, to: bytes(to), nonce: BigInt(nonce), ...fees };
  return encoding.toHex(transactions.sign(bytes(key), terms, transactions.approval(BigInt(nonce), bytes(digest))));
}"""
