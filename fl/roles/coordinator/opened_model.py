"""Compares the model that a plan trains with the one with which the federation opened, before a round is opened.

Invariant: the shape of a model never changes. A wrong option ends the coordinator with one sentence, and no hospital
trains for it.
"""

from __future__ import annotations

from fl.protocol.errors import EncodingError, SettingInvalid
from fl.replay.round_work import check_room
from fl.roles.coordinator.plan import Plan
from fl.training.aggregation.work import SumSpec
from fl.training.model.appendix import network_of
from fl.training.model.weights import Manifest


def check_model(plan: Plan, planned: Manifest, opened: Manifest) -> None:
    """Check a plan that trains; one that sums lanes trains no weights.

    The numbers of a calibration may be missing in either, as long as the plan does not calibrate. The state of the
    server's optimiser is compared with the rule elsewhere (fl/replay/round_aggregation.py).

    Args:
        plan: The coordinator's.
        planned: Of the first model that the plan would begin with.
        opened: Of the models on this ledger.

    Raises:
        SettingInvalid: the plan trains other weights, or calibrates models without room for the numbers.
    """
    if SumSpec.from_dict(plan.config.training) is not None:
        return
    if network_of(planned) != network_of(opened):
        why = (
            "these options train other weights than the federation opened with; give the options with which it began, "
            "such as --preset, --width, --backbone, --train-only, --classes or --epsilon"
        )
        raise SettingInvalid("model", why)
    try:
        for config in plan.closing:
            check_room(config, opened)
    except EncodingError as error:
        why = "this federation opened with a model that has no room for a calibration; give --no-calibrate"
        raise SettingInvalid("calibrate", why) from error
