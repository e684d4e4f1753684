"""One round computed again: the same files, the same sum, the same model.

Invariant: `replay_round` uses the functions that the coordinator used, over the digests that the ledger holds; it
returns only when the new model equals the proposed one bit for bit.

Source: PROTOCOL.md 5, 5S and 7.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.config import RoundConfig
from fl.protocol.errors import HemaledgerError, ModelDigestMismatch
from fl.protocol.names import Address
from fl.protocol.ports import Endorser, Vault
from fl.protocol.round import Round
from fl.roles.artefacts import Reader, digest_of, read_config
from fl.roles.unmask import check_agreement, unmask_sum
from fl.roles.view import Stopwatch
from fl.training.aggregate import Sum, Totals
from fl.training.quantise import Vector
from fl.training.weights import Manifest, model_digest


@dataclass(frozen=True)
class Tools:
    """With what a replay reads."""

    reader: Reader
    vault: Vault
    watch: Stopwatch
    endorser: Endorser


@dataclass(frozen=True)
class Replayed:
    """What a replay computed."""

    model: Vector
    """float32 [d]"""
    totals: Totals

    @property
    def training(self) -> dict[str, float]:
        """Return the metrics of the sum: how all the hospitals' own images were judged in training."""
        totals = self.totals
        accuracy = totals.correct / max(totals.samples, 1)
        return {"accuracy": accuracy, "loss": totals.mean_loss, "samples": totals.samples}


def replay_round(current: Round, previous: Vector, manifest: Manifest, tools: Tools) -> Replayed:
    """Return the round's model, recomputed from the hospitals' files.

    Raises:
        ModelDigestMismatch: the proposed model is not what the files sum up to.
        SetMismatch, BelowThreshold: the set was not agreed as it had to be.
        TamperedError, MalformedError, RefusedError: a file is not what the ledger says.
        VaultMissing: a file is not there.
    """
    config = read_config(current, tools.vault)
    if current.masked:
        check_agreement(current, tools.endorser, tools.vault)
    total = sum_of(current, config, tools)
    with tools.watch("sum"):
        model = total.apply(previous, config)
    with tools.watch("hash"):
        digest = model_digest(manifest.digest, model)
    if digest != digest_of(current):
        raise ModelDigestMismatch(digest_of(current), digest)
    return Replayed(model, total.totals)


def sum_of(current: Round, config: RoundConfig, tools: Tools) -> Sum:
    """Return the summed updates of the frozen set; raises as `replay_round`."""
    if current.masked:
        unmasked = unmask_sum(current, tools.reader, tools.watch, _ignore)
        return Sum.of(unmasked.words, len(current.hospitals))
    total = Sum(current.terms.parameters)
    for hospital in current.hospitals:
        words = tools.reader.update(current, hospital, config)
        with tools.watch("sum"):
            total.add(words)
    return total


def _ignore(_account: Address, _error: HemaledgerError) -> None:
    """Leave out a wrong answer: any t right ones give the same sum."""
