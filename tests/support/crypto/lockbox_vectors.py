"""The part of tests/vectors/threshold.json about lockboxes (PROTOCOL.md 9, At rest); see make_threshold_vectors.py."""

from __future__ import annotations

from typing import Any

from tests.support.crypto.capsule_vectors import ACCOUNTS, AUTHORITY, SHARES
from tests.support.crypto.masked_round import N
from tests.support.crypto.threshold_reference import lockbox, number, some

Case = dict[str, Any]
ACCOUNT, SHARE = ACCOUNTS[1], number(SHARES[1])
SEAT: Case = {"account": ACCOUNT.hex(), "use": 1, "epoch": 2, "index": 2}
SITE: Case = {"authority": AUTHORITY.hex(), "chain_id": 31337, "consortium": bytes(range(32)).hex()}
PASSWORD = "vier zufällige Wörter hier"


def _bound(kind: str, public: Case, **costs: int) -> Case:
    salt = some(f"salt of a {kind}", 16).hex()
    kdf = {"name": "argon2id", "memory_kib": 65536, "passes": 3, "lanes": 4, "salt": salt, **costs}
    return {"format": "hemaledger-lockbox-1", "kind": kind, "kdf": kdf, "public": public}


def lockboxes() -> list[Case]:
    share, account_key = SHARE, some("account key", 32)
    nonce = some("nonce of a lockbox", 12)
    own = lockbox(_bound("share", SEAT), PASSWORD, nonce, share)
    kit = lockbox(_bound("kit", {**SEAT, **SITE}), PASSWORD, nonce, share + account_key)
    zero = lockbox(_bound("share", SEAT), PASSWORD, nonce, bytes(32))
    large = lockbox(_bound("share", SEAT), PASSWORD, nonce, number(N))
    last = own.rindex('"}') - 1
    refused = [
        ("another password", own, "vier zufallige Worter hier"),
        ("the ciphertext is changed", own[:last] + ("1" if own[last] == "0" else "0") + own[last + 1 :], PASSWORD),
        ("another index", own.replace('"index":2', '"index":3'), PASSWORD),
        ("another account", own.replace(SEAT["account"], "00" * 20), PASSWORD),
        ("another authority", kit.replace(SITE["authority"], "00" * 20), PASSWORD),
        ("a share of 0", zero, PASSWORD),
        ("a share of n", large, PASSWORD),
        ("too little memory", lockbox(_bound("share", SEAT, memory_kib=65535), PASSWORD, nonce, share), PASSWORD),
        ("too few passes", lockbox(_bound("share", SEAT, passes=2), PASSWORD, nonce, share), PASSWORD),
        ("too few lanes", lockbox(_bound("share", SEAT, lanes=3), PASSWORD, nonce, share), PASSWORD),
        ("too much memory", own.replace("65536", "1048577"), PASSWORD),
        ("too many passes", own.replace('"passes":3', '"passes":17'), PASSWORD),
        ("too many lanes", own.replace('"lanes":4', '"lanes":17'), PASSWORD),
        ("another format", own.replace("lockbox-1", "lockbox-2"), PASSWORD),
        ("another derivation", own.replace("argon2id", "argon2i"), PASSWORD),
        ("another kind", own.replace('"share"', '"chest"'), PASSWORD),
        ("a share that is called a kit", own.replace('"share"', '"kit"'), PASSWORD),
        ("a kit that is called a share", kit.replace('"kit"', '"share"'), PASSWORD),
        ("a field too many", own.replace('{"format"', '{"colour":1,"format"'), PASSWORD),
        ("not in canonical form", own.replace(":", ": "), PASSWORD),
        ("without its last newline", own[:-1], PASSWORD),
        ("nothing", "", PASSWORD),
    ]
    return [
        {"name": "a share", "file": own, "password": PASSWORD, "public": SEAT, "share": share.hex()},
        {
            "name": "a kit",
            "file": kit,
            "password": PASSWORD,
            "public": {**SEAT, **SITE},
            "share": share.hex(),
            "account_key": account_key.hex(),
        },
        *(
            {"name": name, "file": file, "password": password, "error": "KeystoreUnreadable"}
            for name, file, password in refused
        ),
    ]
