"""A node or a disk that hangs, refuses, or comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fl.protocol.codec import sha256
from fl.protocol.errors import ChainUnavailable, LedgerSilent, RecordForged, VaultMissing, VaultUnavailable
from fl.protocol.names import Digest
from fl.protocol.ports import Ledger, Mark
from fl.protocol.records import Entry, Position
from fl.roles.serving.circuit_breaker import FRESH_S, PATIENCE_S, QUICK_S, CircuitBreakerLedger, CircuitBreakerVault
from fl.storage.vault import FolderVault
from tests.support.power import Switch
from tests.support.world import World

DEADLINE_S = 30.0
SOON_S = 0.05


class Hanging(Switch):
    """A ledger that answers only while its gate is open."""

    def __init__(self, inner: Ledger) -> None:
        super().__init__(inner)
        self.gate = threading.Event()
        self.gate.set()
        self.now, self.takes_s, self.asked = 100.0, 0.0, 0
        self.error: Exception | None = None

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        self.asked += 1
        assert self.gate.wait(DEADLINE_S)
        self.now += self.takes_s
        if self.error is not None:
            raise self.error
        return super().replay(after)


def spared(world: World) -> tuple[CircuitBreakerLedger, Hanging]:
    behind = Hanging(world.consortium.operator)
    return CircuitBreakerLedger(behind, lambda: behind.now, SOON_S), behind


def test_a_ledger_that_answers_is_asked_each_time(world: World) -> None:
    ledger, behind = spared(world)
    assert ledger.replay() == ledger.replay() == behind.inner.replay()
    assert behind.asked == 2
    assert (ledger.anchor, ledger.account) == (behind.anchor, behind.account)


def test_pages_wait_for_about_two_seconds() -> None:
    assert PATIENCE_S <= 2


def test_a_node_that_hangs_is_waited_for_once_by_all(world: World) -> None:
    ledger, behind = spared(world)
    behind.gate.clear()
    for _ in range(5):
        with pytest.raises(LedgerSilent):
            ledger.replay()
    with pytest.raises(LedgerSilent):
        ledger.append(behind.inner.replay()[0].record)
    assert behind.asked == 1
    behind.gate.set()


def test_a_node_that_goes_on_is_heard_at_once_and_its_late_answer_counts(world: World) -> None:
    ledger, behind = spared(world)
    behind.gate.clear()
    with pytest.raises(LedgerSilent):
        ledger.replay()
    behind.gate.set()
    assert ledger.answering.wait(DEADLINE_S)
    assert ledger.replay() == behind.inner.replay()
    assert behind.asked == 1
    assert ledger.replay() == behind.inner.replay()
    assert behind.asked == 2


def test_a_late_answer_counts_for_the_same_question_and_while_it_is_fresh(world: World) -> None:
    ledger, behind = spared(world)
    behind.gate.clear()
    with pytest.raises(LedgerSilent):
        ledger.replay()
    behind.gate.set()
    assert ledger.answering.wait(DEADLINE_S)
    last = behind.inner.replay()[-1].position
    assert ledger.replay(last) == []
    behind.now += FRESH_S + 1
    assert ledger.replay() == behind.inner.replay()
    assert behind.asked == 3


def test_a_node_that_is_slow_to_refuse_is_asked_again_in_the_background(world: World) -> None:
    ledger, behind = spared(world)
    behind.off, behind.takes_s = True, QUICK_S * 2
    with pytest.raises(ChainUnavailable):
        ledger.replay()
    with pytest.raises(ChainUnavailable):
        ledger.replay()
    behind.off = False
    assert ledger.answering.wait(DEADLINE_S), "nobody asked, and it was heard all the same"
    assert ledger.replay() == behind.inner.replay()


def test_a_node_that_refuses_at_once_is_asked_at_once(world: World) -> None:
    ledger, behind = spared(world)
    behind.off = True
    for _ in range(3):
        with pytest.raises(ChainUnavailable):
            ledger.replay()
    assert behind.asked == 3
    behind.off = False
    assert ledger.replay()


def test_what_a_silent_node_says_that_is_wrong_is_heard_by_the_next(world: World) -> None:
    ledger, behind = spared(world)
    behind.gate.clear()
    with pytest.raises(LedgerSilent):
        ledger.replay()
    behind.error = RecordForged("RoundOpened", bytes(20), "another account signed it")
    behind.gate.set()
    assert ledger.answering.wait(DEADLINE_S)
    with pytest.raises(RecordForged):
        ledger.replay()


def test_a_silence_ends_whatever_is_raised(world: World) -> None:
    ledger, behind = spared(world)
    behind.gate.clear()
    with pytest.raises(LedgerSilent):
        ledger.replay()
    behind.error = RuntimeError("a fault of this program")
    behind.gate.set()
    assert ledger.answering.wait(DEADLINE_S)
    behind.error = None
    assert ledger.replay() == behind.inner.replay()


# --- The vault -----------------------------------------------------------------------------------------------------

DATA = b"a file"
DIGEST = sha256(DATA)


class HungVault(FolderVault):
    """A vault on a mount whose server may be gone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gate = threading.Event()
        self.gate.set()

    def mark(self, digest: Digest) -> Mark | None:
        assert self.gate.wait(DEADLINE_S)
        return super().mark(digest)

    def get(self, digest: Digest, cap: int) -> bytes:
        assert self.gate.wait(DEADLINE_S)
        return super().get(digest, cap)


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[HungVault]:
    vault = HungVault(tmp_path)
    yield vault
    vault.gate.set()


def test_a_vault_that_answers_is_the_vault(hung: HungVault) -> None:
    vault = CircuitBreakerVault(hung, "there", DEADLINE_S)
    assert vault.put(DATA) == DIGEST
    assert (vault.get(DIGEST, 100), vault.has(DIGEST), vault.mark(DIGEST)) == (DATA, True, hung.mark(DIGEST))
    assert vault.checked == hung.checked
    with pytest.raises(VaultMissing):
        vault.get(sha256(b"another"), 100)


@pytest.mark.parametrize("ask", [lambda vault: vault.get(DIGEST, 100), lambda vault: vault.mark(DIGEST)])
def test_a_disk_that_hangs_holds_up_nobody(hung: HungVault, ask: Callable[[CircuitBreakerVault], object]) -> None:
    hung.put(DATA)
    vault = CircuitBreakerVault(hung, "there", SOON_S)
    hung.gate.clear()
    for _ in range(3):
        with pytest.raises(VaultUnavailable):
            ask(vault)
    late = vault._late
    assert late is not None
    hung.gate.set()
    late.result(DEADLINE_S)
    assert ask(CircuitBreakerVault(hung, "there", DEADLINE_S)) == ask(vault)
