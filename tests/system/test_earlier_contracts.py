"""A ledger that an earlier version deployed runs on: what it knows works, and what it does not know is left out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_abi import encode

from chain.contracts import artifacts
from chain.deploy import deploy
from chain.embedded.chain import DevChain, DevChainSettings
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import NodeSettings, connect
from chain.transactions.keystore import AccountKey
from chain.transactions.sender import Sender, TransactionSettings
from fl.crypto.hpke_keys import PrivateKey, key_record
from fl.protocol.errors import ContractRefused, LedgerOutdated
from fl.protocol.names import NO_ADDRESS, Address, Digest, Role, StatementKind
from fl.protocol.records import (
    CheckpointAnchored,
    FederationOpened,
    MemberRegistered,
    ModelGranted,
    ModelReverted,
    Record,
    StatementMade,
)

PROJECT = Path(__file__).resolve().parents[2]
VECTORS = PROJECT / "tests" / "vectors"
CODE = bytes.fromhex((VECTORS / "federation-ledger-1.0.0.hex").read_text())
FILES = {"KeyAuthority": "key-authority", "FederationLedger": "federation-ledger"}
CODES = [
    bytes.fromhex((VECTORS / f"{FILES[name]}-{version}.hex").read_text()) for name, version, *_ in artifacts.EARLIER
]
OPERATOR, COORDINATOR, ALPHA = (AccountKey(bytes([number]) * 32) for number in (7, 8, 9))
MODEL = Digest(b"\1" * 32)


LEDGERS = [version for name, version, *_ in artifacts.EARLIER if name == "FederationLedger"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerSettings]:
    """Deploy a consortium whose ledger is of version 1.0.0."""
    with DevChain(DevChainSettings(PROJECT, tmp_path_factory.mktemp("chain"), lambda: 1_800_000_000, port=0)) as chain:
        node = NodeSettings(chain.url)
        anchor = deploy(node, TransactionSettings(), OPERATOR, bytes(32))
        sender = Sender(connect(node), anchor.chain_id, OPERATOR, TransactionSettings())
        arguments = encode(["address", "address"], ["0x" + anchor.authority.hex(), "0x" + NO_ADDRESS.hex()])
        made = sender.send(None, CODE + arguments)["contractAddress"]
        yield LedgerSettings(node, replace(anchor, contract=Address(made)))


def test_the_code_of_each_earlier_contract_is_the_one_that_was_published() -> None:
    assert [(len(code), hashlib.sha256(code).hexdigest()) for code in CODES] == [each[2:] for each in artifacts.EARLIER]
    assert all(artifacts.is_own(code + bytes(64)) for code in CODES)
    assert not artifacts.is_own(CODE[:-1] + bytes([CODE[-1] ^ 1]))


def test_members_record_on_an_earlier_ledger_and_nobody_grants_there(place: LedgerSettings) -> None:
    operator = EthereumLedger(place, OPERATOR)
    for key, role, name in ((COORDINATOR, Role.COORDINATOR, "coordinator"), (ALPHA, Role.HOSPITAL, "alpha")):
        operator.append(MemberRegistered(OPERATOR.address, key.address, role, name))
        EthereumLedger(place, key).append(key_record(place.anchor, key.address, PrivateKey.generate(1)))
    coordinator = EthereumLedger(place, COORDINATOR)
    coordinator.append(FederationOpened(COORDINATOR.address, NO_ADDRESS, 0, MODEL, MODEL, MODEL))
    with pytest.raises(ContractRefused):
        coordinator.append(ModelGranted(COORDINATOR.address, ALPHA.address, 1, MODEL, MODEL))
    with pytest.raises(ContractRefused):
        EthereumLedger(place, ALPHA).append(StatementMade(ALPHA.address, 0, StatementKind.POLICY, MODEL, ""))


@pytest.mark.parametrize("version", LEDGERS)
def test_an_earlier_ledger_refuses_newer_records_and_says_what_to_do(place: LedgerSettings, version: str) -> None:
    sender = Sender(connect(place.node), place.anchor.chain_id, OPERATOR, TransactionSettings())
    code = bytes.fromhex((VECTORS / f"federation-ledger-{version}.hex").read_text())
    arguments = encode(["address", "address"], ["0x" + place.anchor.authority.hex(), "0x" + NO_ADDRESS.hex()])
    made = Address(sender.send(None, code + arguments)["contractAddress"])
    ledger = EthereumLedger(replace(place, anchor=replace(place.anchor, contract=made)), OPERATOR)
    newer: list[Record] = [
        CheckpointAnchored(OPERATOR.address, 1, MODEL),
        ModelReverted(OPERATOR.address, 0, MODEL),
        StatementMade(OPERATOR.address, 0, StatementKind.WITNESS, MODEL, "a key"),
    ]
    for record in newer:
        with pytest.raises(LedgerOutdated, match="consortium hand-over") as refusal:
            ledger.append(record)
        assert refusal.value.facts() == {"actual": version, "needed": "1.3.0"}
