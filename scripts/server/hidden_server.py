"""A host's server for encrypted rows of tables, connected to the real federation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fl.crypto.ckks import question_cap
from fl.crypto.sealed_query import HEAD_BYTES, KEY_BYTES, SIGNATURE_BYTES
from scripts.server.queries import SEALED_OVERHEAD, QueryApplication
from scripts.server.request import Bounds
from scripts.server.server import Server
from scripts.wiring.hidden import open_desk
from scripts.wiring.home import Home

PLACES, CONNECTIONS = 2, 8
"""Questions that are computed or wait at once, and connections: a question has about ten megabytes."""


def build_hidden(home: Home, name: str, model: Path, each: int) -> tuple[QueryApplication, int]:
    """Return the server of hospital `name`, and the size of its largest question."""
    desk = open_desk(home, name, model, each)
    inputs = desk.weights.first.shape[1]
    cap = HEAD_BYTES + SIGNATURE_BYTES + SEALED_OVERHEAD + KEY_BYTES + question_cap(inputs)
    return QueryApplication(desk, None, PLACES, cap), cap


def run_hidden(built: tuple[QueryApplication, int], host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted; `ready` gets the address as soon as the server listens."""
    app, cap = built
    server = Server(app, Bounds(connections=CONNECTIONS, body_bytes=cap), None, host=host, port=port)
    ready(f"http://{host}:{server.effective_port}")
    try:
        server.run()
    finally:
        server.shut()
