"""An answer of a node that refuses one request.

Source: JSON-RPC 2.0 (error object); providers' own words for limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from chain.rpc.shapes import data as as_bytes

RANGE_SIGNS = ("range", "results", "blocks", "response size", "eth_getlogs", "logs")
"""Words of a refusal that is about one question, not about how often it is asked."""
BUSY_SIGNS = ("rate limit", "too many requests", "request limit", "limit exceeded", "capacity", "throttl")
MESSAGE_CAP = 500


class NodeRefusal(Exception):
    """The node answered with an error object."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        code, message = error.get("code"), error.get("message")
        self.code = code if isinstance(code, int) and not isinstance(code, bool) else -32000
        self.message = message[:MESSAGE_CAP] if isinstance(message, str) else "it does not say why"
        super().__init__(self.message)
        self.data = _revert_data(error.get("data"))
        """The contract's revert data; empty if the node itself refused."""

    @property
    def busy(self) -> bool:
        """Return whether the node refused because of too many requests."""
        message = self.message.lower()
        if self.code == HTTPStatus.TOO_MANY_REQUESTS:
            return True
        return any(sign in message for sign in BUSY_SIGNS) and not any(sign in message for sign in RANGE_SIGNS)


def _revert_data(data: object) -> bytes:
    """Return the revert data from the places that Hardhat, anvil and geth use."""
    if isinstance(data, dict):
        data = data.get("data")
    try:
        return as_bytes(data)
    except ValueError:
        return b""
