"""Proofs from the bytes of real blocks, and of steps inside the batches of a real wide round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.contracts.events import encode_call
from chain.deploy import deploy
from chain.embedded.chain import DevChain, DevChainSettings
from chain.embedded.intervals import IntervalChain, Network, interval_chain
from chain.ledger import EthereumLedger, LedgerSettings
from chain.proofs.facts import OfflineFacts, _log
from chain.proofs.headers import parse_header
from chain.proofs.source import NodeSource
from chain.proofs.trie import value_at
from chain.rpc.node import NodeSettings, connect
from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import TransactionSettings
from fl.crypto.note_keys import NoteKey
from fl.proofs.finding import Records
from fl.proofs.log_view import LogView
from fl.proofs.make import Maker
from fl.proofs.verify import verify
from fl.protocol.names import Address, Protection, Role
from fl.protocol.records import MemberRegistered, ModelAttested, UpdateCommitted
from fl.protocol.tlog.checkpoint import log_key
from fl.protocol.tlog.notes import Note, sign_log
from fl.protocol.tlog.policy import Policy
from fl.protocol.tlog.trust import Trust
from fl.replay.ledger_view import LedgerView
from fl.roles.coordinator.plan import WidePlan
from tests.support.federation import Clock, found, settle
from tests.support.wide import WideTown

PROJECT = Path(__file__).resolve().parents[2]
KEY = AccountKey(b"\x07" * 32)
COUNTS = (1, 2, 16, 17, 20, 130)
"""Transactions of a block: the tries get a branch, an extension and keys of two bytes."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IntervalChain, LedgerSettings]]:
    with interval_chain(PROJECT, tmp_path_factory.mktemp("chain"), Network(3600.0, founding=True)) as (chain, url):
        node = NodeSettings(url)
        yield chain, LedgerSettings(node, deploy(node, TransactionSettings(), KEY, bytes(32)))


def test_every_event_of_a_block_is_under_its_header(network: tuple[IntervalChain, LedgerSettings]) -> None:
    chain, settings = network
    chain.start()
    node, anchor = connect(settings.node), settings.anchor
    source, nonce = NodeSource(node, anchor), node.number("eth_getTransactionCount", "0x" + KEY.address.hex(), "latest")
    for count in COUNTS:
        for _ in range(count):
            account = generate().address
            data = encode_call(MemberRegistered(KEY.address, account, Role.HOSPITAL, account.hex()))
            fees = {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "gas": 200_000, "value": 0}
            raw, _ = KEY.sign(
                {"chainId": anchor.chain_id, "nonce": nonce, "to": anchor.authority, "data": data, **fees}
            )
            node.request("eth_sendRawTransaction", "0x" + raw.hex())
            nonce += 1
        chain.mine()
    entries = [each for each in EthereumLedger(settings).replay() if isinstance(each.record, MemberRegistered)]
    assert len(entries) == sum(COUNTS)
    for entry in [*entries[: sum(COUNTS[:-1])], *entries[-2:]]:
        binding, event = source.binding(entry), source.event(entry)
        header = parse_header(binding.header, "none")
        assert (header.hash, header.number, header.time) == (entry.block_hash, entry.position.block, entry.timestamp)
        receipt = value_at(header.receipts_root, binding.transaction_index, binding.receipts)
        assert _log(receipt, binding.event) == (event.contract, list(event.topics), event.data)
        raw = value_at(header.transactions_root, binding.transaction_index, binding.transactions)
        assert raw == source.transaction(entry)
        OfflineFacts().check_author(event, entry.record, raw)


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


def test_a_step_of_a_wide_round_is_proven_inside_its_batch(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, clock: Clock
) -> None:
    with DevChain(DevChainSettings(PROJECT, tmp_path_factory.mktemp("wide"), clock, port=0)) as chain:
        town = WideTown(chain.url, tmp_path, now=clock)
        consortium = found(tmp_path, town.connect, hospitals=4, now=clock)
        plan = replace(consortium.plan(1), protection=Protection.MASKED, step_timeout_s=60, min_commitments=3)
        plan = replace(plan, wide=WidePlan(above=3, drop_out=0.25, degree=3, threshold=3))
        coordinator, auditor, hospitals = consortium.agents(plan)
        settle(coordinator, auditor, *hospitals)
        federation = LedgerView(town.reader()).refresh()
        view = LogView(town.chain_ledger("reader"))
        view.refresh()
        maker = maker_of(town, view, (consortium.coordinator.account,))
        records = Records(view.entries, federation, town.vault)
        for member, kind in (
            (consortium.hospitals[1].account, UpdateCommitted),
            (consortium.auditor.account, ModelAttested),
        ):
            sought = records.update(1, member) if kind is UpdateCommitted else records.report(1, member)
            proven = verify(maker.proof_of(sought.entry, sought.inner), maker.trust, OfflineFacts())
            assert isinstance(proven.step, kind)
            assert (proven.step.sender, proven.step.round) == (member, 1)
        model = records.model(1)
        proven = verify(maker.proof_of(model.entry), maker.trust, OfflineFacts())
        assert getattr(proven.record, "model_digest", None) == federation.model_digest


def maker_of(town: WideTown, view: LogView, keepers: tuple[Address, ...]) -> Maker:
    """Return what makes proofs under a checkpoint of the whole log, which the log alone signed."""
    anchor, private = town.anchor, NoteKey.generate()
    key = log_key(anchor.consortium, private.public)
    trust = Trust(
        anchor.consortium,
        anchor.chain_id,
        anchor.authority,
        (anchor.contract,),
        Policy((key,), {}, {}, "none"),
        keepers,
        (),
        0,
    )
    text = view.checkpoint().text()
    source = NodeSource(connect(NodeSettings(town.url)), anchor)
    return Maker(view, source, OfflineFacts(), trust, Note(text, (sign_log(key, private.sign, text),)))
