"""The language, zone and form of dates of the person who reads a mail.

Invariant: a mail is in the language that its reader chose, whoever caused it. Without a choice it is in the language of
the page on which the reader caused it, and in the first language of the site where somebody else did.

Source: Flask-Babel (`force_locale`; outside an application it changes nothing, and texts are English).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from flask_babel import force_locale
from sqlalchemy.orm import Session

from webui.store.accounts import find_account
from webui.store.preferences import Preferences, preferences_in

FIRST = "en"


@contextmanager
def writing_to(session: Session, account_id: int, *, own: bool = False) -> Iterator[Preferences]:
    """Make texts in the language of an account; `own` says that its person caused the mail on this page."""
    chosen = preferences_in(session, account_id)
    wanted = chosen.language or ("" if own else FIRST)
    with force_locale(wanted) if wanted else nullcontext():
        yield chosen


@contextmanager
def writing_to_address(session: Session, email: str) -> Iterator[Preferences]:
    """Make texts in the language of the account with this address."""
    account = find_account(session, email)
    with writing_to(session, account.id if account is not None else 0) as chosen:
        yield chosen
