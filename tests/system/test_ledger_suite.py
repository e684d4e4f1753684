"""One suite for every implementation of the Ledger port: Ethereum on a real embedded chain, and the one in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from chain.contracts.lookup import ask
from chain.deploy import deploy, deploy_successor
from chain.embedded.chain import DevChain, DevChainSettings
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import NodeSettings, connect
from chain.transactions.sender import TransactionSettings
from fl.crypto.hpke_keys import verify_possession
from fl.protocol import errors
from fl.protocol.errors import DuplicateCommitment, HemaledgerError, SenderMismatch
from fl.protocol.federation import Federation, fold
from fl.protocol.names import NO_DIGEST, Address, Digest, KeyUse
from fl.protocol.ports import Anchor, Ledger
from fl.protocol.records import Entry, Record, RoundFrozen, UpdateCommitted
from tests.support.contract_vectors import (
    ADDRESSES,
    CASES,
    CONSORTIUM,
    ERRORS,
    KEYS,
    VECTORS,
    Scene,
    expected_fields,
    record_of,
    steps_of,
)
from tests.support.ledger import MemoryChain, MemoryLedger

PROJECT = Path(__file__).resolve().parents[2]
HOSPITALS = ("h1", "h2", "h3")


@dataclass
class Clock:
    """Seconds since 1970, as the test says."""

    now: float = 1_800_000_000

    def __call__(self) -> int:
        return int(self.now)


class World(Protocol):
    """A fresh consortium and its ledgers by account name."""

    clock: Clock
    anchor: Anchor

    def ledger(self, name: str, contract: Address | None = None) -> Ledger: ...

    def deploy_successor(self) -> Address: ...


@dataclass
class Ethereum:
    url: str
    clock: Clock
    anchor: Anchor = field(init=False)

    def __post_init__(self) -> None:
        self.anchor = deploy(NodeSettings(self.url), TransactionSettings(), KEYS["operator"], CONSORTIUM)

    def settings(self, contract: Address | None = None) -> LedgerSettings:
        return LedgerSettings(NodeSettings(self.url), replace(self.anchor, contract=contract or self.anchor.contract))

    def ledger(self, name: str, contract: Address | None = None) -> Ledger:
        return EthereumLedger(self.settings(contract), KEYS[name])

    def deploy_successor(self) -> Address:
        return deploy_successor(self.settings(), KEYS["operator"]).contract


@dataclass
class Memory:
    clock: Clock
    chain: MemoryChain = field(init=False)
    anchor: Anchor = field(init=False)

    def __post_init__(self) -> None:
        self.chain = MemoryChain(self.clock, ADDRESSES["operator"], CONSORTIUM)
        self.anchor = MemoryLedger(self.chain).anchor

    def ledger(self, name: str, contract: Address | None = None) -> Ledger:
        return MemoryLedger(self.chain, ADDRESSES[name], contract or self.anchor.contract)

    def deploy_successor(self) -> Address:
        return self.chain.deploy_successor()


CLOCK = Clock()


@pytest.fixture(scope="module")
def devchain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevChain]:
    with DevChain(DevChainSettings(PROJECT, tmp_path_factory.mktemp("chain"), CLOCK, port=0)) as chain:
        yield chain


@pytest.fixture(params=["ethereum", "memory"])
def world(request: pytest.FixtureRequest) -> World:
    CLOCK.now += 1_000_000
    if request.param == "memory":
        return Memory(CLOCK)
    return Ethereum(request.getfixturevalue("devchain").url, CLOCK)


class Play:
    """Plays steps of the vectors and keeps the entries that were appended."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.start = int(world.clock.now)
        self.entries: list[Entry] = []
        self._ledgers: dict[tuple[str, Address], Ledger] = {}
        self._successor: Address | None = None
        self.scene = Scene(world.anchor, self.successor, self.start, self.frozen)

    def successor(self) -> Address:
        if self._successor is None:
            self._successor = self.world.deploy_successor()
        return self._successor

    def frozen(self) -> Digest:
        """Return the digest of the newest frozen set, as the receipt of RoundFrozen says it."""
        found = [entry.record.set_digest for entry in self.entries if isinstance(entry.record, RoundFrozen)]
        return found[-1] if found else NO_DIGEST

    def ledger(self, name: str, contract: Address | None = None) -> Ledger:
        key = (name, contract or self.world.anchor.contract)
        if key not in self._ledgers:
            self._ledgers[key] = self.world.ledger(*key)
        return self._ledgers[key]

    def step(self, step: Mapping[str, Any]) -> None:
        contract = self.successor() if step.get("on") == "successor" else None
        record = record_of(step, self.scene)
        ledger = self.ledger(step["by"], contract)
        self.world.clock.now = self.start + step["at"]
        if "refused" in step:
            with pytest.raises(HemaledgerError) as refusal:
                ledger.append(record)
            seen = (refusal.value.name, list(refusal.value.facts().values()))
            assert seen == (step["refused"], expected_fields(step, self.scene)), step
            return
        entry = ledger.append(record).entry
        assert without_set(entry.record) == without_set(record)
        assert entry.timestamp == self.start + step["at"]
        self.entries.append(entry)

    def setup(self, name: str) -> None:
        for step in steps_of(
            {"setup": list(VECTORS["setups"])[: list(VECTORS["setups"]).index(name) + 1], "steps": []}
        ):
            self.step(step)


