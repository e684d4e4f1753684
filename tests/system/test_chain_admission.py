"""The embedded chain takes transactions of its consortium only: a stranger writes nothing into its journal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.contracts import artifacts
from chain.contracts.events import encode_call
from chain.deploy import deploy, deploy_successor
from chain.embedded import admission
from chain.embedded.chain import DevChain, DevChainSettings
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import Node, NodeRefusal, NodeSettings
from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import TransactionSettings
from fl.crypto.hpke_keys import PrivateKey, key_record
from fl.protocol.errors import ChainUnavailable, TransactionRefused, UnknownSender
from fl.protocol.names import Address, Role
from fl.protocol.ports import Anchor
from fl.protocol.records import MemberRegistered, MemberRevoked

PROJECT = Path(__file__).resolve().parents[2]
T0 = 1_800_000_000
OPERATOR = AccountKey(b"\x05" * 32)
CODE = bytes.fromhex("6001600055")
"""Anything that is not a contract of ours."""


def ledger_settings(chain: DevChain, anchor: Anchor) -> LedgerSettings:
    return LedgerSettings(NodeSettings(chain.url), anchor)


class Town:
    """A chain with one consortium, and a way to send raw transactions."""

    def __init__(self, chain: DevChain, folder: Path) -> None:
        self.chain, self.folder, self.node = chain, folder, Node(NodeSettings(chain.url))
        self.anchor: Anchor = deploy(NodeSettings(chain.url), TransactionSettings(), OPERATOR, bytes(32))

    def ledger(self, key: AccountKey) -> EthereumLedger:
        return EthereumLedger(LedgerSettings(NodeSettings(self.chain.url), self.anchor), key)

    def send(self, key: AccountKey, to: Address | None, data: bytes, nonce: int = 0) -> None:
        fields = {"chainId": self.anchor.chain_id, "nonce": nonce, "gas": 2**24, "value": 0, "to": to or b""}
        raw, _ = key.sign({**fields, "data": data, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0})
        self.node.attempt("eth_sendRawTransaction", "0x" + raw.hex())

    @property
    def journal(self) -> int:
        return (self.folder / "journal.jsonl").stat().st_size


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("chain")
    with DevChain(DevChainSettings(PROJECT, folder, lambda: T0, port=0, consortia=1)) as chain:
        yield Town(chain, folder)


def test_a_stranger_writes_nothing_whatever_the_transaction_is(town: Town) -> None:
    stranger, before = generate(), town.journal
    record = MemberRegistered(stranger.address, stranger.address, Role.HOSPITAL, "mine")
    founding = artifacts.load("KeyAuthority").bytecode + bytes(32)
    ledger_code = artifacts.load("FederationLedger").bytecode + bytes(64)
    tries = ((None, CODE), (stranger.address, bytes(100_000)), (None, founding), (None, ledger_code))
    for to, data in (*tries, (town.anchor.authority, encode_call(record)), (town.anchor.contract, bytes(100_000))):
        with pytest.raises(NodeRefusal, match="members and the operator"):
            town.send(stranger, to, data)
    assert town.journal == before


def test_a_registered_account_sends_its_first_transaction(town: Town) -> None:
    member = generate()
    with pytest.raises(UnknownSender):
        town.ledger(member).append(key_record(town.anchor, member.address, PrivateKey.generate(1)))
    operator = town.ledger(OPERATOR)
    operator.append(MemberRegistered(OPERATOR.address, member.address, Role.HOSPITAL, "lake"))
    town.ledger(member).append(key_record(town.anchor, member.address, PrivateKey.generate(1)))
    before = town.journal
    with pytest.raises(NodeRefusal, match="no contract of a consortium"):
        town.send(member, generate().address, bytes(1000), nonce=1)
    assert town.journal == before


def test_a_members_first_transaction_may_deploy_a_successor_of_the_ledger(town: Town) -> None:
    heir, operator = generate(), town.ledger(OPERATOR)
    settings = ledger_settings(town.chain, town.anchor)
    with pytest.raises(TransactionRefused):
        deploy_successor(settings, heir)
    operator.append(MemberRegistered(OPERATOR.address, heir.address, Role.HOSPITAL, "heir"))
    assert deploy_successor(settings, heir).contract != town.anchor.contract


def test_a_revoked_member_adds_one_failed_transaction_at_most(town: Town) -> None:
    member, operator = generate(), town.ledger(OPERATOR)
    operator.append(MemberRegistered(OPERATOR.address, member.address, Role.HOSPITAL, "hill"))
    town.ledger(member).append(key_record(town.anchor, member.address, PrivateKey.generate(1)))
    operator.append(MemberRevoked(OPERATOR.address, member.address, "left"))
    town.send(member, town.anchor.contract, bytes(1000), nonce=1)
    before = town.journal
    with pytest.raises(NodeRefusal, match="members and the operator"):
        town.send(member, town.anchor.contract, bytes(1000), nonce=2)
    assert town.journal == before


def test_a_member_cannot_fill_the_journal_at_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "BURST_BYTES", 50)
    hasty = EthereumLedger(LedgerSettings(NodeSettings(town.chain.url, timeout_s=3.0), town.anchor), OPERATOR)
    with pytest.raises(ChainUnavailable, match=r"sent too much; it may go on in [0-9]+ s"):
        hasty.append(MemberRegistered(OPERATOR.address, generate().address, Role.HOSPITAL, "plenty"))


def test_after_a_restart_members_go_on_and_strangers_do_not(tmp_path: Path) -> None:
    settings = DevChainSettings(PROJECT, tmp_path, lambda: int(time.time()), port=0, consortia=1)
    with DevChain(settings) as chain:
        anchor = Town(chain, tmp_path).anchor
    with DevChain(settings) as chain:
        ledger = EthereumLedger(LedgerSettings(NodeSettings(chain.url), anchor), OPERATOR)
        ledger.append(MemberRegistered(OPERATOR.address, generate().address, Role.HOSPITAL, "lake"))
        assert deploy_successor(ledger_settings(chain, anchor), OPERATOR) != anchor
        again = deploy(NodeSettings(chain.url), TransactionSettings(), OPERATOR, bytes(32))
        assert again != anchor, "the founder may found again after an interruption"
        stranger = generate()
        with pytest.raises(TransactionRefused, match="members and the operator"):
            deploy(NodeSettings(chain.url), TransactionSettings(), stranger, bytes(32))
