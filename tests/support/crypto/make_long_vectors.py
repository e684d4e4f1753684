"""Makes tests/vectors/long_records.json: a record that is sealed for decades, its capsule, and the trustees' shares.

Run it as `python -m tests.support.crypto.make_long_vectors` when the layout changes: sealing is random, so every run
gives another file. Python (test_long_vectors.py) and JavaScript (long.test.js)
read it. A wrong capsule is the right one, in which `cut` bytes from `at` on are replaced.
"""

from __future__ import annotations

import json
from pathlib import Path

from fl.crypto import long_partials
from fl.crypto.capsule import Capsule, Readers, RecordPolicy, RequestBinding
from fl.crypto.envelope import seal
from fl.crypto.group import encode_point, scalar_bytes
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.long_committee import LongCommittee, half_bytes, share_out
from fl.protocol.names import KeyUse, Purpose, Suite
from tests.support.crypto.threshold_scene import ANCHOR, HOSPITAL, PLAINTEXT, generated

FILE = Path(__file__).parents[2] / "vectors" / "long_records.json"


def main() -> None:
    made, long = generated(4, 3), [LongPrivateKey.generate(1) for _ in range(4)]
    key = made.committee.key
    committee = LongCommittee(key, 3, tuple(each.long_key for each in long))
    policy = RecordPolicy(bytes(range(16)), Readers.TRUSTEES, frozenset({Purpose.TREATMENT}))
    core = policy.core(ANCHOR, HOSPITAL, 1, committee.seats)
    file = bytes(seal(core, [committee], PLAINTEXT))
    capsule = Capsule.of(file, committee.seats, policy.to_bytes())
    binding = RequestBinding(capsule.label, 7, KeyUse.RECORDS, 1, Purpose.TREATMENT, suite=Suite.HYBRID)
    trustees = []
    for account, private in zip(made.committee.accounts, long, strict=True):
        share = made.shares[account]
        body = long_partials.approve(capsule, binding, key, share, [private])
        trustees.append(
            {
                "account": account.hex(),
                "index": share.index,
                "share": scalar_bytes(share.value).hex(),
                "public": encode_point(made.committee.share_of(account)).hex(),
                "long_private": private.to_raw().hex(),
                "long_public": private.long_key.public_key.hex(),
                "long_id": private.key_id.hex(),
                "shares": body[97:].hex(),
            }
        )
    data, half = capsule.to_bytes(), len(capsule.to_bytes()) - half_bytes(4)
    assert capsule.half is not None
    other, _ = share_out(committee, capsule.label, capsule.ciphertext)
    end, first = len(data), half + 4
    wrong = [
        ("no half", half, end - half, "", "EncodingError"),
        ("a byte too many", end, 0, "00", "EncodingError"),
        ("t is 1", half, 2, "0001", "EncodingError"),
        ("t is 5", half, 2, "0005", "EncodingError"),
        ("33 seats", half + 2, 2, "0021", "EncodingError"),
        ("two seats have one key", end - 1249, 16, data[first : first + 16].hex(), "EncodingError"),
        ("another t", half, 2, "0002", "CiphertextInvalid"),
        ("another long key", end - 1249, 16, "00" * 16, "CiphertextInvalid"),
        ("suite 1", 7, 1, "01", "EncodingError"),
        ("a commitment was changed", end - 1202, 1, f"{data[end - 1202] ^ 1:02x}", "AuthFailure"),
        ("a sealed share was changed", first + 53, 1, f"{data[first + 53] ^ 1:02x}", "AuthFailure"),
        ("another half for the same file", half, end - half, other.to_bytes().hex(), "ok"),
    ]
    FILE.write_text(
        json.dumps(
            {
                "about": "PROTOCOL.md 9, Encapsulation for decades; made by tests/support/crypto/make_long_vectors.py",
                "key": key.to_bytes().hex(),
                "key_id": committee.key_id.hex(),
                "label": capsule.label.hex(),
                "binding": capsule.half.binding(key, capsule.label, capsule.ciphertext).hex(),
                "threshold": 3,
                "record": {"core": core.to_bytes().hex(), "file": file.hex(), "plaintext": PLAINTEXT.hex()},
                "capsule": data.hex(),
                "asked": {"label": capsule.label.hex(), "number": 7, "use": 1, "epoch": 1, "purpose": 1},
                "trustees": trustees,
                "capsules": [dict(zip(("name", "at", "cut", "put", "result"), each, strict=True)) for each in wrong],
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
