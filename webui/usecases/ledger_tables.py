"""The ledger as tables: rounds, records, members, keys, ceremonies, requests, answers, roots.

Invariant: a row's key is its permanent address: it follows from the ledger alone, and the ledger never changes it. A
table is computed once for each state of the ledger.

Source: fl/protocol/federation.py (the fold), PROTOCOL.md 3, 5 and 9.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from webui.ports.federation import AuditService
from webui.ports.ledger import History
from webui.usecases.committee_tables import answers_table, ceremonies_table, requests_table, roots_table
from webui.usecases.member_tables import keys_table, members_table
from webui.usecases.round_tables import records_table, rounds_table
from webui.usecases.tables import Table

TABLES = ("rounds", "records", "members", "keys", "ceremonies", "requests", "answers", "roots")


class LedgerTables:
    """The tables of one site's ledger."""

    def __init__(self, service: AuditService) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._made: dict[str, tuple[object, Table]] = {}

    def table(self, name: str) -> Table:
        """Return one of `TABLES` as the ledger is now.

        Raises:
            UnavailableError: the ledger does not answer.
        """
        history = self._service.history()
        with self._lock:
            known = self._made.get(name)
            if known is not None and known[0] == history.mark:
                return known[1]
        made = rounds_table(self._service.rounds(), history) if name == "rounds" else BUILDERS[name](history)
        with self._lock:
            self._made[name] = (history.mark, made)
        return made


BUILDERS: Mapping[str, Callable[[History], Table]] = {
    "records": records_table,
    "members": members_table,
    "keys": keys_table,
    "ceremonies": ceremonies_table,
    "requests": requests_table,
    "answers": answers_table,
    "roots": roots_table,
}
