"""The ledger of a server that runs for years: it follows hand-overs, and says which node it asks.

Invariant: one answer of a node takes PAGE_TIMEOUT_S at most.
"""

from __future__ import annotations

from fl.events import Notify
from fl.roles.serving.successor_ledger import SuccessorLedger
from scripts.wiring.home import Home, MemberHome
from scripts.wiring.roles import open_ledger

PAGE_TIMEOUT_S = 5.0
"""How long the site waits for one answer of the node in the background. A page waits less (circuit_breaker.py)."""


def followed(home: Home, member: MemberHome, notify: Notify) -> SuccessorLedger:
    """Return the ledger in force as a member reads it; raises as `open_ledger`.

    `notify` gets an event for each hand-over, and one when another URL of the chain is used.
    """
    return SuccessorLedger(lambda: open_ledger(home, member, PAGE_TIMEOUT_S, notify), notify)
