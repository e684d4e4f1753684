"""Who reached for a patient's data: who, when, which data, how, and with what result, as one list.

Invariant: it has every opening by somebody else and every request, whoever made it; nothing of it is deleted
(store/kept.py). Without the ledger it says so, instead of leaving requests out in silence.

Source: EHDS (EU) 2025/327, Art. 9; store/openings.py; usecases/record_requests.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from fl.protocol.errors import UnavailableError
from fl.protocol.names import Purpose
from webui.errors import NotFound
from webui.ports.decryption_requests import RequestFacts
from webui.store.decryption_requests import RequestStore
from webui.store.models import RequestRow, StoredRecord
from webui.store.openings import How, Openings, RecordOpening
from webui.usecases.opening_days import Kind
from webui.usecases.record_requests import RecordRequests

MOST_DIGITS = 18
MOST_LINES = 5_000
"""Openings and as many requests, the newest ones; a patient who has more is told so."""
COLUMNS = ("time_utc", "who", "what", "record", "record_made_utc", "kind", "purpose", "result", "ledger_request")


class Reach(StrEnum):
    """What somebody did."""

    OPENED = "opened"
    ASKED = "asked"
    """The trustees, to open a record."""


@dataclass(frozen=True)
class Access:
    """One line."""

    at: int
    """Seconds since 1970."""
    who: str
    """A person, or the hospital that asked if this site does not know the person; empty for the patient."""
    reach: Reach
    record: StoredRecord
    kind: Kind
    how: How | None = None
    purpose: Purpose | None = None
    facts: RequestFacts | None = None
    """The ledger's; None for openings, and for requests that did not get there or cannot be looked up now."""
    opening: int | None = None
    """Number of the opening; None for requests."""
    entry_id: int | None = None
    """Of an opening: its line of the access log; None for openings from before there were proofs of lines."""

    @property
    def key(self) -> str:
        """Return the name of its proof's file, without its ending; empty where there is none."""
        if self.opening is not None:
            return f"opening-{self.opening}"
        return f"request-{self.facts.number}" if self.facts else ""

    def cells(self) -> tuple[str, ...]:
        """Return the line for programs: no language, times in UTC (COLUMNS)."""
        facts = self.facts
        result = self.how.value if self.how else facts.state.value if facts else "unknown"
        return (
            moment(self.at),
            self.who or "the patient",
            self.reach.value,
            self.record.number or "erased",
            moment(self.record.created_at),
            self.kind.value,
            self.purpose.name.lower() if self.purpose is not None else "",
            result,
            str(facts.number) if facts else "",
        )


@dataclass(frozen=True)
class AccessList:
    """The lines, the newest first."""

    lines: tuple[Access, ...]
    whole: bool
    """Whether there are no older ones."""
    ledger_answers: bool
    """If not, requests of other hospitals are missing, and results are unknown."""


@dataclass(frozen=True)
class Accesses:
    """Reads the lists."""

    openings: Openings
    store: RequestStore
    requests: RecordRequests

    def of(self, patient_id: int, most: int = MOST_LINES) -> AccessList:
        """Return the newest `most` lines about a patient's records."""
        opened = self.openings.of_patient(patient_id, 0, most + 1)
        reviews = self.openings.reviews_among({each.record_row for each in opened})
        lines = [_opening(each, reviews) for each in opened]
        asked, answers = self._asked(patient_id)
        lines = sorted([*lines, *asked], key=lambda line: line.at, reverse=True)
        return AccessList(tuple(lines[:most]), len(lines) <= most, answers)

    def line(self, patient_id: int, key: str) -> Access:
        """Return the line of a patient's list whose proof has this name, or raise NotFound.

        Raises:
            UnavailableError: a request is looked for, and the ledger does not answer.
        """
        what, _, number = key.partition("-")
        if not number.isdecimal() or len(number) > MOST_DIGITS:
            raise NotFound
        if what == "opening":
            found = self.openings.one(patient_id, int(number))
            return _opening(found, self.openings.reviews_among({found.record_row}))
        for line in self._asked_now(patient_id):
            if line.key == key:
                return line
        raise NotFound

    def _asked(self, patient_id: int) -> tuple[list[Access], bool]:
        """Return the requests, and whether the ledger answered."""
        try:
            return self._asked_now(patient_id), True
        except UnavailableError:
            return [_request(row, None, patient_id) for row in self.store.about_patient(patient_id)], False

    def _asked_now(self, patient_id: int) -> list[Access]:
        here = [(view.row, view.facts) for view in self.requests.about(patient_id)]
        elsewhere = self.requests.past_this_site(patient_id)
        others = [
            Access(facts.asked_at, facts.requester, Reach.ASKED, row, _kind(row, set()), None, facts.purpose, facts)
            for row, facts in elsewhere
        ]
        return [_request(row, facts, patient_id) for row, facts in here] + others


def moment(seconds: int) -> str:
    """Return a time in UTC as YYYY-MM-DDTHH:MM:SSZ."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _opening(each: RecordOpening, reviews: set[int]) -> Access:
    kind = _kind(each.record, reviews)
    return Access(
        each.opened_at,
        each.reader.name,
        Reach.OPENED,
        each.record,
        kind,
        How(each.how),
        opening=each.id,
        entry_id=each.entry_id,
    )


def _request(row: RequestRow, facts: RequestFacts | None, patient_id: int) -> Access:
    who = "" if row.asker_id == patient_id else row.asker.name
    kind = _kind(row.record, set())
    return Access(row.asked_at, who, Reach.ASKED, row.record, kind, None, Purpose(row.purpose), facts)


def _kind(record: StoredRecord, reviews: set[int]) -> Kind:
    return Kind.CHECK if record.about_id is None else Kind.REVIEW if record.id in reviews else Kind.NOTE
