"""How many words the updates of a round have: `terms.parameters`, which the contracts take as it is.

Invariant: only here is that number compared with the model or with the lanes. A member checks it before it sends or
sums anything.

Source: PROTOCOL.md 5L.
"""

from __future__ import annotations

from dataclasses import replace

from fl.protocol.errors import AggregationUnusable, EncodingError, WordsMismatch
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.parts import PART_STEP, cuts
from fl.protocol.rounds.round import Round
from fl.training.aggregation.choice import Aggregation
from fl.training.aggregation.kinds import work_of
from fl.training.aggregation.quantise import LANES
from fl.training.aggregation.work import SumSpec, Work
from fl.training.calibration.rule import RULE, CalibrationRule
from fl.training.model.appendix import has_room
from fl.training.model.weights import Manifest


def words_of(config: RoundConfig, manifest: Manifest) -> int:
    """Return the number of words that the terms of a round must have: weights of the model, or entries of the lanes.

    Raises:
        EncodingError: the configuration names unknown work.
    """
    return work_of(config).words(manifest.weights)


def in_parts(config: RoundConfig, part_bytes: int, manifest: Manifest) -> RoundConfig:
    """Return the configuration with parts of so many bytes, if an update or a model has more; 0: as it is.

    The words of a part follow from the width of an update's words; a model's parts are half as large if those have 64
    bits.

    Raises:
        EncodingError: the lanes of the configuration cannot be read, or the parts are too short.
    """
    part_words = part_bytes // (config.word_bits // 8) // PART_STEP * PART_STEP
    spec = SumSpec.from_dict(config.training)
    longest = max(manifest.length, spec.plan.length if spec else 0) + LANES  # no update has more words than a model
    if not part_words or len(cuts(longest, part_words)) == 1:
        return config
    return replace(config, part_words=part_words)


def check_room(config: RoundConfig, manifest: Manifest) -> None:
    """Check that a round which calibrates finds its numbers behind the weights; other rounds pass.

    Raises:
        EncodingError: real weights are there, or the settings of the rule cannot be read.
    """
    spec = SumSpec.from_dict(config.training)
    if spec is None or spec.rule != RULE:
        return
    if not has_room(manifest, CalibrationRule.from_dict(spec.settings).classes):
        raise EncodingError("calibration", "the models of this ledger have no numbers for it behind their weights")


def checked_work(current: Round, config: RoundConfig, manifest: Manifest) -> Work:
    """Return the work of a round, after comparing its terms with its configuration.

    Raises:
        EncodingError: the configuration names unknown work, calibrates models without room for it, or has too short
            parts.
        WordsMismatch: the terms have another number of words.
        AggregationUnusable: the models carry other state than the rule of aggregation keeps.
    """
    check_room(config, manifest)
    work, choice = work_of(config, manifest.fixed), Aggregation.of(config.training)
    if manifest.state != choice.state:
        raise AggregationUnusable(choice.rule, f"the models carry {' and '.join(manifest.state) or 'no state'}")
    expected = work.words(manifest.weights)
    if current.terms.parameters != expected:
        raise WordsMismatch(current.number, expected, current.terms.parameters)
    cuts(max(expected + LANES, manifest.length), config.part_words)
    return work
