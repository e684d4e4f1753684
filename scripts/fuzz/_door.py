"""What a door is to the fuzzer.

Invariant: a door's `knock` returns for every input that the product answers well; whatever it raises is a finding.

Source: libFuzzer, "Fuzz target" (https://llvm.org/docs/LibFuzzer.html).
Not here: the doors (doors/); where inputs come from (_child.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fl.protocol.errors import HemaledgerError


class Finding(Exception):
    """The product answered, but not as it should; the message says how."""


@dataclass(frozen=True)
class Door:
    """One door, open and ready."""

    knock: Callable[[bytes], None]
    """Hands in one input; raises whatever the product should have caught, or Finding."""
    seeds: Sequence[bytes]
    """Good inputs to begin with."""
    watched: Callable[[], Sequence[int]] = tuple
    """Names processes beside this one whose memory counts."""


def refuses_well(act: Callable[[], object]) -> None:
    """Do `act`; an error of our families is a good answer."""
    try:
        act()
    except HemaledgerError:
        return
