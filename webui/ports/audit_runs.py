"""The port for full audits: the whole ledger replayed, every file checked.

Source: PROTOCOL.md 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class AuditRunner(Protocol):
    """Makes full audits; their report is then the one that `AuditService.findings` reads."""

    def run(self, tell: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
        """Make one audit and keep its report; return False if `stopped` ended it first.

        `tell(done, of)` is called after each round. `stopped` is asked at least every second.

        Raises:
            UnavailableError: chain or vault does not answer, or the audit itself did not end.
            HemaledgerError: the audit cannot be made.
        """

    def report(self, form: str) -> bytes | None:
        """Return the last report as `json` or `html`, as `hemaledger audit` writes it; None if there is none."""
