"""The recursion limit is Python's own, whatever a library does when it is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chain.transactions import keystore


@pytest.mark.parametrize(
    "imports",
    [
        "scripts.cli",
        "chain.transactions.keystore",
        "chain.relay, chain.transactions.eip712, chain.ledger, chain.deploy",
        "chain.embedded.chain, chain.rpc.http",
        "chain.rpc.http",
        "chain.rpc.http, web3",
        "scripts.server.site, webui.app",
        "scripts.demo.demo, scripts.commands.hospital, scripts.commands.coordinator, scripts.commands.trustee",
        "scripts.commands.auditor, scripts.commands.consortium",
    ],
)
def test_every_entry_has_pythons_own_limit(imports: str) -> None:
    code = f"import sys; before = sys.getrecursionlimit(); import {imports}; print(before, sys.getrecursionlimit())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1000", "1000"]


def test_an_agent_of_a_chain_on_this_machine_does_not_load_web3() -> None:
    code = (
        "import sys; from chain.rpc import node, wires; import chain.ledger, chain.relay; wires.wire_to('http://127.0.0.1:1');"
        "print('web3' in sys.modules); wires.wire_to('https://node.example'); print('web3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize(
    "call",
    [
        "accounts.create_keyfile(bytes(31) + bytes([1]), 'password', 2)",
        "keystore.load(keyfile, 'wrong')",
        "relay.read_answer(bytes([2, 0xC0]), None)",
        "signing.statement_digest(SetStatement(bytes(32), 1, bytes(20), 1, bytes(32), bytes(32), bytes(32)))",
    ],
)
def test_every_first_use_leaves_pythons_own_limit(call: str, tmp_path: Path) -> None:
    keyfile = tmp_path / "account.json"
    keystore.create(keyfile, "password", keystore.generate(), work_factor=2)
    code = f"""
import sys
from contextlib import suppress
from pathlib import Path
from chain import accounts, relay
from chain.transactions import keystore
from chain.transactions import eip712 as signing
from fl.protocol.errors import HemaledgerError
from fl.protocol.ports import SetStatement
keyfile = Path({str(keyfile)!r})
assert "eth_keyfile" not in sys.modules
assert "eth_account" not in sys.modules
with suppress(HemaledgerError):
    {call}
assert "py_ecc" in sys.modules
print(sys.getrecursionlimit())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1000"]
