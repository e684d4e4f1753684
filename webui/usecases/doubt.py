"""Whether a model's answer is clear: signs of the disease, none, or not sure.

Invariant: *clear* needs both, a probability away from one half and, with a calibration, a set of one side only.

Source: GMC guidance on sharing uncertainty with patients; conformal sets (fl/training/calibration).
Not here: the words (presentation/wording.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from fl.protocol.task import Task

UNSURE_FROM = 0.35
UNSURE_TO = 0.65


def sees(task: Task, probability: float, kept: Sequence[str] | None) -> bool | None:
    """Return whether the model sees signs of the disease; None if it is not sure.

    A set of one side is not enough: with 46 % of leukemia nobody should read that there are no signs of it.
    """
    likely = None if UNSURE_FROM < probability < UNSURE_TO else probability >= UNSURE_TO
    if kept is None:
        return likely
    sides = {one.disease for one in task.classes if one.code in kept}
    return likely if sides == {likely} else None
