"""Comparisons in instrumented code, without what Atheris 3.0.0 leaks.

Invariant: Atheris sees the comparisons of numbers and text, from which it learns. It never sees a comparison that
returns an object, such as an array or a part of a query, because it would keep each such object for ever.

Source: Atheris 3.0.0, instrument_bytecode.py: `a < b` becomes `atheris._trace_cmp(a, b, operator, place, constant)`.
"""

from __future__ import annotations

import dis
import operator
from collections.abc import Callable
from typing import Any

import atheris

LEARNED_FROM = (int, float, str, bytes)
TRACE = "_trace_cmp"
_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}


def mend() -> None:
    """Replace Atheris' function for comparisons. `atheris.Fuzz` must already run."""
    trace = getattr(atheris, TRACE)

    def compare(left: object, right: object, number: int, place: int, constant: bool) -> object:
        if isinstance(left, LEARNED_FROM) and isinstance(right, LEARNED_FROM):
            return trace(left, right, number, place, constant)
        return _FUNCTIONS[dis.cmp_op[number]](left, right)

    setattr(atheris, TRACE, compare)
