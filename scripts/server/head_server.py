"""A trustee's server for questions about encrypted heads, connected to the real federation."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fl.crypto.encrypted_head import ASK_CAP
from fl.crypto.sealed_query import HEAD_BYTES, KEY_BYTES, SIGNATURE_BYTES
from fl.protocol.federation import Federation
from fl.protocol.names import Role
from fl.protocol.ports import Ledger
from fl.replay.ledger_view import LedgerView
from fl.roles.trustee.head_answers import HeadDesk
from scripts.server.queries import SEALED_OVERHEAD, QueryApplication
from scripts.server.request import Bounds
from scripts.server.server import Server, raise_file_limit
from scripts.wiring.agent import announce
from scripts.wiring.home import Home
from scripts.wiring.roles import open_ports, open_safe

CAP = HEAD_BYTES + SIGNATURE_BYTES + SEALED_OVERHEAD + KEY_BYTES + ASK_CAP


class SharedView:
    """The federation as the ledger has it now, for several threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._view = LedgerView(ledger)
        self._lock = threading.Lock()

    def __call__(self) -> Federation:
        """Read what is new; raises as LedgerView.refresh."""
        with self._lock:
            return self._view.refresh()


def build_heads(home: Home, name: str, places: int) -> QueryApplication:
    """Return the server of trustee `name`; at most `places` questions wait or are answered at once."""
    member = home.member(name).as_a(Role.TRUSTEE)
    ports = open_ports(home, member, announce(name))
    desk = HeadDesk(ports, open_safe(member), SharedView(ports.ledger))
    return QueryApplication(desk, None, places, CAP)


def run_heads(app: QueryApplication, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted; `ready` gets the address as soon as the server listens."""
    bounds = Bounds(connections=raise_file_limit(Bounds.connections), body_bytes=CAP)
    server = Server(app, bounds, None, host=host, port=port)
    ready(f"http://{host}:{server.effective_port}")
    try:
        server.run()
    finally:
        server.shut()