def without_set(record: Record) -> Record:
    return replace(record, set_digest=Digest(bytes(32))) if isinstance(record, RoundFrozen) else record


def folded(ledger: Ledger, anchor: Anchor) -> Federation:
    return fold(Federation(anchor, verify_possession), ledger.replay())


def check_authority(then: Mapping[str, Any], federation: Federation) -> None:
    """Check how a case of authority.json ends."""
    threshold, use = federation.threshold, KeyUse(then["keyUse"])
    newest, committee, asked = threshold.ceremony(use), threshold.in_force(use), threshold.requests
    assert ((newest.number, newest.phase) if newest else (0, 0)) == (then["last"], then["phase"])
    assert (committee.epoch if committee else 0) == then["inForce"]
    assert (len(asked), asked[-1].phase if asked else 0) == (then["requests"], then["requestPhase"])
    assert len(threshold.roots.get(ADDRESSES["h1"], ())) == then["batches"]
    assert federation.book.operator == ADDRESSES[then.get("operator", "operator")]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_vectors(case: dict[str, Any], world: World) -> None:
    if case.get("only") == "contracts" and isinstance(world, Memory):
        pytest.skip("a fold of the records cannot know this")
    play = Play(world)
    for step in steps_of(case):
        play.step(step)
    newest = play.ledger("operator", play.successor() if any("on" in step for step in case["steps"]) else None)
    assert list(newest.replay())[1:] == play.entries
    federation = folded(newest, world.anchor)
    then = case.get("then", {})
    if "inForce" in then:
        check_authority(then, federation)
    elif then:
        assert federation.model_digest == bytes.fromhex(then["model"][2:])
        assert federation.last_round == then["lastRound"]
        assert (federation.rounds[-1].phase if federation.rounds else 0) == then["phase"]
    if isinstance(world, Ethereum) and federation.openings:
        node = connect(NodeSettings(world.url))
        assert ask(node, newest.anchor.contract, "currentModel", "bytes32") in (federation.model_digest, bytes(32))


OF_BATCHES = {"BatchTooLarge"}
"""What only a transaction that records a batch meets (tests/contracts/Wide.t.sol)."""


def test_every_error_of_the_contracts_is_provoked() -> None:
    provoked = {step["refused"] for case in CASES for step in case["steps"] if "refused" in step}
    assert provoked | OF_BATCHES == set(ERRORS)
    assert all(hasattr(errors, name) for name in provoked)


def test_nobody_signs_for_another(world: World) -> None:
    with pytest.raises(SenderMismatch) as refusal:
        world.ledger("h1").append(UpdateCommitted(ADDRESSES["h2"], 1, Digest(bytes(32))))
    assert refusal.value.facts() == {"expected": ADDRESSES["h1"], "actual": ADDRESSES["h2"]}


def test_replay_gives_what_is_behind_a_position_in_order(world: World) -> None:
    play = Play(world)
    play.setup("commits")
    reader = play.ledger("operator")
    everything = reader.replay()
    assert [entry.position for entry in everything] == sorted({entry.position for entry in everything})
    for number, entry in enumerate(everything):
        assert list(reader.replay(entry.position)) == list(everything[number + 1 :])


def test_accounts_append_at_once_each_from_two_places_and_nothing_is_lost(world: World) -> None:
    play = Play(world)
    play.setup("round")
    ledgers = [world.ledger(name) for name in HOSPITALS for _ in range(2)]
    gate = threading.Barrier(len(ledgers))

    def commit(number: int) -> UpdateCommitted | None:
        record = UpdateCommitted(ledgers[number].account, 1, Digest(bytes([number]) * 32))
        gate.wait()
        try:
            ledgers[number].append(record)
        except DuplicateCommitment:
            return None
        return record

    with ThreadPoolExecutor(len(ledgers)) as pool:
        committed = [record for record in pool.map(commit, range(len(ledgers))) if record is not None]
    commitments = folded(play.ledger("operator"), world.anchor).rounds[-1].commitments
    assert commitments == {record.sender: record.digest for record in committed}
    assert len(committed) == len(HOSPITALS)


def test_wait_returns_when_a_record_arrives_and_not_before(world: World) -> None:
    play = Play(world)
    play.setup("round")
    reader = play.ledger("a1")
    last = reader.replay()[-1].position
    assert reader.wait(None, 0.0)
    assert not reader.wait(last, 0.05)
    begun = time.monotonic()
    later = threading.Timer(0.2, lambda: play.step(VECTORS["setups"]["commits"][0]))
    later.start()
    assert reader.wait(last, 10.0)
    assert 0.15 < time.monotonic() - begun < 2.0
    later.join()
    assert [type(entry.record) for entry in reader.replay(last)] == [UpdateCommitted]
