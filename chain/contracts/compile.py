"""Compile the contracts with py-solc-x and write `chain/contracts/abi/`: `python -m chain.contracts.compile`.

Invariant: same compiler, same settings and same bytes as Hardhat (hardhat.config.js); a test compares the three.

Source: py-solc-x needs an executable, but npm's solc is WebAssembly; a small shim connects them.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import solcx

from chain.contracts.artifacts import CONTRACTS, Artifact
from chain.tools import node_binary
from fl.protocol.errors import ToolMissing

SETTINGS: dict[str, Any] = {
    "evmVersion": "london",  # the newest that geth's clique has, too
    "optimizer": {"enabled": True, "runs": 200},
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
    "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
}

SHIM = """
const solc = require({solc});
if (process.argv.includes("--version")) {{
  console.log("solc, the solidity compiler commandline interface\\nVersion: " + solc.version());
}} else {{
  process.stdout.write(solc.compile(require("fs").readFileSync(0, "utf8")));
}}
"""

IMPORT = re.compile(r"""^import\s+(?:[^"';]*\sfrom\s+)?["']([^"']+)["'];""", re.MULTILINE)


def compile_contracts(project: Path) -> dict[str, Artifact]:
    """Return every contract of CONTRACTS, compiled from `project`/contracts.

    Raises:
        ToolMissing: npm's solc or OpenZeppelin is not installed in `project`.
        solcx.exceptions.SolcError: the sources do not compile; the message says where.
    """
    solc = project / "node_modules" / "solc"
    if not solc.is_dir():
        raise ToolMissing("solc", f"{solc} is missing; run `make setup`")
    request = {"language": "Solidity", "sources": _sources(project), "settings": SETTINGS}
    with tempfile.TemporaryDirectory() as folder:
        output = solcx.compile_standard(request, solc_binary=_shim(Path(folder), solc))
    return {name: _artifact(name, output) for name in CONTRACTS}


def write_abi(project: Path) -> list[Path]:
    """Compile and write `chain/contracts/abi/NAME.json`; return the files written."""
    written = []
    for name, artifact in compile_contracts(project).items():
        target = project / "chain" / "contracts" / "abi" / f"{name}.json"
        target.write_text(artifact.to_json(), encoding="utf-8")
        written.append(target)
    return written


def _artifact(name: str, output: dict[str, Any]) -> Artifact:
    contract = next(found[name] for found in output["contracts"].values() if name in found)
    return Artifact(name, tuple(contract["abi"]), bytes.fromhex(contract["evm"]["bytecode"]["object"]))


def _sources(project: Path) -> dict[str, dict[str, str]]:
    """Return all sources of `contracts/` and their imports, by the name that imports use."""
    sources: dict[str, dict[str, str]] = {}
    waiting = [path.relative_to(project).as_posix() for path in sorted((project / "contracts").rglob("*.sol"))]
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        path = project / name if name.startswith("contracts/") else project / "node_modules" / name
        if not path.is_file():
            raise ToolMissing("OpenZeppelin", f"{path} is missing; run `make setup`")
        content = path.read_text(encoding="utf-8")
        sources[name] = {"content": content}
        waiting += [_resolve(name, target) for target in IMPORT.findall(content)]
    return sources


def _resolve(importer: str, target: str) -> str:
    """Return the source name of `target` in `importer`, as the compiler resolves it."""
    if not target.startswith("."):
        return target
    parts = importer.split("/")[:-1]
    for step in target.split("/"):
        if step == "..":
            parts.pop()
        elif step != ".":
            parts.append(step)
    return "/".join(parts)


def _shim(folder: Path, solc: Path) -> Path:
    """Write an executable that supports `--version` and `--standard-json` like the native compiler."""
    script = folder / "solc.cjs"
    script.write_text(SHIM.format(solc=json.dumps(str(solc.resolve()))), encoding="utf-8")
    executable = folder / "solc"
    executable.write_text(f'#!/bin/sh\nexec "{node_binary()}" "{script}" "$@"\n', encoding="utf-8")
    executable.chmod(0o700)
    return executable


if __name__ == "__main__":
    write_abi(Path(__file__).resolve().parents[2])
