"""The rules by which the next model follows from a round's totals.

Invariant: a rule is a pure function in pinned arithmetic: binary64 operations in a fixed order, without BLAS, LAPACK
or torch. The same totals give the same bytes on every machine.

Source: PROTOCOL.md 5L (rule).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fl.protocol.codec import JsonValue
from fl.training.aggregation.groups import VOTE, vote
from fl.training.aggregation.lanes import Entries
from fl.training.aggregation.newton import NewtonSettings
from fl.training.aggregation.newton_step import NewtonState, advance
from fl.training.aggregation.quantise import Vector
from fl.training.aggregation.reference import RULE as REFERENCE
from fl.training.aggregation.reference import refer
from fl.training.calibration.rule import RULE as CALIBRATE
from fl.training.calibration.rule import calibrate

Rule = Callable[[Vector, Mapping[str, Entries], int, Mapping[str, JsonValue]], Vector]
"""(previous model float32 [d], lane's name -> totals, number of hospitals, settings) -> next model float32 [d]."""


def keep(
    previous: Vector, _totals: Mapping[str, Entries], _hospitals: int, _settings: Mapping[str, JsonValue]
) -> Vector:
    """Return the previous model, bit for bit: only the totals are wanted."""
    return previous.copy()


def newton(
    previous: Vector, totals: Mapping[str, Entries], hospitals: int, settings: Mapping[str, JsonValue]
) -> Vector:
    """Return the vector after one Newton step of a logistic regression (newton.py)."""
    parsed = NewtonSettings.from_dict(settings)
    return advance(NewtonState.from_vector(previous, parsed), totals, hospitals, parsed).to_vector()


RULES: dict[str, Rule] = {"keep": keep, "newton": newton, CALIBRATE: calibrate, REFERENCE: refer, VOTE: vote}
WHOLE = (vote,)
"""These rules get and make the whole model, with the state behind the weights."""
