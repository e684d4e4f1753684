"""Which results a doctor sees beside each appointment: the one that the booking names, and the most urgent open one.

Invariant: a newer record hides neither. Where all results have a review, the newest is beside the appointment.

Source: usecases/open_results.py (the most urgent).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from webui.store.models import Appointment


class Why(StrEnum):
    """Why a result is beside an appointment."""

    NAMED = "named"
    """The patient wants to talk about it."""
    OPEN = "open"
    """It is the most urgent one of this patient without a review."""
    NEWEST = "newest"


@dataclass(frozen=True)
class Results:
    """The results of the patients of an agenda, by row."""

    named: Mapping[int, int]
    """By appointment."""
    worst: Mapping[int, int]
    """By patient: the most urgent one without a review."""
    newest: Mapping[int, int]
    """By patient."""

    def beside(self, booking: Appointment) -> dict[int, Why]:
        """Return the rows beside an appointment, the named one first; none if the patient has none."""
        found: dict[int, Why] = {}
        if booking.id in self.named:
            found[self.named[booking.id]] = Why.NAMED
        if booking.patient_id in self.worst:
            found.setdefault(self.worst[booking.patient_id], Why.OPEN)
        elif booking.patient_id in self.newest:
            found.setdefault(self.newest[booking.patient_id], Why.NEWEST)
        return found

    def first(self, bookings: Sequence[Appointment], most: int) -> list[int]:
        """Return the rows of the first appointments, each once."""
        return list(dict.fromkeys(row_id for each in bookings for row_id in self.beside(each)))[:most]
