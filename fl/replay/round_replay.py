"""Computes a round again: the same files give the same sum and the same model.

Invariant: `replay_round` uses the coordinator's own functions on the files that the ledger names. It returns only when
the new model equals the proposed one bit for bit.

Source: PROTOCOL.md 5, 5S and 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from fl.crypto import masking
from fl.protocol.codec import JsonValue
from fl.protocol.errors import (
    HemaledgerError,
    MalformedError,
    ModelDigestMismatch,
    RefusedError,
    TamperedError,
    UnavailableError,
    VaultUnavailable,
)
from fl.protocol.names import Address
from fl.protocol.ports import Endorser, Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.mask_graph import is_answered
from fl.protocol.rounds.round import Phase, Round
from fl.replay.branches import start_of
from fl.replay.round_documents import digest_of, read_config
from fl.replay.round_sum import RoundSum
from fl.replay.round_work import checked_work
from fl.replay.unmasking import check_agreement, read_responses, unmask_sum
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.kinds import work_of
from fl.training.aggregation.lanes import Entries, LanePlan
from fl.training.aggregation.quantise import Vector
from fl.training.aggregation.sum import Sum
from fl.training.aggregation.totals import totals_document
from fl.training.aggregation.work import Work
from fl.training.model.weights import Manifest, model_digest


@dataclass(frozen=True)
class Tools:
    """What a replay needs from the member that runs it."""

    sums: RoundSum
    """The files that the member has added up already, and its reader."""
    vault: Vault
    endorser: Endorser


@dataclass(frozen=True)
class ReplayedRound:
    """The results of a replay."""

    model: Vector
    """float32 [d + state]"""
    claims: Claims
    """Of all hospitals together."""
    config: RoundConfig
    weights: Vector
    """float32 [d]: the model without the state of the server's optimiser."""
    each: Mapping[Address, Mapping[str, float]]
    """Sealed rounds: hospital -> its own claims."""
    rejected: Mapping[Address, HemaledgerError]
    """Masked rounds: hospital -> the error in its unmasking response."""
    plan: LanePlan | None = None
    """Rounds of lanes: what was summed."""
    totals: Mapping[str, Entries] = field(default_factory=dict)
    """Rounds of lanes: lane's name -> int64 [length]."""

    def without_weights(self) -> ReplayedRound:
        """Return the figures alone, so that the model's memory is free while the chain is asked for something."""
        return replace(self, model=np.empty(0, np.float32), weights=np.empty(0, np.float32))

    @property
    def document(self) -> dict[str, JsonValue] | None:
        """Return the totals of a round of lanes for people and reports (totals.py); None in a round of training."""
        return totals_document(self.plan, self.totals, self.claims.hospitals) if self.plan else None

    @property
    def training(self) -> dict[str, float]:
        """Return the metrics in the sum: how the model in training judged the hospitals' own images.

        A round of lanes trains nothing, so only its rows are counted.
        """
        figures = self.claims.figures
        return {name: figures[name] for name in ("accuracy", "loss", "samples") if name == "samples" or not self.plan}


def replay_round(current: Round, previous: Vector, manifest: Manifest, tools: Tools) -> ReplayedRound:
    """Return the round's model, recomputed from the hospitals' files.

    Raises:
        ModelDigestMismatch: the files give another model than the proposed one.
        WordsMismatch: the terms have another number of words than the configuration needs.
        SumOutOfBounds, NormExceeded: honest hospitals cannot give this sum.
        SetMismatch, BelowThreshold: the hospitals did not agree on the set.
        UpdateUnusable: a hospital's file does not fit the ledger.
        TamperedError, MalformedError, RefusedError: another file does not fit the ledger.
        VaultMissing: a file is not there.
    """
    config = read_config(current, tools.vault)
    work = checked_work(current, config, manifest)
    if current.masked:
        check_agreement(current, tools.endorser, tools.vault)
    total, rejected = _sum_of(current, tools, work)
    outcome = work.apply(total, start_of(config, manifest, previous))
    digest = model_digest(manifest.digest, outcome.model)
    if digest != digest_of(current):
        raise ModelDigestMismatch(digest_of(current), digest)
    each = {who: one.figures for who, one in zip(current.hospitals, total.parts, strict=not current.masked)}
    weights, plan = manifest.weights_of(outcome.model), outcome.plan
    return ReplayedRound(outcome.model, total.claims, config, weights, each, rejected, plan, outcome.totals)


def sealed_sum(current: Round, sums: RoundSum, work: Work) -> Sum:
    """Return the sum of a sealed round's frozen set; raises as `RoundSum.take` and `Work.sum_of`."""
    total = sums.take(current)
    parts = [total.claims[hospital] for hospital in current.hospitals]
    each = [total.each[hospital] for hospital in current.hospitals if hospital in total.each]
    return work.sum_of(masking.to_signed(total.words), len(current.hospitals), parts, each)


def _sum_of(current: Round, tools: Tools, work: Work) -> tuple[Sum, Mapping[Address, HemaledgerError]]:
    """Return the sum of the frozen set and the rejected unmasking responses; raises as `replay_round`."""
    if not current.masked:
        return sealed_sum(current, tools.sums, work), {}
    unmasked = unmask_sum(current, tools.sums, read_responses(current, tools.sums.reader))
    return work.sum_of(unmasked.words, len(current.hospitals)), unmasked.rejected


def broken_bound(current: Round, tools: Tools, fixed: int = 0) -> HemaledgerError | None:
    """Return the bound that the sum of an aborted masked round breaks, or None when the sum cannot be computed.

    `fixed`: how many of the last weights no training changes (Manifest.fixed).

    Raises:
        VaultUnavailable: the vault is not there.
    """
    unmasked = current.masked and current.frozen is not None and is_answered(current)
    if current.phase != Phase.ABORTED or not unmasked:
        return None
    try:
        work = work_of(read_config(current, tools.vault), fixed)
        total, _rejected = _sum_of(current, tools, work)
        work.check_sum(total)
    except VaultUnavailable:
        raise
    except (MalformedError, RefusedError, TamperedError, UnavailableError) as error:
        return error
    return None
