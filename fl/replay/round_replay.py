"""One round computed again: the same files, the same sum, the same model.

Invariant: `replay_round` uses the functions that the coordinator used, over the digests that the ledger holds; it
returns only when the new model equals the proposed one bit for bit.

Source: PROTOCOL.md 5, 5S and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from fl.crypto import masking
from fl.protocol.errors import (
    HemaledgerError,
    MalformedError,
    ModelDigestMismatch,
    RefusedError,
    TamperedError,
    UnavailableError,
    VaultUnavailable,
)
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Address
from fl.protocol.ports import Endorser, Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.expected_files import digest_of, read_config
from fl.replay.round_sum import RoundSum
from fl.replay.unmasking import check_agreement, unmask_sum
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.quantise import Vector
from fl.training.aggregation.sum import Sum
from fl.training.model.weights import Manifest, model_digest

Skip = Callable[[Address, HemaledgerError], None]


@dataclass(frozen=True)
class Tools:
    """With what a replay reads."""

    sums: RoundSum
    """What the member has added up already, and its reader."""
    vault: Vault
    endorser: Endorser
    skip: Skip = lambda _account, _error: None
    """Is told of each answer that is left out: any t right ones give the same sum."""
    due: Collection[MemberKey] = ()
    """Whom an answer must name as its readers, so that they can compute the sum, too."""


@dataclass(frozen=True)
class ReplayedRound:
    """What a replay computed."""

    model: Vector
    """float32 [d]"""
    claims: Claims
    """Of all its hospitals together."""
    config: RoundConfig
    each: Mapping[Address, Mapping[str, float]]
    """What each hospital claimed, where that can be seen: in a sealed round."""

    @property
    def training(self) -> dict[str, float]:
        """Return the metrics of the sum: how all the hospitals' own images were judged in training."""
        figures = self.claims.figures
        return {name: figures[name] for name in ("accuracy", "loss", "samples")}


def replay_round(current: Round, previous: Vector, manifest: Manifest, tools: Tools) -> ReplayedRound:
    """Return the round's model, recomputed from the hospitals' files.

    Raises:
        ModelDigestMismatch: the proposed model is not what the files sum up to.
        SumOutOfBounds, NormExceeded: the sum is none that so many honest hospitals can give.
        SetMismatch, BelowThreshold: the set was not agreed as it had to be.
        UpdateUnusable: a hospital's file is not what the ledger says.
        TamperedError, MalformedError, RefusedError: another file is not.
        VaultMissing: a file is not there.
    """
    config = read_config(current, tools.vault)
    if current.masked:
        check_agreement(current, tools.endorser, tools.vault)
    total = sum_of(current, tools)
    model = total.apply(previous, config)
    digest = model_digest(manifest.digest, model)
    if digest != digest_of(current):
        raise ModelDigestMismatch(digest_of(current), digest)
    each = {who: one.figures for who, one in zip(current.hospitals, total.parts, strict=not current.masked)}
    return ReplayedRound(model, total.claims, config, each)


def sum_of(current: Round, tools: Tools) -> Sum:
    """Return the summed updates of the frozen set; raises as `replay_round`."""
    if current.masked:
        words = unmask_sum(current, tools.sums, tools.skip, tools.due)
        return Sum.of(words, len(current.hospitals))
    total = tools.sums.take(current)
    parts = [total.claims[hospital] for hospital in current.hospitals]
    return Sum.of(masking.to_signed(total.words), len(current.hospitals), parts)


def broken_bound(current: Round, tools: Tools) -> HemaledgerError | None:
    """Return why no honest hospitals give the sum of a masked round that was aborted, None when it cannot be told.

    Raises:
        VaultUnavailable: the vault cannot be looked at.
    """
    unmasked = current.masked and current.frozen is not None and len(current.revealed) >= current.terms.threshold
    if current.phase != Phase.ABORTED or not unmasked:
        return None
    try:
        config = read_config(current, tools.vault)
        sum_of(current, tools).check(config)
    except VaultUnavailable:
        raise
    except (MalformedError, RefusedError, TamperedError, UnavailableError) as error:
        return error
    return None
