"""A door, as the fuzzer uses it.

Invariant: `knock` returns for every input that the product answers correctly. Everything that it raises is a finding.

Source: libFuzzer, "Fuzz target" (https://llvm.org/docs/LibFuzzer.html).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fl.protocol.errors import HemaledgerError


class Finding(Exception):
    """The product answered incorrectly; the message says how."""


@dataclass(frozen=True)
class Door:
    """One door, ready for inputs."""

    knock: Callable[[bytes], None]
    """Gives one input to the product. Raises Finding, or the error that the product should have caught."""
    seeds: Sequence[bytes]
    """Good inputs to start with."""
    watched: Callable[[], Sequence[int]] = tuple
    """Returns other processes whose memory counts."""


def refuses_well(act: Callable[[], object]) -> None:
    """Run `act`. A HemaledgerError is a correct answer."""
    try:
        act()
    except HemaledgerError:
        return
