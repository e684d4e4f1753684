"""Wide rounds on a real chain: eight transactions for any number of hospitals, final, and audited without findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chain.embedded.chain import DevChain, DevChainSettings
from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.events import Event
from fl.protocol.audit import Report
from fl.protocol.batches import Batch, Step, statement
from fl.protocol.codec import sha256
from fl.protocol.errors import BatchInvalid, ChainReorg, GraphReplaced, RoundBlocked, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Digest, Protection, StatementKind
from fl.protocol.ports import Ledger
from fl.protocol.records import (
    ClusterTerms,
    Entry,
    MemberRevoked,
    Position,
    Receipt,
    Record,
    SharesDealt,
    StepsAnchored,
    WideFinalised,
)
from fl.protocol.rounds.round import Phase, Round
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import Keyring, LedgerView
from fl.replay.posted_steps import Desk, OwnSteps
from fl.roles.coordinator.plan import Plan, WidePlan
from fl.roles.forwarding_ledger import ForwardingLedger
from fl.roles.graph_promise import check_graph
from fl.roles.hospital.agent import ABORT_AFTER_S, Hospital
from fl.roles.reorgs import Following, batches_of, known_to
from fl.roles.runner import Agent
from fl.storage.journal import SqliteJournal
from fl.storage.vault import FolderVault
from tests.support.federation import ENDORSERS, Clock, Consortium, Party, endorser, found, nudge, settle
from tests.support.wide import WideTown

STEP_S = 60
PROJECT = Path(__file__).resolve().parents[2]
WIDE = [
    "WideRoundOpened",
    "StepsAnchored",
    "StepsAnchored",
    "StepsAnchored",
    "StepsAnchored",
    "StepsAnchored",
    "WideProposed",
    "WideFinalised",
]


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[DevChain]:
    with DevChain(DevChainSettings(PROJECT, tmp_path_factory.mktemp("chain"), clock, port=0)) as running:
        yield running


def wide_plan(consortium: Consortium) -> Plan:
    plan = replace(consortium.plan(1), protection=Protection.MASKED, step_timeout_s=STEP_S)
    return replace(plan, min_commitments=3, wide=WidePlan(above=3, drop_out=0.25, degree=3, threshold=3))


def audited(town: WideTown, consortium: Consortium) -> Report:
    key = AuditKey(consortium.auditor.account, Keyring(consortium.auditor.keys))
    audit = Audit(town.anchor, town.vault, key, endorser())
    return audit.run(town.reader().replay(), lambda _done, _of: None)[0]


def test_a_wide_round_of_four_is_final_with_eight_transactions(chain: DevChain, clock: Clock, tmp_path: Path) -> None:
    town = WideTown(chain.url, tmp_path, now=clock)
    consortium = found(tmp_path, town.connect, hospitals=4, now=clock)
    before = len(town.sent)
    coordinator, auditor, hospitals = consortium.agents(wide_plan(consortium))
    settle(coordinator, auditor, *hospitals)
    federation = LedgerView(town.reader()).refresh()
    assert [each.phase for each in federation.rounds] == [Phase.FINAL]
    assert federation.rounds[0].wide is not None
    assert [name for name, _ in town.sent[before:] if name != "FederationOpened"] == WIDE
    report = audited(town, consortium)
    assert report.findings == []
    assert report.checks["aggregates"] == 1


def test_a_round_with_clusters_is_final_with_the_same_transactions(
    chain: DevChain, clock: Clock, tmp_path: Path
) -> None:
    town = WideTown(chain.url, tmp_path)
    consortium = found(tmp_path, town.connect, hospitals=7, now=clock)
    before = len(town.sent)
    wide = WidePlan(above=3, drop_out=0.2, degree=4, threshold=3, replayers=4, clusters=ClusterTerms(2, 3, 1))
    coordinator, auditor, hospitals = consortium.agents(replace(wide_plan(consortium), min_commitments=6, wide=wide))
    settle(coordinator, auditor, *hospitals)
    current = LedgerView(town.reader()).refresh().rounds[-1]
    assert (current.phase, current.reason, len(current.hospitals)) == (Phase.FINAL, "", 7)
    assert current.wide is not None
    assert current.wide.clusters == wide.clusters
    assert [name for name, _ in town.sent[before:] if name != "FederationOpened"] == WIDE
    assert audited(town, consortium).findings == []


@dataclass
class Round4:
    """A wide round of four hospitals whose agents act when the test says."""

    town: WideTown
    clock: Clock
    consortium: Consortium

    def agents(self) -> list[Agent]:
        coordinator, auditor, hospitals = self.consortium.agents(wide_plan(self.consortium))
        return [coordinator, auditor, *hospitals]

    def party(self, name: str) -> Party:
        return next(each for each in self.consortium.everybody() if each.name == name)

    def restarted(self, name: str) -> Hospital:
        """Return a hospital in a fresh process with the same disk."""
        party = self.party(name)
        party.ledger = self.town.connect(name)
        return Hospital(party.ports(self.consortium.vault), nudge(name))

    @property
    def federation(self) -> Federation:
        return LedgerView(self.town.reader()).refresh()

    @property
    def current(self) -> Round:
        return self.federation.rounds[-1]

    def until(self, phase: Phase, *agents: Agent) -> None:
        for _ in range(200):
            for agent in agents:
                if self.federation.rounds and self.current.phase == phase:
                    return
                agent.step()
        raise AssertionError(f"{phase.name} was never reached")


@pytest.fixture
def four(chain: DevChain, clock: Clock, tmp_path: Path) -> Round4:
    town = WideTown(chain.url, tmp_path, now=clock)
    return Round4(town, clock, found(tmp_path, town.connect, hospitals=4, now=clock))


def test_a_restarted_hospital_posts_its_step_again_and_only_once(four: Round4) -> None:
    coordinator, auditor, alpha, *others = four.agents()
    four.until(Phase.ADVERTISE, coordinator)
    alpha.step()
    again = four.restarted("alpha")
    settle(again)
    names = four.town.board.names(four.current.context, Phase.ADVERTISE)
    assert [name[:40] for name in names] == [four.party("alpha").account.hex()]
    settle(coordinator, auditor, again, *others)
    assert four.current.phase == Phase.FINAL


def test_a_hospital_leaves_a_round_whose_graph_was_replaced_also_after_a_restart(four: Round4) -> None:
    coordinator, _auditor, alpha, *others = four.agents()
    four.until(Phase.SHARE, coordinator, alpha, *others)
    settle(alpha)
    party, current = four.party("alpha"), four.current
    again = SqliteJournal(party.folder / "journal.sqlite")
    check_graph(current, again)
    with pytest.raises(GraphReplaced, match="round 1, after members had shared them"):
        check_graph(replace(current, graph_block=bytes(32)), again)


def test_a_restarted_coordinator_goes_on_with_the_steps_on_the_board(four: Round4) -> None:
    coordinator, auditor, *hospitals = four.agents()
    four.until(Phase.SHARE, coordinator, *hospitals)
    settle(*hospitals)
    four.consortium.coordinator.ledger = four.town.connect("coordinator")
    settle(four.agents()[0], auditor, *hospitals)
    assert four.current.phase == Phase.FINAL


def test_a_hospital_that_a_batch_left_out_says_so_once(four: Round4) -> None:
    coordinator, auditor, alpha, *others = four.agents()
    four.until(Phase.SHARE, coordinator, alpha, *others)
    posted_at = four.clock.now
    settle(alpha, *others)
    alphas = four.party("alpha").account
    posted = four.town.folder / "vault" / "steps" / four.current.context.hex() / f"{Phase.SHARE:d}"
    (hidden,) = posted.glob(f"{alphas.hex()}-*")
    step = hidden.read_bytes()
    hidden.unlink()
    four.clock.now += STEP_S + 1
    settle(coordinator, auditor, alpha, *others)
    assert four.current.phase == Phase.FINAL
    assert alphas not in four.current.hospitals
    said = [made for _, made in four.federation.stated(StatementKind.OMITTED)]
    text = f"share, on the board since {datetime.fromtimestamp(posted_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    assert [(each.sender, each.digest, each.text) for each in said] == [(alphas, sha256(step), text)]
    assert Event.MISSING_IN_SET in [what for what, _ in four.party("alpha").events]


def test_a_hospital_that_posted_after_the_deadline_states_no_omission(four: Round4) -> None:
    coordinator, auditor, alpha, *others = four.agents()
    four.until(Phase.SHARE, coordinator, alpha, *others)
    settle(*others)
    board, endorser_of_alpha = four.town.board, ENDORSERS[four.party("alpha").account]
    own = OwnSteps(four.party("alpha").account, Desk(board, desk_journal(four, "alpha"), endorser_of_alpha, four.clock))
    four.clock.now = four.current.step_deadline + 1
    threshold = four.current.terms.threshold
    points = bytes(33 * threshold)
    own.post(four.current, SharesDealt(four.party("alpha").account, four.current.number, points, points, NO_DIGEST))
    settle(coordinator, auditor, *others)
    settle(alpha)
    assert four.party("alpha").account not in four.current.hospitals
    assert list(four.federation.stated(StatementKind.OMITTED)) == []


def desk_journal(four: Round4, name: str) -> SqliteJournal:
    return SqliteJournal(four.town.folder / name / "steps.sqlite")


def test_the_right_step_of_a_hospital_is_found_behind_its_wrong_ones(four: Round4) -> None:
    coordinator, *_ = four.agents()
    four.until(Phase.ADVERTISE, coordinator)
    alpha, board = four.party("alpha").account, four.town.board
    settle(four.restarted("alpha"))
    (right,) = board.names(four.current.context, Phase.ADVERTISE)
    wrong = 0
    for number in range(500):
        body = number.to_bytes(2, "big") * 30
        step = Step(alpha, body, ENDORSERS[alpha].sign_step(statement(four.current, Phase.ADVERTISE, body)))
        if f"{alpha.hex()}-{step.digest.hex()}" < right and wrong < 40:
            board.post(four.current.context, Phase.ADVERTISE, alpha, step.to_bytes())
            wrong += 1
    ledger = four.party("coordinator").ledger
    assert isinstance(ledger, BatchedLedger)
    assert alpha in ledger.gather(four.current, four.federation.book).advertised
    assert wrong > 0
    assert not ledger.left_out


def test_a_step_that_another_account_signed_is_in_no_batch(four: Round4) -> None:
    coordinator, auditor, alpha, *others = four.agents()
    four.until(Phase.ADVERTISE, coordinator)
    settle(*others)
    board, victim = four.town.board, four.party("alpha").account
    body = bytes([2]) * 66
    by_beta = ENDORSERS[four.party("beta").account].sign_step(statement(four.current, Phase.ADVERTISE, body))
    forged = Step(victim, body, by_beta)
    board.post(four.current.context, Phase.ADVERTISE, victim, forged.to_bytes())
    board.post(four.current.context, Phase.ADVERTISE, victim, b"no step at all")
    coordinator.step()
    assert four.current.phase == Phase.ADVERTISE
    settle(coordinator, auditor, alpha, *others)
    assert victim in four.current.hospitals


def test_a_reader_without_the_file_of_a_batch_waits_and_goes_on_when_it_comes(four: Round4) -> None:
    coordinator, _auditor, *hospitals = four.agents()
    four.until(Phase.SHARE, coordinator, *hospitals)
    raw = four.town.chain_ledger("reader").replay()[-1].record
    assert isinstance(raw, StepsAnchored)
    path = four.town.vault.path(raw.file_digest)
    file = path.read_bytes()
    path.unlink()
    reader = four.town.reader(strict=False)
    view = LedgerView(reader)
    assert view.refresh().rounds[-1].phase == Phase.ADVERTISE
    with pytest.raises(VaultMissing):
        reader.wait(view.federation.position, 0.0)
    with pytest.raises(VaultMissing):
        four.town.reader().replay()
    path.write_bytes(file)
    assert reader.wait(view.federation.position, 0.0)
    assert view.refresh().rounds[-1].phase == Phase.SHARE


@pytest.mark.parametrize("change", ["signature", "step", "flag", "left out", "order"])
def test_a_wrong_batch_stops_the_round_and_its_abort_lets_the_next_begin(four: Round4, change: str) -> None:
    coordinator, auditor, *hospitals = four.agents()
    four.until(Phase.ADVERTISE, coordinator)
    settle(*hospitals)
    current, ledger = four.current, four.party("coordinator").ledger
    assert isinstance(ledger, BatchedLedger)
    ledger.gather(current, four.federation.book)
    record, file = spoilt(four, current, change)
    four.town.vault.put(file)
    four.town.chain_ledger("coordinator").append(record)
    with pytest.raises(BatchInvalid):
        four.town.reader().replay()
    alpha = four.restarted("alpha")
    assert not alpha.step()
    looks = CountedLooks.at(alpha)
    for _ in range(3):
        with pytest.raises(RoundBlocked):
            alpha.view.wait(0.0)
    assert looks.count == 0, "its verdict is remembered"
    four.clock.now = current.terms.close_deadline + ABORT_AFTER_S + 1
    settle(alpha)
    assert four.current.phase == Phase.ABORTED
    settle(coordinator, auditor, *hospitals)
    assert [each.phase for each in four.federation.rounds] == [Phase.ABORTED, Phase.FINAL]


@pytest.mark.parametrize("phase", [Phase.ADVERTISE, Phase.PROPOSED])
def test_a_revocation_just_before_a_batch_is_no_fault_of_the_batch(four: Round4, phase: Phase) -> None:
    coordinator, auditor, *hospitals = four.agents()
    others = [] if phase == Phase.ADVERTISE else [auditor, *hospitals]
    four.until(phase, coordinator, *others)
    settle(*hospitals, auditor)
    current, alpha = four.current, four.party("alpha").account
    ledger = four.party("coordinator").ledger
    assert isinstance(ledger, BatchedLedger)
    ledger.gather(current, four.federation.book)
    batch = ledger._writer._written(current, ())
    digest, count = batch.file_digest, batch.count
    four.consortium.operator.append(MemberRevoked(four.consortium.operator.account, alpha, "left"))
    chain = four.town.chain_ledger("coordinator")
    if phase == Phase.ADVERTISE:
        chain.append(StepsAnchored(current.opener, current.number, phase, count, count, batch.root, digest))
        assert alpha in four.current.advertised
        assert four.current.phase == Phase.SHARE
    else:
        chain.append(WideFinalised(current.opener, current.number, count, batch.root, digest, NO_DIGEST))
        assert four.current.phase == Phase.FINAL
        assert audited(four.town, four.consortium).findings == []


def test_a_coordinator_that_sees_a_revocation_makes_no_round_final(four: Round4) -> None:
    coordinator, auditor, *hospitals = four.agents()
    four.until(Phase.PROPOSED, coordinator, auditor, *hospitals)
    settle(*hospitals, auditor)
    operator = four.consortium.operator
    operator.append(MemberRevoked(operator.account, four.party("alpha").account, "left"))
    settle(coordinator)
    assert four.current.phase == Phase.ABORTED
    assert four.current.reason.startswith("RevokedMidRound")


def spoilt(four: Round4, current: Round, change: str) -> tuple[StepsAnchored, bytes]:
    """Return a wrong batch of ADVERTISE, and its file."""
    board, phase = four.town.board, Phase.ADVERTISE
    found = [board.read(current.context, phase, name) for name in board.names(current.context, phase)]
    steps = sorted((Step.from_bytes(each) for each in found if each), key=lambda each: each.account)
    going = frozenset(each.account for each in steps)
    if change == "signature":
        steps[0] = replace(steps[0], signature=steps[1].signature)
    elif change == "step":
        steps[0] = replace(steps[0], body=steps[1].body)
    elif change == "order":
        steps[0], steps[1] = steps[1], steps[0]
    batch = Batch(current.context, phase, tuple(steps), going)
    count, said, root = len(steps), len(going), batch.root
    if change == "left out":
        batch = replace(batch, steps=tuple(steps[:-1]), going=going - {steps[-1].account})
    elif change == "flag":
        batch = replace(batch, going=going - {steps[0].account})
    file = batch.to_bytes()
    return StepsAnchored(current.opener, current.number, phase, count, said, root, sha256(file)), file


class CountedLooks(FolderVault):
    """A vault that counts what is read from it."""

    count = 0

    @classmethod
    def at(cls, agent: Agent) -> CountedLooks:
        """Let an agent's ledger read from here."""
        ledger = agent.view.ledger
        assert isinstance(ledger, BatchedLedger)
        assert isinstance(ledger._reader._vault, FolderVault)
        ledger._reader._vault = made = cls(ledger._reader._vault._folder)
        return made

    def get(self, digest: Digest, cap: int) -> bytes:
        self.count += 1
        return super().get(digest, cap)


