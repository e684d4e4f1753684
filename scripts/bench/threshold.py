"""Measures threshold keys without the chain: one request from sealing to opening, and the checks of a ceremony.

The yardsticks are the same work without a threshold: sealing a content key to one member and opening it by HPKE, and a
ceremony whose receivers open their shares but check nothing. Times are processor time of one thread; each ratio comes
from one run in which the parts took turns, smallest time against smallest time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import click
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec

from fl.crypto.capsule import Capsule, Readers, RecordPolicy, RequestBinding
from fl.crypto.dkg import Dealing, Receiver, Setting, committee, deal, new_share, parcel, verify_dealing
from fl.crypto.envelope import open_with, receive, seal
from fl.crypto.envelope_form import Expected
from fl.crypto.group import ENGINES, base_mult, random_scalar, use
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.partial_decryption import approve, combine
from fl.crypto.share_encryption import unseal
from fl.crypto.sharing import Commitments, Share
from fl.crypto.threshold import CommitteePublicKey, encapsulate
from fl.protocol.codec import sha256
from fl.protocol.names import Address, CeremonyKind, KeyUse, Purpose
from fl.protocol.ports import Anchor
from scripts.bench._table import keep, show
from scripts.bench.masking import take_turns

REQUEST_TARGET_MS = 50.0
CEREMONY_TARGET_MS = 1000.0
ANCHOR = Anchor(bytes(32), 31337, Address(b"\xa0" * 20), Address(b"\xa1" * 20))
HOSPITAL = Address(b"\x11" * 20)
RECORD = bytes(200_000)
"""The size of a picture with its result."""
_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
Figures = dict[str, float]


@dataclass(frozen=True)
class Scene:
    """A committee with its own key and all secrets."""

    setting: Setting
    secrets: dict[Address, int]
    """Members' HPKE keys."""
    dealings: dict[Address, Dealing]
    committee: CommitteePublicKey
    shares: tuple[Share, ...]

    @classmethod
    def of(cls, parties: int, threshold: int) -> Scene:
        """Return m trustees with the threshold t."""
        secrets = {Address(index.to_bytes(20, "big")): random_scalar() for index in range(1, parties + 1)}
        receivers = tuple(Receiver(who, base_mult(key)) for who, key in secrets.items())
        setting = Setting(os.urandom(32), CeremonyKind.GENERATE, threshold, receivers)
        dealings = {who: deal(setting, who) for who in secrets}
        made = committee(setting, list(vectors_of(setting, dealings).values()))
        shares = tuple(receive_share(setting, dealings, who, key) for who, key in secrets.items())
        return cls(setting, secrets, dealings, made, shares)


def vectors_of(setting: Setting, dealings: dict[Address, Dealing]) -> dict[Address, Commitments]:
    """Check all dealings, as every member does."""
    return {who: verify_dealing(setting, who, each.commitments, each.proof) for who, each in dealings.items()}


def receive_share(setting: Setting, dealings: dict[Address, Dealing], receiver: Address, key: int) -> Share:
    """Check all that a receiver checks: dealings, key agreements, shares, the committee and its own share of it."""
    vectors = vectors_of(setting, dealings)
    got = {}
    for who, each in dealings.items():
        [got[who]] = unseal(parcel(setting, vectors[who], receiver, each.bundle), key)
    return new_share(setting, committee(setting, list(vectors.values())), receiver, got)


@click.command()
@click.option("--threshold", "-t", type=click.IntRange(2, 32), default=4, show_default=True)
@click.option("--trustees", "-m", type=click.IntRange(2, 32), default=9, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=7, show_default=True)
def main(threshold: int, trustees: int, repeats: int) -> None:
    """Measure a request and a ceremony on every backend."""
    scene = Scene.of(trustees, threshold)
    figures: dict[str, dict[str, Figures]] = {"request": {}, "ceremony": {}}
    for name in ENGINES:
        with use(name):
            figures["request"][name] = request(scene, repeats)
            figures["ceremony"][name] = ceremony(scene, repeats)
    titles = {
        "request": f"One request, t = {threshold} of {trustees}, ms of one core (at most {REQUEST_TARGET_MS:.0f})",
        "ceremony": f"A ceremony of {trustees}, all on one core, ms (checks: at most {CEREMONY_TARGET_MS:.0f})",
    }
    for what, times in figures.items():
        rows = [(part, *(each[part] for each in times.values())) for part in next(iter(times.values()))]
        show(titles[what], ("", *times), rows)
    keep("threshold", {"threshold": threshold, "trustees": trustees, "record_bytes": len(RECORD), **figures})


