"""One sealed round computed again: the same files, the same sum, the same model.

Invariant: `replay_round` uses the functions that the coordinator used, over the digests that the ledger holds; it
returns only when the new model equals the proposed one bit for bit.

Source: PROTOCOL.md 5S and 7.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import ModelDigestMismatch
from fl.protocol.ports import Vault
from fl.protocol.round import Round
from fl.roles.artefacts import Reader, digest_of, read_config
from fl.roles.view import Stopwatch
from fl.training.aggregate import Sum, Totals
from fl.training.quantise import Vector
from fl.training.weights import Manifest, model_digest


@dataclass(frozen=True)
class Replayed:
    """What a replay computed."""

    model: Vector
    """float32 [d]"""
    totals: Totals


def replay_round(
    current: Round, previous: Vector, manifest: Manifest, reader: Reader, tools: tuple[Vault, Stopwatch]
) -> Replayed:
    """Return the round's model, recomputed from the hospitals' files.

    Raises:
        ModelDigestMismatch: the proposed model is not what the files sum up to.
        TamperedError, MalformedError, RefusedError: a file is not what the ledger says.
        VaultMissing: a file is not there.
    """
    vault, watch = tools
    config = read_config(current, vault)
    total = Sum(manifest.length)
    for hospital in current.hospitals:
        words = reader.update(current, hospital, config)
        with watch("sum"):
            total.add(words)
    with watch("sum"):
        model = total.apply(previous, config)
    with watch("hash"):
        digest = model_digest(manifest.digest, model)
    if digest != digest_of(current):
        raise ModelDigestMismatch(digest_of(current), digest)
    return Replayed(model, total.totals)