class Forgetful(ForwardingLedger):
    """A chain that lost the newest batch in a reorg, and shows it again once somebody sends it again."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.lost: Entry = ledger.replay()[-1]
        self.sent: list[Record] = []

    def append(self, record: Record) -> Receipt:
        self.sent.append(record)
        return Receipt(self.lost, 0)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        entries = super().replay(after)
        return entries if self.lost.record in self.sent else [each for each in entries if each != self.lost]


def test_a_coordinator_sends_a_batch_again_that_a_reorg_took_back(four: Round4) -> None:
    coordinator, _auditor, *hospitals = four.agents()
    four.until(Phase.SHARE, coordinator, *hospitals)
    ledger = coordinator.view.ledger
    coordinator.view.refresh()
    chain = Forgetful(four.town.chain_ledger("coordinator"))
    fresh = BatchedLedger(chain, four.town.vault, endorser())
    known, batches = known_to(coordinator.view), batches_of(ledger)
    following = Following(ChainReorg(1), known, ledger.account, lambda _seconds: False, 0.0, batches)
    assert LedgerView(fresh).refresh().rounds[-1].phase == Phase.ADVERTISE
    assert following.restore(fresh, patience_s=60)
    assert chain.sent[0] == chain.lost.record
    assert LedgerView(fresh).refresh().rounds[-1].phase == Phase.SHARE
