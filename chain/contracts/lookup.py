"""Questions to the contracts: are they there, whose are they, whom does a ledger succeed?

Invariant: read-only; an answer that does not fit means the node serves another chain (WrongChain).

Source: PROTOCOL.md 1: a reset chain reproduces chain id and addresses, but not the consortium's 32 bytes.
"""

from __future__ import annotations

from eth_abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import function_signature_to_4byte_selector

from chain.rpc import shapes
from chain.rpc.node import Node, NodeRefusal
from fl.protocol.errors import WrongChain
from fl.protocol.names import NO_ADDRESS, Address
from fl.protocol.ports import Anchor

MAX_PREDECESSORS = 1000


def check_deployment(node: Node, anchor: Anchor) -> None:
    """Raise WrongChain unless the anchor's contracts are on this chain and belong to its consortium."""
    for name, address in (("key authority", anchor.authority), ("ledger", anchor.contract)):
        if not node.parsed(shapes.data, node.request("eth_getCode", "0x" + address.hex(), "latest")):
            why = f"there is no {name} at 0x{address.hex()}; the chain was reset, or it is another one"
            raise WrongChain(node.settings.url, why)
    actual = ask(node, anchor.authority, "consortium", "bytes32")
    if actual != anchor.consortium:
        raise WrongChain(node.settings.url, "the key authority there belongs to another consortium")
    if ask_address(node, anchor.contract, "authority") != anchor.authority:
        raise WrongChain(node.settings.url, "the ledger there belongs to another key authority")


def ledgers_of(node: Node, newest: Address) -> list[Address]:
    """Return `newest` and all ledgers before it, newest first."""
    found = [newest]
    while len(found) < MAX_PREDECESSORS:
        previous = ask_address(node, found[-1], "predecessor")
        if previous == NO_ADDRESS:
            return found
        found.append(previous)
    raise WrongChain(node.settings.url, "the ledger has predecessors without end")


def ask(node: Node, contract: Address, function: str, kind: str) -> object:
    """Return the answer of a view without arguments; `kind` is its ABI type."""
    data = "0x" + function_signature_to_4byte_selector(f"{function}()").hex()
    try:
        answer = node.attempt("eth_call", {"to": "0x" + contract.hex(), "data": data}, "latest")
        value: object = decode([kind], node.parsed(shapes.data, answer))[0]
    except (NodeRefusal, DecodingError, ValueError) as error:
        why = f"the contract at 0x{contract.hex()} is not one of Hemaledger's"
        raise WrongChain(node.settings.url, why) from error
    return value


def ask_address(node: Node, contract: Address, function: str) -> Address:
    """Return the account that a view without arguments names."""
    return Address(bytes.fromhex(str(ask(node, contract, function, "address"))[2:]))
