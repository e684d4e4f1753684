"""Failed sign-ins: a line in the access log, and a mail to the owner when the site refuses further tries.

Invariant: from outside, an address without an account behaves like one with an account. One owner gets at most one such
mail a day, so that a stranger cannot fill a mailbox.

Source: OWASP ASVS 5.0, 6.3.5 and 6.3.7; OWASP Authentication Cheat Sheet.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from sqlalchemy.orm import Session

from webui.config import Limit
from webui.errors import TooManyAttempts
from webui.store.access_log import AccessLog, Line, LogEvent
from webui.store.accounts import find_account
from webui.store.database import Database
from webui.store.emails import search_key
from webui.store.throttle import Meter, Throttle
from webui.usecases.notices import Notice, Notices

ONE_A_DAY = Limit(1, 24 * 3600)
ONE_A_QUARTER = Limit(1, 15 * 60)


class FailedSignIns:
    """What follows a failed sign-in."""

    def __init__(self, database: Database, throttle: Throttle, log: AccessLog, notices: Notices) -> None:
        self._database = database
        self._throttle = throttle
        self._log = log
        self._notices = notices

    def note(self, email: str, line: Line) -> None:
        """Write a line about a failed sign-in to `email`; about a locked account also a mail, once a day.

        A locked account gets one line in a quarter of an hour: whoever goes on trying cannot fill the log.
        """
        locked = line.event is LogEvent.LOCKED
        if locked and not self._first("locked line", email, ONE_A_QUARTER):
            return
        mailed = locked and self._first("locked mail", email, ONE_A_DAY)

        def work(session: Session) -> None:
            account = find_account(session, email)
            if account is None:
                self._log.add(session, line)
                return
            self._log.add(session, replace(line, account_id=account.id, role=account.role))
            if mailed and account.disabled_at is None:
                self._notices.send(session, account.id, Notice.LOCKED)

        self._database.write(work)

    def _first(self, what: str, email: str, limit: Limit) -> bool:
        with suppress(TooManyAttempts):
            self._throttle.take(Meter(what, search_key(email), limit))
            return True
        return False
