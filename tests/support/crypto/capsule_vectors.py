"""The part of tests/vectors/threshold.json about capsules, and the secrets of all parts (make_threshold_vectors.py)."""

from __future__ import annotations

import struct
from typing import Any

from tests.support.crypto.masked_round import G, N, P, Pair, plus, sec1, times
from tests.support.crypto.reference import point, secret
from tests.support.crypto.threshold_reference import (
    SECOND,
    Sealed,
    core_of,
    label_of,
    number,
    policy,
    record_context,
    scalar,
    shares_of,
    some,
    threshold_key_id,
)

COEFFICIENTS = [scalar(f"coefficient {power}") for power in range(3)]
SHARES = shares_of(COEFFICIENTS, 4)
KEY = times(COEFFICIENTS[0])
ACCOUNTS = [bytes([0x20 * index]) + some(f"trustee {index}", 19) for index in range(1, 5)]
AUTHORITY, HOSPITAL = b"\xa0" * 20, b"\x11" * 20
READERS = [11, 22]
"""Scalars of members' HPKE keys: the treating hospital, and who asks."""
PUBLIC = [point(secret(each)) for each in READERS]
POLICY = policy(some("record", 16), 1, 0b000101)
PLACE: dict[str, Any] = {"contract": AUTHORITY, "sender": HOSPITAL, "seq": 0}
CORE = core_of(kind=5, round=0, epoch=3, context=record_context(POLICY, KEY), **PLACE)
RECORD = Sealed(KEY, CORE, scalar("r"), scalar("nonce of r"))
CEK, PLAINTEXT = some("content key", 32), b"what a cell looked like"
MODEL_CONTEXT = some("context of a round", 32)
MODEL_CORE = core_of(kind=2, round=7, epoch=1, context=MODEL_CONTEXT)
MODEL = Sealed(KEY, MODEL_CORE, scalar("r of a model"), scalar("nonce of a model"))
Case = dict[str, Any]


def asked(label: bytes, **changes: Any) -> Case:
    request = {"label": label.hex(), "number": 41, "use": 1, "epoch": 2, "purpose": 1, "model_context": ""}
    return {**request, **changes}


ASKED = asked(label_of(CORE))
RELEASE = asked(label_of(MODEL_CORE), use=2, purpose=7, model_context=MODEL_CONTEXT.hex())


# --- Capsules --------------------------------------------------------------------------------------------------


def packed(core: bytes, ciphertext: bytes, text: bytes = POLICY, key: Pair | None = KEY) -> bytes:
    return core + threshold_key_id(key) + ciphertext + struct.pack(">I", len(text)) + text


def _recore(**changes: Any) -> tuple[bytes, bytes]:
    """Return core and ciphertext of the record made anew with another core."""
    fields = {"kind": 5, "round": 0, "epoch": 3, "context": record_context(POLICY, KEY), **PLACE, **changes}
    core = core_of(**fields)
    return core, Sealed(KEY, core, RECORD.r, RECORD.nonce).ciphertext


def _stolen() -> bytes:
    """Return the stranger's ciphertext under a core of the thief's."""
    return core_of(kind=5, round=0, epoch=3, context=record_context(POLICY, KEY), **{**PLACE, "sender": b"\x66" * 20})


