"""Answers that were signed elsewhere, sent to a real chain."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import rlp

from chain.contracts.events import encode_call
from chain.deploy import deploy
from chain.embedded.chain import DevChain, DevChainSettings
from chain.ledger import EthereumLedger, LedgerSettings
from chain.relay import EthereumRelay, read_answer
from chain.rpc.node import NodeSettings
from chain.transactions.eip712 import AccountEndorser
from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import FREE_GAS_LIMIT, TransactionSettings
from fl.crypto.capsule import Readers, RecordPolicy
from fl.crypto.hpke_keys import PrivateKey, key_record
from fl.protocol.errors import AnswerOutdated, DuplicateStep, EncodingError, RequestClosed, UnknownSender, WrongRole
from fl.protocol.names import Address, Purpose, Refusal, Role
from fl.protocol.ports import Anchor, Ledger, Relay, TransactionTerms
from fl.protocol.records import DecryptionApproved, DecryptionRefused, KeyRegistered, MemberRegistered
from fl.replay.ledger_view import LedgerView
from tests.support.federation import ENDORSERS, Clock
from tests.support.site_committee import CommitteeWorld
from webui.ports.decryption_requests import RequestState
from webui.ports.records import SealedRecord

PROJECT = Path(__file__).resolve().parents[2]
VECTORS: list[dict[str, Any]] = json.loads((PROJECT / "tests" / "vectors" / "transactions.json").read_text())["cases"]


def anchor_of(case: dict[str, Any]) -> Anchor:
    authority = Address(bytes.fromhex(case["to"]))
    return Anchor(bytes(32), int(case["chain_id"]), authority, authority)


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_what_a_transaction_says_is_read_with_its_signer(case: dict[str, Any]) -> None:
    answer = read_answer(bytes.fromhex(case["raw"]), anchor_of(case))
    assert answer.sender == bytes.fromhex(case["account"])
    assert answer.request == int(case["request"])
    if "digest" in case:
        assert isinstance(answer, DecryptionApproved)
        assert answer.digest.hex() == case["digest"]
    else:
        assert answer == DecryptionRefused(answer.sender, answer.request, Refusal(case["reason"]))


def signed(**changes: object) -> bytes:
    """Return VECTORS[0]'s transaction with other fields, signed by its own key."""
    case = VECTORS[0]
    raw = bytes.fromhex(case["raw"])
    data = raw[raw.index(bytes.fromhex("59b57c2b")) :][:68]
    fields: dict[str, object] = {"chainId": 31337, "nonce": 0, "gas": 2**24, "value": 0, "data": data}
    fields |= {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "to": bytes.fromhex(case["to"])}
    return AccountKey(bytes.fromhex(case["key"])).sign(fields | changes)[0]


def with_access_list() -> bytes:
    """Return that transaction with an access list; whoever it now says has signed it, it is refused."""
    fields = rlp.decode(signed()[1:])
    fields[8] = [[b"\x11" * 20, []]]
    return b"\x02" + bytes(rlp.encode(fields))


DATA = bytes.fromhex("59b57c2b") + bytes(31) + b"\x07" + bytes(32)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02",
        b"\x02\xc0",
        signed()[:-1],
        signed() + b"\x00",
        b"\x01" + signed()[1:],
        signed(chainId=1),
        signed(to=bytes(20)),
        signed(value=1),
        signed(data=b""),
        signed(data=DATA + b"\x00"),
        signed(data=DATA[:-1]),
        signed(data=b"\x00" + DATA[1:]),
        signed(data=DATA[:4] + b"\x01" + DATA[5:]),
        with_access_list(),
        signed(data=DATA + bytes(5000)),
    ],
)
def test_what_is_no_plain_answer_to_this_contract_is_refused(raw: bytes) -> None:
    with pytest.raises(EncodingError):
        read_answer(raw, anchor_of(VECTORS[0]))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerSettings]:
    with DevChain(DevChainSettings(PROJECT, tmp_path_factory.mktemp("chain"), Clock())) as chain:
        operator = AccountKey(b"\x06" * 32)
        anchor = deploy(NodeSettings(chain.url), TransactionSettings(), operator, b"\x05" * 32)
        yield LedgerSettings(NodeSettings(chain.url), anchor)


@dataclass
class ChainWorld(CommitteeWorld):
    """The site's committee on a real chain."""

    settings: LedgerSettings | None = field(default=None)

    def connect(self) -> Callable[[str], Ledger]:
        assert self.settings is not None
        settings = self.settings

        def open_ledger(name: str) -> Ledger:
            key = AccountKey(b"\x06" * 32) if name == "operator" else generate()
            ENDORSERS[key.address] = AccountEndorser(key)
            return EthereumLedger(settings, key)

        return open_ledger

    def relay(self) -> Relay:
        assert self.settings is not None
        return EthereumRelay(self.settings)


