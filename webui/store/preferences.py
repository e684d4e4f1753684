"""How a person wants to see the pages: language, time zone, form of dates.

Invariant: an account without a choice follows the browser and the hospital.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from webui.store.account_tables import PreferenceRow
from webui.store.database import Database

DATES = ("", "day-month", "month-day", "year-month-day")
"""27 Nov 2026, Nov 27 2026, 2026-11-27; empty: as the language does."""


@dataclass(frozen=True)
class Preferences:
    """The choices of one account; an empty text is no choice."""

    language: str = ""
    zone: str = ""
    dates: str = ""

    def zone_or(self, hospital: ZoneInfo) -> ZoneInfo:
        """Return the chosen zone if this machine knows it, or else the hospital's."""
        try:
            return ZoneInfo(self.zone) if self.zone else hospital
        except (ZoneInfoNotFoundError, ValueError):
            return hospital


def preferences_in(session: Session, account_id: int) -> Preferences:
    """Return the choices of an account, in the caller's transaction."""
    row = session.get(PreferenceRow, account_id)
    return Preferences() if row is None else Preferences(row.language, row.zone, row.dates)


class PreferenceStore:
    """The choices of all accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, account_id: int) -> Preferences:
        with self._database.reading() as session:
            return preferences_in(session, account_id)

    def choose(self, account_id: int, chosen: Preferences) -> None:
        row = PreferenceRow(account_id=account_id, language=chosen.language, zone=chosen.zone, dates=chosen.dates)

        def work(session: Session) -> None:
            session.merge(row)

        self._database.write(work)
