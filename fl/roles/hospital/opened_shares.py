"""The shares of one round that a hospital opened and found right, so that it need not open them a second time.

Invariant: only in memory, and only for the round that runs; after a restart they are opened from their files again.
"""

from __future__ import annotations

from fl.crypto.share_delivery import SharePair
from fl.protocol.names import Address
from fl.protocol.rounds.round import Round


class OpenedShares:
    """The right shares of the newest round, by dealer."""

    def __init__(self) -> None:
        self._context = b""
        self._pairs: dict[Address, SharePair] = {}

    def keep(self, current: Round, dealer: Address, pair: SharePair) -> None:
        """Remember a dealer's shares; those of another round are forgotten."""
        if self._context != current.context:
            self._context, self._pairs = current.context, {}
        self._pairs[dealer] = pair

    def of(self, current: Round, dealer: Address) -> SharePair | None:
        """Return a dealer's shares, None if they were not opened in this process."""
        return self._pairs.get(dealer) if self._context == current.context else None
