"""tests/vectors/long_records.json: what is in it today must open in every later version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fl.crypto import long_partials
from fl.crypto.capsule import Capsule, RecordPolicy, RequestBinding
from fl.crypto.envelope import open_with
from fl.crypto.envelope_form import Expected
from fl.crypto.group import decode_point, parse_key
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.sharing import Share
from fl.crypto.threshold import CommitteePublicKey, ThresholdKey
from fl.protocol.codec import sha256
from fl.protocol.errors import HemaledgerError
from fl.protocol.names import Address, Digest, KeyUse, Purpose, Suite
from tests.support.crypto.threshold_scene import ANCHOR, HOSPITAL

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "long_records.json").read_bytes())
KEY = ThresholdKey.from_bytes(bytes.fromhex(VECTORS["key"]))
LABEL = Digest(bytes.fromhex(VECTORS["label"]))
BINDING = RequestBinding(LABEL, 7, KeyUse.RECORDS, 1, Purpose.TREATMENT, suite=Suite.HYBRID)
Trustee = dict[str, Any]


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def long_of(trustee: Trustee) -> LongPrivateKey:
    return LongPrivateKey.from_raw(1, raw(trustee["long_private"]))


def answer(capsule: Capsule, trustee: Trustee) -> bytes:
    share = Share(trustee["index"], parse_key(raw(trustee["share"])))
    return long_partials.approve(capsule, BINDING, KEY, share, [long_of(trustee)])


def test_the_record_of_the_vectors_opens() -> None:
    capsule = Capsule.from_bytes(raw(VECTORS["capsule"]))
    assert capsule.half is not None
    seats = capsule.half.seats(KEY)
    assert (seats.key_id, seats.threshold) == (raw(VECTORS["key_id"]), VECTORS["threshold"])
    assert capsule.half.binding(KEY, LABEL, capsule.ciphertext) == raw(VECTORS["binding"])
    trustees = VECTORS["trustees"]
    accounts = tuple(Address(raw(each["account"])) for each in trustees)
    committee = CommitteePublicKey(3, KEY, accounts, tuple(decode_point(raw(each["public"])) for each in trustees))
    answers = {}
    for account, each in zip(accounts, trustees, strict=True):
        assert long_of(each).long_key.public_key.hex() == each["long_public"]
        assert long_of(each).key_id.hex() == each["long_id"]
        body = answer(capsule, each)
        assert body[97:].hex() == each["shares"]
        answers[account] = body
    del answers[accounts[0]]
    secret = long_partials.combine(answers, committee, BINDING, capsule).secret
    file, policy = raw(VECTORS["record"]["file"]), capsule.policy
    assert isinstance(policy, RecordPolicy)
    core = policy.core(ANCHOR, HOSPITAL, 1, seats)
    assert core.to_bytes().hex() == VECTORS["record"]["core"]
    assert (
        open_with(file, Expected(core, sha256(file), len(file)), seats, secret).hex() == VECTORS["record"]["plaintext"]
    )
    assert Capsule.of(file, seats, policy.to_bytes()) == capsule


@pytest.mark.parametrize("case", VECTORS["capsules"], ids=lambda case: str(case["name"]))
def test_a_changed_capsule_is_refused_by_name(case: dict[str, Any]) -> None:
    trustee, data, end = VECTORS["trustees"][0], raw(VECTORS["capsule"]), case["at"] + case["cut"]
    changed = data[: case["at"]] + raw(case["put"]) + data[end:]
    if case["result"] == "ok":
        assert len(answer(Capsule.from_bytes(changed), trustee)) == 97 + 35
        return
    with pytest.raises(HemaledgerError) as refusal:
        answer(Capsule.from_bytes(changed), trustee)
    assert refusal.value.name == case["result"]
