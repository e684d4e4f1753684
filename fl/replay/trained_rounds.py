"""Which rounds trained the weights of a model, and whether what is judged was trained with the same recipe.

Invariant: the ledger and its configurations decide. A model whose weights no round changed is untrained, however many
rounds of lanes or of groups came before it.

Source: PROTOCOL.md 5L (rule `calibrate`) and 5V.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from fl.protocol.branch import without_branch
from fl.protocol.errors import AggregationUnusable, HemaledgerError
from fl.protocol.federation import Federation
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.round_documents import digest_of, read_config
from fl.training.aggregation.choice import VOTED
from fl.training.aggregation.groups import group_of
from fl.training.aggregation.reference import RULE as REFERENCE
from fl.training.aggregation.work import SumSpec, without_sum
from fl.training.calibration.rule import RULE as CALIBRATE

KEEPING = ("keep", CALIBRATE, REFERENCE)
"""The rules of lanes that leave the weights as they are."""


def is_untrained(federation: Federation, current: Round, vault: Vault) -> bool:
    """Return whether the model of `current`, proposed or final, still has the weights that opened the first ledger.

    Groups' rounds, rounds of lanes that keep the weights, and votes without an accepted group change none.

    Raises:
        VaultMissing, HashMismatch, EncodingError: a configuration since the newest training.
    """
    first = federation.openings[0].record.model_digest
    made = [current, *finals_before(federation, current.number)]
    for place, each in enumerate(made):
        earlier = [first, *(digest_of(one) for one in made[place + 1 :])]
        if digest_of(each) not in earlier and _changes_weights(read_config(each, vault)):
            return False
    return True


def check_calibration(federation: Federation, current: Round, config: RoundConfig, vault: Vault) -> None:
    """Check that a round that calibrates has the recipe of the newest training; other rounds pass.

    Raises:
        AggregationUnusable: hospitals would hold back other images than in the training, or use another network.
        VaultMissing, HashMismatch, EncodingError: an earlier configuration.
    """
    if is_calibration(config):
        training = newest_training(federation, current.number, vault)
        if training is not None:
            check_recipe(current, config, training, vault)


def check_recipe(current: Round, config: RoundConfig, training: Round, vault: Vault) -> None:
    """Raise AggregationUnusable unless a round that judges has the recipe of the round `training`."""
    own, other = (without_branch(without_sum(each.training)) for each in (config, read_config(training, vault)))
    if own != other:
        why = f"the recipe of round {current.number} is not that of round {training.number}, whose model it needs"
        spec = SumSpec.from_dict(config.training)
        raise AggregationUnusable(spec.rule if spec else VOTED, why)


def newest_training(federation: Federation, number: int, vault: Vault) -> Round | None:
    """Return the newest final round before round `number` in which hospitals trained, a group's too."""
    finals = finals_before(federation, number)
    return next((each for each in finals if SumSpec.from_dict(read_config(each, vault).training) is None), None)


def newest_configuration(federation: Federation, vault: Vault) -> RoundConfig | None:
    """Return the newest readable configuration that trains a model, also of a round that runs; None without one."""
    for each in reversed(federation.rounds):
        with suppress(HemaledgerError):
            config = read_config(each, vault)
            if SumSpec.from_dict(config.training) is None:
                return config
    return None


def is_calibration(config: RoundConfig) -> bool:
    """Return whether a round calibrates a model."""
    spec = SumSpec.from_dict(config.training)
    return spec is not None and spec.rule == CALIBRATE


def finals_before(federation: Federation, number: int) -> Iterator[Round]:
    """Yield the final rounds from which round `number` goes on, newest first."""
    if federation.reverted:
        opened = (each.opened.position for each in federation.rounds if each.number == number)
        return federation.lineage.ancestors(next(opened, None))
    return (each for each in reversed(federation.rounds) if each.number < number and each.phase == Phase.FINAL)


def _changes_weights(config: RoundConfig) -> bool:
    spec = SumSpec.from_dict(config.training)
    return group_of(config.training) is None if spec is None else spec.rule not in KEEPING
