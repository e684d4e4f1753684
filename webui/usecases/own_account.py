"""A patient's appointments, waiting lists and account log, for the file with all data of a patient.

Source: GDPR, Art. 15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from webui.store.access_log import PAGE_ROWS, AccessLog, Sought
from webui.store.account_tables import AccessEntry
from webui.store.models import Appointment
from webui.store.waiting import Waiting

Say = Callable[[AccessEntry], Mapping[str, str]]
MOST_PAGES = 200
"""Of `PAGE_ROWS` lines of the access log."""


def happened(log: AccessLog, account_id: int, said: Say) -> Iterator[Mapping[str, object]]:
    """Yield the lines of an account in words, the newest first."""
    for page in range(MOST_PAGES):
        lines = log.lines(Sought(account_id=account_id), page)
        for each in lines[:PAGE_ROWS]:
            yield {"at": _time(each.entry.at), **said(each.entry)}
        if len(lines) <= PAGE_ROWS:
            return


def waiting_data(each: Waiting) -> dict[str, object]:
    """Return a place on a waiting list, with the time that is offered now."""
    wish, offer = each.wish, each.offer
    offered = {} if offer is None else {"offered": _time(offer.starts_at), "offered_until": _time(offer.held_until)}
    return {
        "doctor": wish.doctor.account.name,
        "first_day": wish.first_day.isoformat(),
        "last_day": wish.last_day.isoformat(),
        "part_of_day": wish.part,
        "since": _time(wish.created_at),
        **offered,
    }


def booking_data(each: Appointment) -> dict[str, object]:
    return {
        "doctor": each.doctor.account.name,
        "room": each.doctor.room,
        "starts_at": _time(each.starts_at),
        "ends_at": _time(each.ends_at),
        "state": each.state,
        "booked_at": _time(each.created_at),
        "cancelled_at": _time(each.cancelled_at),
        "cancelled_by": each.cancelled_by,
    }


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
