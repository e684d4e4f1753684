"""Exit with 0 if this container's process answers at the address in HEALTH: http://..., or tcp://HOST:PORT."""

# ruff: noqa: INP001 - a script of its own
from __future__ import annotations

import os
import socket
import sys
from http import HTTPStatus
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

TIMEOUT_S = 5.0


def healthy(address: str) -> bool:
    """Return whether something answers there."""
    parts = urlsplit(address)
    try:
        if parts.scheme == "tcp":
            socket.create_connection((parts.hostname or "", parts.port or 0), TIMEOUT_S).close()
            return True
        if parts.scheme != "http":
            return False
        with build_opener(ProxyHandler({})).open(address, timeout=TIMEOUT_S) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if healthy(os.environ.get("HEALTH", "")) else 1)
