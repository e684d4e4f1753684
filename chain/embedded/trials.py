"""Limits the cost of a trial (eth_call, eth_estimateGas) on the embedded chain.

Invariant: only Hemaledger's own contracts get the gas of a whole transaction, because the protocol bounds their loops;
any other code gets a quarter. A loop of cheap instructions takes Hardhat about a second per million gas, and everybody
waits for it.

Source: EIP-7825 (the most gas of a transaction).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chain.authorship import created_by
from chain.contracts import artifacts
from chain.rpc.node import NodeRefusal
from chain.rpc.shapes import ADDRESS, data, quantity
from chain.transactions.signed import SignedCall
from fl.protocol.names import Address

OWN_GAS = 2**24
OTHER_GAS = 2**22
INVALID_PARAMS = -32602
MOST_PARAMS = 2
"""A transaction and a block; state overrides are refused."""


@dataclass
class Trials:
    """Knows which contracts are Hemaledger's."""

    _own: set[Address] = field(default_factory=set)

    def note(self, call: SignedCall) -> None:
        if call.to is None and artifacts.is_own(call.data):
            self._own.add(created_by(call))

    def is_own(self, contract: Address) -> bool:
        """Return whether a contract is Hemaledger's."""
        return contract in self._own

    def bounded(self, params: list[Any]) -> list[Any]:
        """Return a trial's parameters with a bounded amount of gas, or raise NodeRefusal."""
        if not params or not isinstance(params[0], dict) or len(params) > MOST_PARAMS:
            raise _refusal("the parameters are a transaction and a block")
        call = params[0]
        try:
            gas = OWN_GAS if call.get("gas") is None else quantity(call["gas"])
            most = OWN_GAS if self._reaches_own(call) else OTHER_GAS
        except ValueError as error:
            raise _refusal("a field of the transaction is malformed") from error
        return [{**call, "gas": hex(min(gas, most))}, *params[1:]]

    def _reaches_own(self, call: dict[str, Any]) -> bool:
        if call.get("to") is not None:
            return data(call["to"], ADDRESS) in self._own
        return any(artifacts.is_own(data(call[name])) for name in ("data", "input") if call.get(name) is not None)


def _refusal(message: str) -> NodeRefusal:
    return NodeRefusal({"code": INVALID_PARAMS, "message": message})
