"""What suite 2 costs: a file for members and a record for trustees under both suites, in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import click

from fl.crypto import long_partials
from fl.crypto import partial_decryption as partials
from fl.crypto.envelope import open_file, open_with, seal
from fl.crypto.envelope_form import Core, Expected, Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.key_wrapping import AnyPrivateKey, Recipient
from fl.crypto.long_committee import LongCommittee
from fl.protocol.codec import sha256
from fl.protocol.names import Address, Suite
from fl.protocol.ports import Anchor
from scripts.bench._request import RECORD, Scene

ACCOUNT = Address(b"\x03" * 20)
CORE = Core(Kind.MODEL, Anchor(bytes(32), 1, ACCOUNT, ACCOUNT), ACCOUNT, 1, 1, bytes(32))


@click.command()
@click.option("--readers", type=click.IntRange(1, 1024), default=10, show_default=True)
@click.option("--mebibytes", type=click.IntRange(0, 1024), default=4, show_default=True, help="Of the content.")
@click.option("--repeats", type=click.IntRange(1), default=30, show_default=True)
def main(readers: int, mebibytes: int, repeats: int) -> None:
    """Print milliseconds of a seal and an open, and bytes of a reader, for both suites: the least of all repeats."""
    body = bytes(mebibytes << 20)
    for suite in Suite:
        core = replace(CORE, suite=suite)
        keys: list[AnyPrivateKey] = [_generate(suite) for _ in range(readers)]
        public = [_public(key) for key in keys]
        file = bytes(seal(core, public, body))
        alone = bytes(seal(core, public[:1], body))
        each = (len(file) - len(alone)) // max(1, readers - 1)
        made_ms = _least(partial(_generate, suite), repeats)
        sealed_ms = _least(partial(seal, core, public, body), repeats)
        opened_ms = _least(partial(open_file, file, core, keys[0]), repeats)
        click.echo(
            f"suite {int(suite)}, {readers} readers, {mebibytes} MiB: key {made_ms:.2f} ms, seal {sealed_ms:.2f} ms, "
            f"open {opened_ms:.2f} ms, {each} bytes a reader, file {len(file)} bytes"
        )
    for suite in Suite:
        click.echo(_record(suite, repeats))


def _record(suite: Suite, repeats: int) -> str:
    """Return what a record for five trustees costs, of whom three open."""
    scene = Scene.draw(3, 5, long=suite == Suite.HYBRID)
    capsule, binding, key = scene.capsule, scene.binding, scene.committee.key
    if capsule.policy is None:
        raise TypeError("a record's capsule has its policy")
    name = capsule.opening_key(key)
    core = capsule.policy.core(scene.anchor, scene.hospital, 1, name)
    to = LongCommittee(key, 3, tuple(each.long_key for each in scene.long_keys)) if scene.long_keys else key
    expected = Expected(core, sha256(scene.file), len(scene.file))

    def answer(place: int) -> bytes:
        share = scene.shares[place]
        if capsule.half is None:
            return partials.approve(capsule, binding, key, share)
        return long_partials.approve(capsule, binding, key, share, [scene.long_keys[place]])

    answers = {scene.accounts[place].address: answer(place) for place in range(3)}

    def opened() -> None:
        if capsule.half is None:
            first = partials.combine(answers, scene.committee, binding, capsule.ciphertext).secret
            open_with(scene.file, expected, name, first)
        else:
            both = long_partials.combine(answers, scene.committee, binding, capsule).secret
            open_with(scene.file, expected, name, both)

    sealed_ms = _least(partial(seal, core, [to], RECORD), repeats)
    answered_ms, opened_ms = _least(partial(answer, 0), repeats), _least(opened, repeats)
    return (
        f"suite {int(suite)}, a record for 5 trustees: seal {sealed_ms:.2f} ms, an answer {answered_ms:.2f} ms, "
        f"open with 3 {opened_ms:.2f} ms, file {len(scene.file)} bytes, capsule {len(capsule.to_bytes())} bytes"
    )


def _generate(suite: Suite) -> AnyPrivateKey:
    return LongPrivateKey.generate(1) if suite == Suite.HYBRID else PrivateKey.generate(1)


def _public(key: AnyPrivateKey) -> Recipient:
    return key.long_key if isinstance(key, LongPrivateKey) else key.member_key


def _least(work: Callable[[], object], repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return 1000 * best


if __name__ == "__main__":
    main()
