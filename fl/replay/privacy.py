"""What a round's configuration promises about single pictures, alone and together with the rounds before it.

Invariant: every number follows from the ledger and the configurations that it names; no hospital claims anything. Who
trains with less noise than the configuration says breaks the promise, and nobody else can see that.

Source: fl/training/privacy. Rounds of an earlier ledger of the consortium are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from fl.protocol.codec import JsonValue
from fl.protocol.errors import HemaledgerError
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.round_documents import read_config
from fl.training.aggregation.work import SumSpec
from fl.training.privacy.accounting import epsilon_of, shown_epsilon
from fl.training.privacy.terms import PLAIN, Privacy, Spend
from fl.training.recipe import Recipe, private_spend


@dataclass(frozen=True)
class PrivacyStatement:
    """Epsilon and delta of the pictures of one hospital, by the round's public terms."""

    round: int
    epsilon: float
    """Of this round's update."""
    composed: float
    """Of all updates until this round, for the hospital with the largest account; infinite if one had no noise."""
    terms: Privacy
    steps: int
    exact: tuple[int, ...]
    """Rounds until this one in which hospitals added up exact numbers: epsilon does not cover those."""

    def to_dict(self) -> dict[str, JsonValue]:
        return {
            "clip": self.terms.clip,
            "composed": None if math.isinf(self.composed) else self.composed,
            "delta": self.terms.delta,
            "epsilon": self.epsilon,
            "exact_rounds": list(self.exact),
            "noise": self.terms.noise,
            "rate": self.terms.rate,
            "steps": self.steps,
        }

    @property
    def sentence(self) -> str:
        """Return the statement for people."""
        exact = f"; round {', '.join(map(str, self.exact))} added up exact numbers, not covered" if self.exact else ""
        return (
            f"epsilon {shown_epsilon(self.epsilon)} for one picture of a hospital at delta {self.terms.delta:g}, "
            f"{shown_epsilon(self.composed)} together with the rounds before{exact}"
        )


def privacy_of(federation: Federation, current: Round, vault: Vault) -> PrivacyStatement | None:
    """Return what the newest training until this round promises; None if it had no noise.

    Raises:
        VaultMissing, HashMismatch, EncodingError: a configuration.
    """
    return _statement(federation, current, _Configs(vault))


def statements_of(federation: Federation, vault: Vault) -> tuple[PrivacyStatement, ...]:
    """Return what each final training with noise promises; a round whose files cannot be read is passed over."""
    configs, found = _Configs(vault), dict[int, PrivacyStatement]()
    for each in federation.rounds:
        with suppress(HemaledgerError):
            statement = _statement(federation, each, configs) if each.phase == Phase.FINAL else None
            if statement is not None:
                found.setdefault(statement.round, statement)
    return tuple(found.values())


def _statement(federation: Federation, current: Round, configs: _Configs) -> PrivacyStatement | None:
    until = [each for each in federation.rounds if each.number <= current.number]
    trained = (each for each in reversed(until) if each is current or each.phase == Phase.FINAL)
    newest = next((each for each in trained if configs.spend(each) is not None), current)
    if configs.spend(newest) in (None, PLAIN):
        return None
    local = Recipe.from_dict(configs.of(newest).training).local
    exact = tuple(each.number for each in until if each.commitments and configs.spend(each) is None)
    spend = Spend.of(local.privacy, local.epochs)
    alone = epsilon_of([spend], local.privacy.delta)
    hospitals = {hospital for each in until for hospital in each.commitments}
    composed = _worst((configs.spends_of(until, hospital) for hospital in hospitals), local.privacy.delta)
    return PrivacyStatement(newest.number, alone, max(alone, composed), local.privacy, spend.steps, exact)


def _worst(each: Iterable[tuple[Spend, ...]], delta: float) -> float:
    """Return the largest epsilon; equal accounts are computed once."""
    return max((epsilon_of(spends, delta) for spends in set(each)), default=0.0)


class _Configs:
    """The rounds' configurations, each read once."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: dict[Digest, RoundConfig] = {}
        self._spends: dict[Digest, Spend | None] = {}

    def of(self, each: Round) -> RoundConfig:
        digest = each.terms.config_digest
        if digest not in self._known:
            self._known[digest] = read_config(each, self._vault)
        return self._known[digest]

    def spend(self, each: Round) -> Spend | None:
        """Return what a round costs; None for exact sums."""
        digest = each.terms.config_digest
        if digest not in self._spends:
            config = self.of(each)
            self._spends[digest] = None if SumSpec.from_dict(config.training) is not None else private_spend(config)
        return self._spends[digest]

    def spends_of(self, rounds: list[Round], hospital: Address) -> tuple[Spend, ...]:
        """Return a hospital's spends; an update of an aborted round may have been seen, so it counts."""
        spends = (self.spend(each) for each in rounds if hospital in each.commitments)
        known = (one for one in spends if one is not None)
        return tuple(sorted(known, key=lambda one: (one.noise, one.rate, one.steps)))
