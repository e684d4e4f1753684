"""What suite 2 costs: seal and open a file under both suites, one after the other in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import click

from fl.crypto.envelope import open_file, seal
from fl.crypto.envelope_form import Core, Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.key_wrapping import AnyPrivateKey, Recipient
from fl.protocol.names import Address, Suite
from fl.protocol.ports import Anchor

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
