"""What a running site does once a minute: follow the key, anchor new records, look at the model again.

Invariant: a task that fails is told in the log and tried again at the next turn; it never stops the others or the site.

Source: PROTOCOL.md 9, Records (at least one root a day when there are new records).
Not here: the tasks themselves; the thread (scripts/server/site.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from flask import Flask

from fl.protocol.errors import FederationNotOpened, HemaledgerError, TamperedError
from webui.http.error_pages import ALARM
from webui.site import EXTENSION, Site

TURN_S = 60.0
LOG = logging.getLogger("hemaledger.site")


def upkeep_of(app: Flask) -> Callable[[], None]:
    """Return what the site of `app` should do once every `TURN_S`."""
    site = app.extensions[EXTENSION]
    return lambda: keep_up(site)


def keep_up(site: Site) -> None:
    tasks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("emptying the database's log", site.database.forget_owed),
        ("sealing by new choices", site.patient_records.carry_on),
        ("forgetting old forms", site.handled.forget_old),
        ("sealing to the key in force", site.patient_records.follow_key),
        ("looking at the model again", lambda: _look(site)),
        ("anchoring new records", lambda: site.anchoring.anchor() if site.anchoring.due() else None),
    )
    for what, task in tasks:
        try:
            task()
        except TamperedError as error:
            LOG.critical(ALARM, error.name, error)
        except HemaledgerError as error:
            LOG.warning("%s: %s: %s", what, error.name, error)
        except Exception:  # whatever it is, the thread goes on
            LOG.exception("%s failed", what)


def _look(site: Site) -> None:
    """Open a new model before somebody waits for it, and find one that must not be used though nobody asks."""
    with suppress(FederationNotOpened):
        site.services.predictions.model()