def capsules() -> list[Case]:
    honest, ciphertext = RECORD.capsule(POLICY), RECORD.ciphertext
    u, u_bar, proof = ciphertext[:33], ciphertext[33:66], ciphertext[66:]
    off_curve = next(b"\x02" + number(x) for x in range(1, 99) if pow(x**3 - 3 * x + _b(), (P - 1) // 2, P) == P - 1)
    other_key = times(scalar("another key"))
    thief, wide, patient = _stolen(), policy(some("record", 16), 1, 0b111111), ASKED
    open_to_all = core_of(kind=5, round=0, epoch=3, context=record_context(wide, KEY), **PLACE)
    refused: list[tuple[str, bytes, Case, str]] = [
        ("u is mauled", packed(CORE, sec1(plus(RECORD.u, G)) + u_bar + proof), patient, "CiphertextInvalid"),
        ("ū is mauled", packed(CORE, u + sec1(plus(RECORD.u_bar, SECOND)) + proof), patient, "CiphertextInvalid"),
        (
            "both are mauled alike",
            packed(CORE, sec1(plus(RECORD.u, G)) + sec1(plus(RECORD.u_bar, SECOND)) + proof),
            patient,
            "CiphertextInvalid",
        ),
        ("the proof is of another label", packed(CORE, _recore(epoch=4)[1]), patient, "CiphertextInvalid"),
        ("a stranger's ciphertext", packed(thief, ciphertext), asked(label_of(thief)), "CiphertextInvalid"),
        ("another label is asked for", honest, asked(bytes(32)), "CiphertextInvalid"),
        ("another key", packed(CORE, ciphertext, key=other_key), patient, "CiphertextInvalid"),
        ("a key of another use", honest, {**patient, "use": 2, "purpose": 7}, "CiphertextInvalid"),
        ("no consent to research", honest, {**patient, "purpose": 5}, "PolicyNotApproved"),
        ("a record is not released", honest, {**patient, "purpose": 7}, "PolicyNotApproved"),
        ("consent that the patient did not give", packed(CORE, ciphertext, wide), patient, "CiphertextInvalid"),
        ("consent that the label does not know", packed(open_to_all, ciphertext, wide), patient, "CiphertextInvalid"),
        ("u is the identity", packed(CORE, bytes(33) + u_bar + proof), patient, "InvalidPoint"),
        ("ū is the identity", packed(CORE, u + bytes(33) + proof), patient, "InvalidPoint"),
        ("u is off the curve", packed(CORE, off_curve + u_bar + proof), patient, "InvalidPoint"),
        ("x of u is p", packed(CORE, b"\x02" + number(P) + u_bar + proof), patient, "InvalidPoint"),
        ("u has tag 4", packed(CORE, b"\x04" + u[1:] + u_bar + proof), patient, "InvalidPoint"),
        ("c of π is n", packed(CORE, u + u_bar + number(N) + proof[32:]), patient, "CiphertextInvalid"),
        ("s of π is n", packed(CORE, u + u_bar + proof[:32] + number(N)), patient, "CiphertextInvalid"),
        ("a byte too many", honest + b"\0", patient, "EncodingError"),
        ("a byte too few", honest[:-1], patient, "EncodingError"),
        ("readers 3", packed(CORE, ciphertext, policy(POLICY[:16], 3, 5)), patient, "EncodingError"),
        ("consent to release", packed(CORE, ciphertext, policy(POLICY[:16], 1, 0b1000101)), patient, "EncodingError"),
        ("a record without policy", packed(CORE, ciphertext, b""), patient, "EncodingError"),
        _headed("round 1", "CiphertextInvalid", round=1),
        _headed("seq 1", "CiphertextInvalid", seq=1),
        _headed("suite 2", "EncodingError", suite=2),
        _headed("flags 1", "CiphertextInvalid", flags=1),
        _headed("another kind", "EncodingError", kind=9),
        _headed("version 2", "EncodingError", version=2),
        ("a model with a policy", MODEL.capsule(POLICY), RELEASE, "EncodingError"),
        ("a model of another round", MODEL.capsule(b""), {**RELEASE, "model_context": "00" * 32}, "CiphertextInvalid"),
        ("a model for treatment", MODEL.capsule(b""), {**RELEASE, "purpose": 1}, "PolicyNotApproved"),
    ]
    return [
        {"name": "a record for treatment", "capsule": honest.hex(), "asked": patient},
        {"name": "a record for an emergency", "capsule": honest.hex(), "asked": {**patient, "purpose": 3}},
        {"name": "the release of a model", "capsule": MODEL.capsule(b"").hex(), "asked": RELEASE},
        *(
            {"name": name, "capsule": data.hex(), "asked": request, "error": error}
            for name, data, request, error in refused
        ),
    ]


def _b() -> int:
    return (G[1] ** 2 - G[0] ** 3 + 3 * G[0]) % P


def _headed(name: str, error: str, **changes: Any) -> tuple[str, bytes, Case, str]:
    core, ciphertext = _recore(**changes)
    return name, packed(core, ciphertext), asked(label_of(core)), error
