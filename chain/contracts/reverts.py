"""Translates revert data into the protocol's errors.

Invariant: a contract's custom error and the Python error of the same name have the same fields in the same order.

Source: Solidity ABI specification (errors); fl/protocol/errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from eth_abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from chain.contracts import artifacts
from fl.protocol import errors
from fl.protocol.errors import ContractRefused, HemaledgerError

ERROR_STRING = bytes.fromhex("08c379a0")
PANIC = bytes.fromhex("4e487b71")


def leaf(data: bytes) -> HemaledgerError:
    """Return the error that revert data stands for; ContractRefused if the protocol has no such error."""
    selector, body = data[:4], data[4:]
    try:
        if selector in _LEAVES:
            kind, types = _LEAVES[selector]
            return kind(*(_value(item) for item in decode(types, body)))
        if selector == ERROR_STRING:
            return ContractRefused(decode(["string"], body)[0])
        if selector == PANIC:
            return ContractRefused(f"panic {decode(['uint256'], body)[0]:#x}")
    except (DecodingError, ValueError, OverflowError):
        pass
    return ContractRefused("0x" + data.hex() if data else "no reason given")


def _value(value: Any) -> Any:  # noqa: ANN401 - by ABI type
    return bytes.fromhex(value[2:]) if isinstance(value, str) and value.startswith("0x") else value


def _table() -> Mapping[bytes, tuple[type[HemaledgerError], list[str]]]:
    table: dict[bytes, tuple[type[HemaledgerError], list[str]]] = {}
    for name in artifacts.CONTRACTS:
        for item in artifacts.load(name).abi:
            kind = getattr(errors, item["name"], None) if item["type"] == "error" else None
            if kind is not None and len(fields(kind)) == len(item["inputs"]):
                types = [collapse_if_tuple(part) for part in item["inputs"]]
                table[function_abi_to_4byte_selector(item)] = (kind, types)  # type: ignore[arg-type]
    return MappingProxyType(table)


_LEAVES = _table()
