"""`hemaledger`, as a hospital with tools of its own would change it: from round 2 on, its updates are 10 times as long.

`python -m tests.support.scaling_hospital hospital run ...`
"""

from __future__ import annotations

from dataclasses import replace

from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.replay.round_work import checked_work
from fl.roles.hospital import masked_update
from fl.training.aggregation.quantise import Vector, Words
from fl.training.aggregation.work import TrainedWeights, Work
from fl.training.model.weights import Manifest
from scripts.cli import main

TIMES, HONEST_ROUNDS = 10, 1
"""The bound is near an honest update after the first round only."""
UNBOUND = 1e6
"""A bound that no update reaches, in units of weights."""


def scaled_work(current: Round, config: RoundConfig, manifest: Manifest) -> Work:
    if current.number <= HONEST_ROUNDS:
        return checked_work(current, config, manifest)
    made = checked_work(current, replace(config, l2_bound=UNBOUND), manifest)
    encode = made.encode

    def scaled(previous: Vector, learned: TrainedWeights) -> Words:
        weights, metrics = learned
        return encode(previous, (previous + TIMES * (weights - previous), metrics))

    object.__setattr__(made, "encode", scaled)
    return made


if __name__ == "__main__":
    vars(masked_update)["checked_work"] = scaled_work
    main()
