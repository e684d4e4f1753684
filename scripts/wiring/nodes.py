"""How a member reaches the chain: its URLs, and what it pays and waits for.

Invariant: every connection of a member is made from here, so all of them know all URLs.
"""

from __future__ import annotations

from pathlib import Path

from chain.finality import FINALIZED
from chain.rpc.endpoints import Moved
from chain.rpc.lines import NodeSettings
from chain.transactions.sender import TransactionSettings
from fl.events import Event, Notify
from scripts.wiring.home import Deployment

FREE_POLL_S, PAID_POLL_S = 0.005, 0.1
"""The least pauses between two looks; slow networks are asked less often (chain/rpc/pace.py)."""


def node_of(
    deployment: Deployment,
    timeout_s: float = NodeSettings.timeout_s,
    *,
    notify: Notify | None = None,
    only: str | None = None,
) -> NodeSettings:
    """Return how to reach the chain of a deployment, which is checked for its chain id; `only` is one of its URLs."""
    return NodeSettings(
        only or deployment.url,
        chain_id=deployment.anchor.chain_id,
        timeout_s=timeout_s,
        ca=deployment.rpc_ca,
        others=() if only else deployment.more_urls,
        moved=None if notify is None else said_by(notify),
    )


def said_by(notify: Notify) -> Moved:
    """Return what says in a member's log that another URL is used."""

    def moved(left: str, why: str, now: str) -> None:
        notify(Event.NODE_CHANGED, {"left": left, "why": why, "now": now})

    return moved


def transactions_of(deployment: Deployment, confirmations: int, unfinished: Path | None = None) -> TransactionSettings:
    """Return how to pay and await transactions; `unfinished` is the folder of one account."""
    return TransactionSettings(
        free_gas=deployment.free_gas,
        confirmations=confirmations,
        poll_s=FREE_POLL_S if deployment.free_gas else PAID_POLL_S,
        max_fee=deployment.max_fee,
        tip=deployment.tip,
        unfinished=unfinished,
    )


def counts_when(confirmations: int) -> str:
    """Return for people when a record counts."""
    if confirmations == FINALIZED:
        return "when its block is finalized"
    return "at once, with its block" if confirmations == 1 else f"after {confirmations} blocks, its own included"
