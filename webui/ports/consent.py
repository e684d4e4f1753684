"""A patient's choice: who can open records, and for which purposes others may ask.

Invariant: a mask and a set of purposes are equivalent; the purpose release, which is for models, is never among them.

Source: PROTOCOL.md 9 (policy: readers and consent).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fl.crypto.capsule import Readers
from fl.protocol.names import Purpose

RECORD_PURPOSES = tuple(purpose for purpose in Purpose if purpose != Purpose.RELEASE)
ASKED_BY_DOCTORS = tuple(purpose for purpose in RECORD_PURPOSES if purpose != Purpose.PATIENT_WISH)


@dataclass(frozen=True)
class Choice:
    """A patient's choice."""

    readers: Readers
    consent: frozenset[Purpose]

    @property
    def locks_out(self) -> bool:
        """Return whether even the patient could never open a record that is sealed with this choice."""
        return self.readers == Readers.TRUSTEES and Purpose.PATIENT_WISH not in self.consent


def mask_of(consent: Iterable[Purpose]) -> int:
    """Return u16: bit p - 1 stands for purpose p."""
    return sum(1 << (purpose - 1) for purpose in set(consent))


def purposes_in(mask: int) -> frozenset[Purpose]:
    """Return the purposes of a mask; unknown bits are ignored."""
    return frozenset(purpose for purpose in RECORD_PURPOSES if mask >> (purpose - 1) & 1)