def request(scene: Scene, repeats: int) -> Figures:
    """Measure sealing, t checked answers, their verification and combination, beside HPKE to one member."""
    who, threshold = scene.committee, scene.committee.threshold
    policy = RecordPolicy(os.urandom(16), Readers.TRUSTEES, frozenset({Purpose.TREATMENT}))
    core = policy.core(ANCHOR, HOSPITAL, 1, who.key)
    file = bytes(seal(core, [who.key], RECORD))
    data = Capsule.of(file, who.key, policy.to_bytes()).to_bytes()
    capsule = Capsule.from_bytes(data)
    binding = RequestBinding(capsule.label, 1, KeyUse.RECORDS, 1, Purpose.TREATMENT)
    holders = dict(zip(who.accounts[:threshold], scene.shares[:threshold], strict=True))

    def answers() -> dict[Address, bytes]:
        return {each: approve(Capsule.from_bytes(data), binding, who.key, share) for each, share in holders.items()}

    given = answers()
    secret = combine(given, who, binding, capsule.ciphertext).secret
    key = PrivateKey.generate(1)
    plain = bytes(seal(core, [key.member_key], RECORD))
    works: dict[str, Callable[[], object]] = {
        "encapsulate": lambda: encapsulate(who.key, capsule.label),
        f"{threshold} check and answer": answers,
        "verify and combine": lambda: combine(given, who, binding, capsule.ciphertext),
        "HPKE to one member and back": lambda: hpke_both_ways(key),
        "open the file with r·Y": lambda: open_with(file, Expected(core, sha256(file), 1 << 20), who.key, secret),
        "open a file by HPKE": lambda: receive(plain, Expected(core, sha256(plain), 1 << 20), key),
    }
    times = measured(repeats, works)
    together = sum(list(times.values())[:3])
    ratios = {"of target": together / REQUEST_TARGET_MS, "ratio to HPKE": together / list(times.values())[3]}
    return {**times, "first three together": together, **ratios}


def hpke_both_ways(key: PrivateKey) -> bytes:
    """Seal a content key to one member and open it."""
    return _SUITE.decrypt(_SUITE.encrypt(bytes(32), key.secret.public_key(), b"info"), key.secret, b"info")


def ceremony(scene: Scene, repeats: int) -> Figures:
    """Measure dealing, opening alone, and all that receivers check, for the whole committee."""
    setting, dealings = scene.setting, scene.dealings
    vectors = vectors_of(setting, dealings)
    privates = {who: ec.derive_private_key(key, ec.SECP256R1()) for who, key in scene.secrets.items()}
    sent = [
        (privates[to], parcel(setting, vectors[who], to, each.bundle))
        for to in privates
        for who, each in dealings.items()
    ]

    def opened() -> list[bytes]:
        return [_SUITE.decrypt(each.sealed[:65] + each.ciphertext, private, each.info) for private, each in sent]

    shares = opened()
    works: dict[str, Callable[[], object]] = {
        "deal": lambda: [deal(setting, who) for who in dealings],
        "open and check nothing": opened,
        "open and check": lambda: [receive_share(setting, dealings, *each) for each in scene.secrets.items()],
        "Feldman's check alone": lambda: [each.parse(share) for (_, each), share in zip(sent, shares, strict=True)],
    }
    times = measured(repeats, works)
    checks = times["open and check"] - times["open and check nothing"]
    ratio = times["open and check"] / times["open and check nothing"]
    return {**times, "checks": checks, "of target": checks / CEREMONY_TARGET_MS, "ratio to checking nothing": ratio}


def measured(repeats: int, works: dict[str, Callable[[], object]]) -> Figures:
    """Return the smallest milliseconds of each work, which take turns."""
    return dict(zip(works, (smallest for smallest, _ in take_turns(repeats, *works.values())), strict=True))


if __name__ == "__main__":
    main()
