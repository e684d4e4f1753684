"""The tasks of a running site, once a minute: follow the key, anchor new records, check the model again.

Invariant: a task that fails is logged and tried again at the next turn. It never stops the other tasks or the site.

Source: PROTOCOL.md 9, Records (at least one root a day when there are new records).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from flask import Flask

from fl.protocol.errors import FederationNotOpened, HemaledgerError, TamperedError
from webui.http.error_pages import ALARM
from webui.pages.withdrawals import settle
from webui.presentation.letters import news_letter, request_letters, superseded_letters
from webui.site import EXTENSION, Site
from webui.store.patient_notices import News
from webui.usecases.request_notices import Message, Messages

TURN_S = 60.0
LOG = logging.getLogger("hemaledger.site")


def upkeep_of(app: Flask) -> Callable[[], None]:
    """Return the function that the server calls every `TURN_S` seconds."""
    site = app.extensions[EXTENSION]

    def turn() -> None:
        with app.app_context():  # mails are written in the languages of their readers
            keep_up(site)

    return turn


def keep_up(site: Site) -> None:
    tasks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("emptying the database's log", site.database.retry_empty_log),
        ("sealing records again after a change of consent", site.patient_records.carry_on),
        ("forgetting old forms", site.handled.forget_old),
        ("sealing records to the current key", site.patient_records.follow_key),
        ("checking the model again", lambda: _look(site)),
        ("offering free times to waiting lists", site.book.waiting.turn),
        ("reminding of appointments", site.book.reminders.turn),
        ("telling people about requests", lambda: site.request_notices.keep_up(lambda: _letters(site))),
        (
            "telling people about models that are no longer in use",
            lambda: site.superseded_notices.keep_up(lambda: superseded_letters(site.config.address)),
        ),
        ("noting what became of withdrawals", lambda: settle(site)),
        ("telling patients about their data", lambda: site.patient_notices.keep_up(lambda kind: _news(site, kind))),
        ("sending mail", site.mail.keep_up),
        ("forgetting old sessions", site.sessions.forget_old),
        ("anchoring new records", lambda: site.anchoring.anchor() if site.anchoring.due() else None),
    )
    for what, task in tasks:
        try:
            task()
        except TamperedError as error:
            LOG.critical(ALARM, error.name, error)
        except HemaledgerError as error:
            LOG.warning("%s: %s: %s", what, error.name, error)
        except Exception:  # the thread must go on
            LOG.exception("%s failed", what)


def _letters(site: Site) -> Messages:
    return request_letters(f"{site.config.address}/requests/")


def _news(site: Site, kind: News) -> Message:
    return news_letter(kind, site.config.address)


def _look(site: Site) -> None:
    """Load a new model before a patient needs it, and notice a tampered one even if nobody asks."""
    with suppress(FederationNotOpened):
        site.services.predictions.model()
