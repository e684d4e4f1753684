"""The browser's verifier (webui/client/verify), run in Node on many files at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fl.proofs.receipts import verify_receipt
from fl.proofs.verify import verify
from fl.protocol.errors import HemaledgerError, ProofChanged
from fl.protocol.tlog.trust import parse_trust
from tests.support.proof_world import FACTS

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "tests" / "unit" / "webui" / "client" / "verifier.js"
HOLDS = "holds"


@dataclass(frozen=True)
class File:
    """A proof or a receipt, and the trust file to check it with."""

    data: bytes
    trust: bytes
    kind: str = "proof"


def in_browser(files: Sequence[File]) -> list[str]:
    """Return for each file `holds`, or the error's name, with its step for ProofChanged."""
    tools = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ.get("PATH", "")])
    node = shutil.which("node", path=tools)
    if node is None or not (ROOT / "node_modules" / "@noble" / "curves").exists():
        pytest.skip("node or @noble/curves is not installed; run `make setup`")
    cases = [
        {"data": b64encode(each.data).decode(), "trust": b64encode(each.trust).decode(), "kind": each.kind}
        for each in files
    ]
    done = subprocess.run([node, RUNNER], input=json.dumps(cases), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def in_python(file: File) -> str:
    """Return what our own verifier says of a file, in the same words."""
    check = {"proof": verify, "receipt": verify_receipt}[file.kind]
    try:
        check(file.data, parse_trust(file.trust), FACTS)
    except ProofChanged as error:
        return f"{error.name} {error.step}"
    except HemaledgerError as error:
        return error.name
    return HOLDS
