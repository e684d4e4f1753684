"""tests/vectors/rounds.json and authority.json for Python: a case becomes records, whatever ledger takes them.

Proofs of possession are made here with `cryptography` alone, so that neither fl/crypto nor the contracts judge
themselves.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from pathlib import Path
from typing import Any, get_type_hints

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from chain.contracts.events import snake
from chain.transactions.keystore import AccountKey
from fl.protocol import records
from fl.protocol.names import NO_ADDRESS, NO_DIGEST, Address, Digest, Protection
from fl.protocol.ports import Anchor
from fl.protocol.records import Record, Terms

FOLDER = Path(__file__).parent.parent / "vectors"
VECTORS = json.loads((FOLDER / "rounds.json").read_text(encoding="utf-8"))
AUTHORITY = json.loads((FOLDER / "authority.json").read_text(encoding="utf-8"))
CASES = [*VECTORS["cases"], *AUTHORITY["cases"]]
ERRORS: Mapping[str, str] = VECTORS["errors"] | AUTHORITY["errors"]
SETUPS = VECTORS["setups"] | AUTHORITY["setups"]
ACCOUNTS = VECTORS["accounts"] | AUTHORITY["accounts"]
CONSORTIUM = bytes.fromhex(VECTORS["consortium"][2:])
KEYS = {name: AccountKey(bytes.fromhex(value["key"][2:])) for name, value in ACCOUNTS.items()}
ADDRESSES: Mapping[str, Address] = {name: key.address for name, key in KEYS.items()}
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class Scene:
    """What the steps of one case refer to."""

    anchor: Anchor
    successor: Callable[[], Address]
    start: int
    """Seconds since 1970 at which the case begins."""
    frozen: Callable[[], Digest] = lambda: NO_DIGEST
    """The digest of the round's frozen set."""

    def address(self, name: str) -> Address:
        if name == "successor":
            return self.successor()
        return NO_ADDRESS if name == "nobody" else ADDRESSES[name]


