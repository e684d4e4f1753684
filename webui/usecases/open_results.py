"""What is still open for a patient: doctors' reviews that are not read yet, and the worst answers without a review.

Invariant: a newer record never hides an open one. A sign of disease stays open until a doctor has reviewed it, and a
review until its patient has opened the check.

One page looks at the newest `LOOKED` open records of a patient, or `LOOKED_AT_ONCE` of many patients, by the urgency
that is kept in memory (gists.py), and opens only those that it shows. If the site may not open more records now, the
page is made without them and says so (`Standing.complete`): a list must not stop a patient's home page.

Not here: noting who saw a record (patient_records.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from webui.errors import SiteBusy, TooManyAttempts
from webui.store.accounts import SignedInUser
from webui.store.open_checks import OpenChecks
from webui.store.worklist import Listed
from webui.usecases.gists import Gists, Sealed
from webui.usecases.patient_records import PatientRecords, Shown
from webui.usecases.review_format import Review
from webui.usecases.urgency import Urgency

LOOKED = 100
"""Open records of one patient."""
LOOKED_AT_ONCE = 400
"""Open records of all patients of a doctor's list."""
MOST_SHOWN = 3
"""Of each kind: a patient needs the first things to do, not a list."""


@dataclass(frozen=True)
class OpenResult:
    """A record that is still open, without its picture."""

    shown: Shown
    review: Review | None = None
    """The newest review, if its patient has not read it yet and this site can open it."""
    reviewed: bool = False


@dataclass(frozen=True)
class Standing:
    """What is open for one patient, the first thing to do first."""

    results: tuple[OpenResult, ...]
    newest: Shown | None
    """The newest record, open or not."""
    complete: bool
    """Whether all open records were looked at."""


class OpenResults:
    """The open records of one site's patients."""

    def __init__(self, store: OpenChecks, records: PatientRecords, gists: Gists) -> None:
        self._store = store
        self._records = records
        self._gists = gists

    def of_patient(self, patient: SignedInUser, newest: int | None) -> Standing:
        """Return unread reviews, then signs of disease without a review, or else the newest *not sure*.

        Args:
            patient: Who looks.
            newest: The row of this patient's newest record, if there is one.

        Raises:
            TooManyAttempts: the lists of this person have shown too many records within a minute.
        """
        rows, more = self._store.of(patient.id, [patient.id], LOOKED)
        unread, waiting = [row for row in rows if row.reviewed], [row for row in rows if not row.reviewed]
        known = self._known(patient, waiting)
        signs = [row for row in waiting if known and known.get(row.row_id) is Urgency.HIGH]
        unsure = [row for row in waiting if known and known.get(row.row_id) is Urgency.UNSURE]
        first = [*unread[:MOST_SHOWN], *(signs[:MOST_SHOWN] or unsure[:1])]
        wanted = dict.fromkeys([*(row.row_id for row in first), *([newest] if newest is not None else [])])
        opened = {shown.row.id: shown for shown in self._records.glance(patient, list(wanted))}
        found = [(row, opened[row.row_id]) for row in first if row.row_id in opened]
        results = tuple(self._result(patient, shown, reviewed=row.reviewed) for row, shown in found)
        return Standing(results, opened.get(newest or 0), complete=known is not None and not more)

    def worst(self, doctor: SignedInUser, patient_ids: Collection[int]) -> tuple[Mapping[int, int], bool]:
        """Return the row of the most urgent check without a review of each patient; the newest of equals.

        Also return whether all of them were looked at. Only for patients in the doctor's care.
        """
        rows, more = self._store.of(doctor.id, patient_ids, LOOKED_AT_ONCE)
        waiting = [row for row in rows if not row.reviewed]
        known = self._known(doctor, waiting)
        if known is None:
            return {}, False
        found: dict[int, Listed] = {}
        for row in waiting:
            best = found.get(row.patient_id)
            if best is None or _urgency(known, row) < _urgency(known, best):
                found[row.patient_id] = row
        return {patient_id: row.row_id for patient_id, row in found.items()}, not more

    def _known(self, reader: SignedInUser, rows: Collection[Listed]) -> Mapping[int, Urgency] | None:
        """Return the urgency of each row; None if the site may not open so many records for this person now."""
        try:
            return self._gists.of(reader, [Sealed(row.row_id, row.leaf) for row in rows])
        except (SiteBusy, TooManyAttempts):
            return None

    def _result(self, patient: SignedInUser, shown: Shown, *, reviewed: bool) -> OpenResult:
        review = self._records.newest_review(patient, shown.row) if reviewed else None
        return OpenResult(shown, review, reviewed)


def _urgency(known: Mapping[int, Urgency], row: Listed) -> Urgency:
    return known.get(row.row_id, Urgency.UNKNOWN)
