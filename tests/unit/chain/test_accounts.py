"""The recursion limit is Python's own, whatever a library does when it is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "imports",
    [
        "scripts.cli",
        "chain.transactions.keystore",
        "chain.relay, chain.transactions.eip712, chain.ledger, chain.deploy",
        "chain.embedded.chain, chain.rpc.http",
        "chain.rpc.http",
        "chain.rpc.http, web3",
        "scripts.commands.serve, webui.app",
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
        "import sys; from chain import node, wire; import chain.ledger, chain.relay; wire.connect('http://127.0.0.1:1');"
        "print('web3' in sys.modules); wire.connect('https://node.example'); print('web3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