def steps_of(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    setups: list[dict[str, Any]] = [step for setup in case["setup"] for step in SETUPS[setup]]
    return [*setups, *case["steps"]]


def record_of(step: Mapping[str, Any], scene: Scene) -> Record:
    """Return the record of a step; what the contract computes is left empty."""
    kind = getattr(records, step["do"])
    args = {snake(name): value for name, value in step["args"].items()}
    args["sender"] = ADDRESSES[step["by"]]
    if kind in (records.KeyRegistered, records.KeyRotated):
        args |= _present(step, scene)
    if kind is records.FederationOpened:
        args["predecessor"] = scene.anchor.contract if step.get("on") == "successor" else NO_ADDRESS
    if kind in (records.CeremonyCommitted, records.CeremonyDealt):
        args |= _deal(step, scene)
    if "accused" in args:
        args["complaints"] = b"".join(scene.address(name) + bytes(97) for name in args["accused"])
    args |= {name: scene.start + args[name] for name in ("deadline", "expires_at") if name in args}
    args.setdefault("set_digest", NO_DIGEST)
    hints = get_type_hints(kind)
    values = {item.name: _value(hints[item.name], args[item.name], scene) for item in fields(kind)}
    record: Record = kind(**values)
    return record


def expected_fields(step: Mapping[str, Any], scene: Scene) -> list[object]:
    """Return the fields of the refusal that a step demands."""
    return [_fact(text, scene) for text in step["fields"]]


def _fact(text: str, scene: Scene) -> object:
    if text == "frozen":
        return scene.frozen()
    if text.startswith("0x"):
        return bytes.fromhex(text[2:])
    if text.startswith("+"):
        return scene.start + int(text)
    return int(text) if text.isdigit() else scene.address(text)


def _value(hint: Any, value: Any, scene: Scene) -> Any:
    if hint is Terms:
        return _terms(value, scene)
    if hint is Address:
        return value if isinstance(value, bytes) else scene.address(value)
    if value == "frozen":
        return scene.frozen()
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return hint(value)
    if isinstance(value, list):
        return tuple(scene.address(name) for name in value)
    return bytes.fromhex(value[2:]) if isinstance(value, str) and value.startswith("0x") else value


def _terms(value: Mapping[str, Any], scene: Scene) -> Terms:
    return Terms(
        protection=Protection(value["protection"]),
        min_commitments=value["minCommitments"],
        attestations=value["attestations"],
        threshold=value["threshold"],
        parameters=value["parameters"],
        config_digest=Digest(bytes.fromhex(value["configDigest"][2:])),
        step_timeout=value["stepTimeout"],
        commit_deadline=scene.start + value["commitDeadline"],
        close_deadline=scene.start + value["closeDeadline"],
    )


def _deal(step: Mapping[str, Any], scene: Scene) -> dict[str, bytes]:
    """Return what a step deals, and the digest that commits to it, by hand."""
    args, anchor = step["args"], scene.anchor
    dealing = AUTHORITY["dealings"][args["dealing"]]
    points, proof, bundle = (bytes.fromhex(dealing[name][2:]) for name in ("commitments", "proof", "bundleDigest"))
    message = b"BAFL/1/dealing" + anchor.consortium + struct.pack(">Q", anchor.chain_id) + anchor.authority
    message += struct.pack(">BI", args.get("asUse", args["keyUse"]), args.get("asCeremony", args["ceremony"]))
    message += ADDRESSES[args.get("as", step["by"])] + points + proof + bundle
    digest = hashlib.sha256(message).digest()
    return {"commitments": points, "proof": proof, "bundle_digest": bundle, "digest": digest}


def _present(step: Mapping[str, Any], scene: Scene) -> dict[str, bytes]:
    """Return `public_key` and `proof` as the step presents them."""
    who, epoch, how = step["by"], step["args"]["epoch"], step["args"]["proof"]
    anchor, sender = scene.anchor, ADDRESSES[who]
    public = public_key(who)
    match how:
        case "otherAccount":
            sender = ADDRESSES["outsider"]
        case "otherEpoch":
            epoch += 1
        case "otherAuthority":
            anchor = replace(anchor, authority=anchor.contract)
        case "otherConsortium":
            anchor = replace(anchor, consortium=bytes(32))
        case "otherChain":
            anchor = replace(anchor, chain_id=anchor.chain_id + 1)
    message = b"BAFL/1/pop" + anchor.consortium + struct.pack(">Q", anchor.chain_id) + anchor.authority
    message += sender + struct.pack(">I", epoch) + public
    proof = sign("outsider" if how == "otherKey" else who, message, high=how == "highS")
    proof = {"zero": bytes(64), "short": proof[:63], "long": proof + b"\0"}.get(how, proof)
    x_and_y = public[1:]
    shown = {
        "offCurve": b"\4" + x_and_y[:63] + bytes([x_and_y[63] ^ 1]),
        "short": public[:64],
        "compressedTag": b"\2" + x_and_y,
        "zero": b"\4" + bytes(64),
    }.get(step["args"]["publicKey"], public)
    return {"public_key": shown, "proof": proof}


def public_key(who: str) -> bytes:
    encoding, point = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    return _p256(who).public_key().public_bytes(encoding, point)


def sign(who: str, message: bytes, *, high: bool = False) -> bytes:
    r, s = decode_dss_signature(_p256(who).sign(message, ec.ECDSA(hashes.SHA256())))
    low = min(s, ORDER - s)
    return r.to_bytes(32, "big") + (ORDER - low if high else low).to_bytes(32, "big")


def _p256(who: str) -> ec.EllipticCurvePrivateKey:
    scalar = int(ACCOUNTS[who]["p256"], 16) % ORDER
    return ec.derive_private_key(scalar, ec.SECP256R1())
