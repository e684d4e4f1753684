"""Reads from the contracts: do they exist, to which consortium do they belong, which ledger came before?

Invariant: read-only; an unexpected answer means that the node serves another chain (WrongChain).

Source: PROTOCOL.md 1: a reset chain has the same chain id and addresses again, but not the consortium's 32 bytes.
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
            why = f"there is no {name} at 0x{address.hex()}; the chain was reset, or it is the wrong chain"
            raise WrongChain(node.settings.url, why)
    actual = ask(node, anchor.authority, "consortium", "bytes32")
    if actual != anchor.consortium:
        raise WrongChain(node.settings.url, "its key authority belongs to another consortium")
    if ask_address(node, anchor.contract, "authority") != anchor.authority:
        raise WrongChain(node.settings.url, "its ledger belongs to another key authority")


def ledgers_of(node: Node, newest: Address) -> list[Address]:
    """Return `newest` and all ledgers before it, newest first."""
    ledgers = [newest]
    while len(ledgers) < MAX_PREDECESSORS:
        previous = ask_address(node, ledgers[-1], "predecessor")
        if previous == NO_ADDRESS:
            return ledgers
        ledgers.append(previous)
    raise WrongChain(node.settings.url, f"the ledger has more than {MAX_PREDECESSORS} predecessors")


def ask(node: Node, contract: Address, function: str, kind: str) -> object:
    """Return the result of a view function without arguments; `kind` is its ABI type."""
    data = "0x" + function_signature_to_4byte_selector(f"{function}()").hex()
    try:
        answer = node.attempt("eth_call", {"to": "0x" + contract.hex(), "data": data}, "latest")
        value: object = decode([kind], node.parsed(shapes.data, answer))[0]
    except (NodeRefusal, DecodingError, ValueError) as error:
        why = f"the contract at 0x{contract.hex()} is not a Hemaledger contract"
        raise WrongChain(node.settings.url, why) from error
    return value


def ask_address(node: Node, contract: Address, function: str) -> Address:
    """Return the address that a view function without arguments names."""
    return Address(bytes.fromhex(str(ask(node, contract, function, "address"))[2:]))
