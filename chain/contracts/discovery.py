"""Reads a consortium's anchor from a chain, given the addresses of its two contracts.

Invariant: chain id and consortium come from the node, and the ledger must name the key authority.

Source: PROTOCOL.md 1 and 7 (an auditor starts from an RPC URL and the addresses).
"""

from __future__ import annotations

from chain.contracts.lookup import ask, check_deployment
from chain.rpc.node import NodeSettings, connect
from fl.protocol.errors import WrongChain
from fl.protocol.names import Address
from fl.protocol.ports import Anchor


def discover(settings: NodeSettings, authority: Address, contract: Address) -> Anchor:
    """Return the anchor of the contracts at these addresses.

    Raises:
        ChainUnavailable: nothing answers at the URL.
        WrongChain: there are no such contracts, or they do not belong together.
    """
    node = connect(settings)
    consortium = ask(node, authority, "consortium", "bytes32")
    if not isinstance(consortium, bytes):
        raise WrongChain(settings.url, "the key authority names no consortium")
    anchor = Anchor(consortium, node.check_chain(), authority, contract)
    check_deployment(node, anchor)
    return anchor