@pytest.mark.slow
def test_a_record_is_asked_for_answered_and_opened_on_a_real_chain(settings: LedgerSettings, tmp_path: Path) -> None:
    world = ChainWorld(tmp_path, settings=settings)
    world.hold_key()
    policy = RecordPolicy(bytes(16), Readers.TRUSTEES, frozenset({Purpose.TREATMENT}))
    sealed = world.records.seal(policy, b"what a cell looked like")
    number = world.requests.request(sealed, Purpose.TREATMENT, world.clock.now + 7 * 24 * 3600)
    assert world.requests.approval(number, world.accounts[0])["nonce"] != 0, "the ceremony took some"
    for place, refused in ((0, None), (1, Refusal.JUDGEMENT), (2, None)):
        world.answer(number, place, refused)
    with pytest.raises(DuplicateStep):
        world.answer(number, 0)
    assert world.requests.facts([number])[number].state is RequestState.READY
    assert world.requests.open(number, sealed, sealed.leaf).body == b"what a cell looked like"
    assert world.requests.facts([number])[number].state is RequestState.FULFILLED
    with pytest.raises(RequestClosed):
        world.answer(number, 0)
    two_pages(world, sealed)
    root = world.records.anchor(1, sealed.leaf)
    assert world.records.roots() == [root]


def two_pages(world: ChainWorld, sealed: SealedRecord) -> None:
    """Of two answers that were begun at once the second is late; begun anew, it counts."""
    deadlines = (world.clock.now + 60, world.clock.now + 61)
    first, second = (world.requests.request(sealed, Purpose.TREATMENT, deadline) for deadline in deadlines)
    one, other = (world.signed(number, 0, Refusal.JUDGEMENT) for number in (first, second))
    world.requests.submit(first, world.accounts[0], one)
    with pytest.raises(AnswerOutdated, match=r"sent something else .* Reload the page and answer again"):
        world.requests.submit(second, world.accounts[0], other)
    assert world.requests.facts([second])[second].answers == ()
    world.answer(second, 0, Refusal.JUDGEMENT)


def test_a_refusal_of_the_contract_is_its_leaf(settings: LedgerSettings) -> None:
    relay, key = EthereumRelay(settings), AccountKey(b"\x06" * 32)
    terms = relay.terms(generate().address)
    assert terms == TransactionTerms(0, FREE_GAS_LIMIT, 0, 0)
    fields = {"chainId": settings.anchor.chain_id, "nonce": 0, "gas": terms.gas, "value": 0, "data": DATA}
    fields |= {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "to": settings.anchor.authority}
    stranger = generate()
    with pytest.raises(UnknownSender, match=f"0x{stranger.address.hex()}"):
        relay.send(stranger.sign(fields)[0])
    operator = EthereumLedger(settings, key)
    nonce = relay.terms(operator.account).nonce
    with pytest.raises(WrongRole, match=f"0x{operator.account.hex()}"):
        relay.send(key.sign(fields | {"nonce": nonce})[0])
    assert relay.terms(operator.account).nonce == nonce, "nothing was included"


def test_the_first_key_of_an_admitted_trustee_reaches_a_real_ledger_and_no_other_does(settings: LedgerSettings) -> None:
    relay, trustee, key = EthereumRelay(settings), generate(), PrivateKey.generate(1)
    operator, anchor = EthereumLedger(settings, AccountKey(b"\x06" * 32)), settings.anchor
    operator.append(MemberRegistered(operator.account, trustee.address, Role.TRUSTEE, "dora"))
    record = key_record(anchor, trustee.address, key)
    assert isinstance(record, KeyRegistered)
    terms = relay.key_terms(trustee.address)
    fields = {"chainId": anchor.chain_id, "nonce": terms.nonce, "gas": terms.gas, "value": 0, "to": anchor.authority}
    fields |= {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "data": encode_call(record)}
    raw = trustee.sign(fields)[0]
    with pytest.raises(EncodingError, match="another account"):
        relay.send_key(raw, replace(record, sender=operator.account))
    with pytest.raises(EncodingError, match="does not register this key"):
        relay.send_key(raw, replace(record, proof=bytes(64)))
    with pytest.raises(EncodingError, match="neither approves nor refuses"):
        relay.read(raw)
    relay.send_key(raw, record)
    member = LedgerView(operator).refresh().book.members[trustee.address]
    assert [each.public_key for each in member.keys] == [key.public_key]
