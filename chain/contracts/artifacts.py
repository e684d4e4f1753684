"""The compiled contracts that ship with the package, so that nobody needs a compiler to run Hemaledger.

Invariant: the files in `abi/` are byte for byte what Hardhat and py-solc-x compile from `contracts/` (a test).

Source: chain/contracts/compile.py writes the files.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

CONTRACTS = ("KeyAuthority", "FederationLedger")
EARLIER: tuple[tuple[str, str, int, str], ...] = (
    ("KeyAuthority", "1.0.0", 26418, "273b3e1511d9482020294e588707fba6802abb85b3d8c14dd62ad112d3fd2b27"),
    ("FederationLedger", "1.0.0", 18606, "4224b7fe3a1e4325efd11f6c611d6c8a41403cdf532d52e659654779708b4caa"),
    ("FederationLedger", "1.1.0", 20623, "6896734dd9e39e6c625233b06bdadbc5fed6c7bf34e7e49269813896f4a7e628"),
    ("FederationLedger", "1.2.0", 23814, "2864221e321fceac54894e8261b297e04701dd8a3ad9f375901133bc807930df"),
)
"""Contracts of earlier versions, which run on: name, version, bytes of the creation code without arguments, SHA-256."""


@dataclass(frozen=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: tuple[dict[str, Any], ...]
    bytecode: bytes
    """Creation code without constructor arguments."""

    def entry(self, kind: str, name: str) -> dict[str, Any]:
        """Return the ABI's function, event or error of that name, or raise KeyError."""
        for item in self.abi:
            if item["type"] == kind and item["name"] == name:
                return item
        raise KeyError(name)

    def to_json(self) -> str:
        """Return the committed form: sorted keys, one item per line, a newline at the end."""
        document = {"contractName": self.name, "abi": list(self.abi), "bytecode": "0x" + self.bytecode.hex()}
        return json.dumps(document, indent=1, sort_keys=True) + "\n"


def parse(text: str) -> Artifact:
    """Return the artifact in a file of `to_json` or of Hardhat."""
    document = json.loads(text)
    abi = tuple(document["abi"])
    return Artifact(document["contractName"], abi, bytes.fromhex(document["bytecode"].removeprefix("0x")))


def is_own(code: bytes) -> bool:
    """Return whether creation code, with or without arguments, is of a contract of this or an earlier version."""
    if any(code.startswith(load(name).bytecode) for name in CONTRACTS):
        return True
    return any(hashlib.sha256(code[:length]).hexdigest() == digest for _, _, length, digest in EARLIER)


@cache
def load(name: str) -> Artifact:
    """Return the committed artifact of a contract in CONTRACTS."""
    return parse((resources.files("chain.contracts") / "abi" / f"{name}.json").read_text(encoding="utf-8"))
