"""How urgent many records are, without opening each of them for each page.

The results are encrypted, and the database knows none. A list by answer or urgency therefore needs every record that it
might show. This module opens them once, a few at a time, and keeps of each only one number of five (urgency.py).

Invariant: what is kept is in memory, for at most `KEPT_S`, under the digest of the sealed file; a record that is sealed
again or that this site can no longer open has another digest. A request that must open more than `FREE` records takes
a place at the door, and each of them counts in the person's budget, before the first is opened.

Not here: noting who saw a record. Whoever shows one notes it (patient_records.py); an order alone shows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from webui.config import Limit
from webui.store.accounts import SignedInUser
from webui.store.throttle import Meter, Throttle
from webui.usecases.admission import Admission
from webui.usecases.patient_records import PatientRecords, Shown
from webui.usecases.urgency import Urgency, urgency_of, urgency_of_risk

KEPT_S = 15 * 60
MOST_KEPT = 20_000
"""Records; one entry needs some 200 bytes."""
FREE = 8
"""A list may open so many new records without a place; most lists are known but for a few."""


@dataclass(frozen=True)
class Sealed:
    """A record that is not opened: its row, and what identifies its file."""

    row_id: int
    leaf: bytes


class Gists:
    """The urgencies of one site's records."""

    def __init__(
        self,
        records: PatientRecords,
        throttle: Throttle,
        door: Admission,
        limit: Limit,
        clock: Callable[[], int],
    ) -> None:
        """`limit` is for the records that one person's lists may open; `clock` gives seconds since 1970."""
        self._records = records
        self._throttle = throttle
        self._door = door
        self._limit = limit
        self._clock = clock
        self._known: dict[bytes, tuple[Urgency, int]] = {}
        self._lock = Lock()

    def of(self, reader: SignedInUser, records: Sequence[Sealed]) -> Mapping[int, Urgency]:
        """Return the urgency of each record, by its row.

        Raises:
            TooManyAttempts: the person's lists have opened too many records.
            SiteBusy: too many lists open records at this moment.
        """
        known = self._recall(records)
        missing = [each for each in records if each.row_id not in known]
        with self._allowed(reader, len(missing)):
            return {**known, **self._open(missing)}

    def fitting(self, reader: SignedInUser, records: Sequence[Sealed], wanted: Urgency) -> list[Shown]:
        """Return the opened records of this urgency, in the same order, without pictures; it raises as `of`.

        Each record is opened at most once: a known one that does not fit is left out, and a new one is kept if it fits.
        """
        known = self._recall(records)
        maybe = [each for each in records if known.get(each.row_id, wanted) == wanted]
        with self._allowed(reader, sum(each.row_id not in known for each in maybe)):
            opened = self._records.glance(reader, [each.row_id for each in maybe])
        self._keep(opened)
        return [each for each in opened if urgency_of_shown(each) == wanted]

    @contextmanager
    def _allowed(self, reader: SignedInUser, new: int) -> Iterator[None]:
        """Hold a place while so many new records are opened, and count them; a few need neither."""
        if new <= FREE:
            yield
            return
        with self._door.enter():
            self._throttle.take(Meter("openings", str(reader.id), self._limit, new))
            yield

    def _open(self, missing: Sequence[Sealed]) -> dict[int, Urgency]:
        opened = list(self._records.peek([each.row_id for each in missing]))
        self._keep(opened)
        return {each.row.id: urgency_of_shown(each) for each in opened}

    def _recall(self, records: Sequence[Sealed]) -> dict[int, Urgency]:
        now = self._clock()
        with self._lock:
            found = ((each.row_id, self._known.get(each.leaf)) for each in records)
            return {row_id: kept[0] for row_id, kept in found if kept is not None and kept[1] > now}

    def _keep(self, opened: Sequence[Shown]) -> None:
        """Keep the urgencies of records that are whole; forget the oldest ones."""
        now = self._clock()
        with self._lock:
            for each in opened:
                if each.state in {"open", "waiting"}:
                    self._known.pop(each.row.leaf.digest, None)
                    self._known[each.row.leaf.digest] = urgency_of_shown(each), now + KEPT_S
            old = [leaf for leaf, (_, until) in self._known.items() if until <= now]
            for leaf in [*old, *list(self._known)[: max(0, len(self._known) - len(old) - MOST_KEPT)]]:
                self._known.pop(leaf, None)


def urgency_of_shown(shown: Shown) -> Urgency:
    """Return how urgent a check or a risk is; UNKNOWN if this site cannot open it."""
    return urgency_of_risk(shown.risk.answer) if shown.risk is not None else urgency_of(shown.check)
