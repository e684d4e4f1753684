"""The port to the log's checkpoints and witnesses, as far as this machine has seen them.

Source: PROTOCOL.md 8T.3.
"""

from __future__ import annotations

from typing import Protocol

from fl.proofs.cosigners import LogNow


class LogService(Protocol):
    """Says who cosigns the log."""

    def now(self) -> LogNow:
        """Return the newest checkpoint and all witnesses.

        Raises:
            UnavailableError: the ledger does not answer.
        """
