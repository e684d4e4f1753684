"""The members now, from ledger and vault, for the operator and for a hospital's staff."""

from __future__ import annotations

from fl.replay.attendance import newest_records
from fl.replay.presence import ConsortiumNow, presence
from webui.ports.federation import Services


def members_now(services: Services) -> ConsortiumNow:
    """Return the members now; without a reader of signs, from the ledger alone.

    Raises:
        UnavailableError: the ledger does not answer.
    """
    history = services.audits.history()
    signs = services.presence.signs(history.federation) if services.presence else {}
    return presence(history.federation, newest_records(history.entries), signs, services.clock())
