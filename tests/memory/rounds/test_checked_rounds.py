"""Rounds whose updates are checked under their masks: who lies is named, who does not never is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from fl.crypto.pair_sketches import PairSketch
from fl.events import Event
from fl.protocol.errors import ChainUnavailable, SettingInvalid
from fl.protocol.names import Address, Blob, Digest, StatementKind
from fl.protocol.ports import Mark, Vault
from fl.protocol.records import Receipt, Record, SharesRevealed, StatementMade
from fl.protocol.rounds.config import Check
from fl.protocol.rounds.round import Phase
from fl.replay.round_documents import read_config
from fl.replay.round_sketches import map_of
from fl.replay.round_work import checked_work
from fl.roles.forwarding_ledger import ForwardingLedger
from fl.roles.hospital import checked_rounds, masked_update
from fl.roles.runner import Agent
from fl.training.aggregation.quantise import Words
from scripts.wiring.lifting import lift_hospital
from tests.support.checked_world import TYPICAL, Lie, Ten, lying, moved, update
from tests.support.federation import memory_folder
from tests.support.masked_world import STEP_S, rest, step
from tests.support.world import audit


@pytest.fixture
def ten(tmp_path: Path) -> Iterator[Ten]:
    with memory_folder(tmp_path) as folder:
        yield Ten(folder)


@pytest.fixture
def unbound(monkeypatch: pytest.MonkeyPatch) -> dict[int, Words]:
    """Let hospitals send updates of any length; return what they quantise, by its first word."""
    honest, sent = checked_work, dict[int, Words]()

    def work(current, config, manifest):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        made = honest(current, replace(config, l2_bound=1e6), manifest)
        encode = made.encode

        def kept(previous, learned):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
            words = encode(previous, learned)
            sent[learned[1].samples] = words.copy()
            return words

        object.__setattr__(made, "encode", kept)
        return made

    monkeypatch.setattr(masked_update, "checked_work", work)
    return sent


def test_honest_rounds_are_final_and_their_bound_follows_from_the_round_before(ten: Ten) -> None:
    rest(ten.boss(2), ten.auditor(), *ten.crowd())
    assert ten.phases() == ["FINAL", "FINAL"]
    assert (ten.named(), ten.unclear(), ten.verdict().absent) == ({}, {}, ())
    assert 0.7 * TYPICAL < ten.verdict(1).usual <= 1.25 * TYPICAL
    bounds = [read_config(each, ten.consortium.vault).l2_bound for each in ten.federation.rounds]
    assert bounds == [1.25 * TYPICAL, min(1.25 * TYPICAL, 1.25 * ten.verdict(1).usual)]
    report = audit(ten)
    assert (report.findings, report.checks["verdicts"]) == ([], 2)


@dataclass
class Counting:
    """A vault that counts how often each file is read."""

    inner: Vault
    reads: Counter[Digest] = field(default_factory=Counter)

    @property
    def checked(self) -> bool:
        return self.inner.checked

    def put(self, data: Blob) -> Digest:
        return self.inner.put(data)

    def get(self, digest: Digest, cap: int) -> bytes:
        self.reads[digest] += 1
        return self.inner.get(digest, cap)

    def has(self, digest: Digest) -> bool:
        return self.inner.has(digest)

    def mark(self, digest: Digest) -> Mark | None:
        return self.inner.mark(digest)


def test_an_auditor_opens_each_masked_file_once_for_its_verdict_and_for_the_sum(ten: Ten) -> None:
    auditor = ten.auditor()
    auditor._reader._vault = vault = Counting(auditor._reader._vault)
    rest(ten.boss(), auditor, *ten.crowd())
    assert ten.phases() == ["FINAL"]
    assert {vault.reads[each] for each in ten.current.commitments.values()} == {1}


@pytest.mark.usefixtures("unbound")
def test_scaling_a_long_flip_and_noise_are_named_and_left_out_until_the_auditor_lifts_it(ten: Ten) -> None:
    trains = {
        "beta": update("beta", 0, times=10),
        "delta": update("delta", 0, times=-3),
        "hospital-7": update("hospital-7", 0, noise=10),
    }
    boss, auditor, crowd = ten.boss(), ten.auditor(), ten.crowd(trains=trains)
    rest(boss, auditor, *crowd)
    assert ten.phases() == ["ABORTED", "FINAL"]
    assert ten.named(1) == dict.fromkeys(trains, "UpdateTooLong")
    assert ten.unclear(1) == ten.named(2) == ten.unclear(2) == {}
    assert set(ten.roster()) == {party.name for party in ten.consortium.hospitals} - set(trains)
    assert any("beta: its update is longer" in reason for reason in ten.refusals("alpha"))
    assert audit(ten).findings == []

    ledger, party = ten.consortium.auditor.ledger, ten.party("delta")
    lift_hospital(ledger, ten.consortium.vault, 1, "delta")
    for name in ("delta", "alpha"):
        with pytest.raises(SettingInvalid):
            lift_hospital(ledger, ten.consortium.vault, 1, name)
    honest = [each for each in crowd if each.view.ledger.account != party.account]
    rest(ten.boss(2), auditor, *honest, ten.hospital_of(party, update("delta", 0)))
    assert ten.phases()[-1] == "FINAL"
    assert "delta" in ten.roster()
    assert "beta" not in ten.roster()
    assert audit(ten).findings == []


@pytest.mark.usefixtures("unbound")
def test_a_sum_that_is_too_long_by_itself_is_explained_after_the_abort(ten: Ten) -> None:
    boss, auditor = ten.boss(), ten.auditor()
    rest(boss, auditor, *ten.crowd(trains={"gamma": update("gamma", 0, times=60)}))
    assert ten.phases() == ["ABORTED", "FINAL"]
    assert ten.federation.rounds[0].proposal is None
    assert ten.named(1) == {"gamma": "UpdateTooLong"}
    assert "gamma" not in ten.roster()


def test_a_flip_of_its_own_length_is_not_named(ten: Ten) -> None:
    """What the check does not promise: see docs/poisoning.md."""
    rest(ten.boss(), ten.auditor(), *ten.crowd(trains={"gamma": update("gamma", 0, times=-1)}))
    assert ten.phases() == ["FINAL"]
    assert ten.named() == {}


def test_a_flip_of_its_own_length_is_named_after_some_rounds_if_directions_count(ten: Ten) -> None:
    trains = {party.name: update(party.name, 0, common=0.7) for party in ten.consortium.hospitals}
    trains["gamma"] = update("gamma", 0, times=-1, common=0.7)
    counts = Check(1, 64, direction=4)
    boss, auditor, crowd = ten.boss(6, counts), ten.auditor(), ten.crowd(trains=trains)
    rest(boss, auditor, *crowd)
    assert ten.phases() == ["FINAL"] * 3 + ["ABORTED"] + ["FINAL"] * 3
    assert [ten.named(number) for number in range(1, 8)] == [{}] * 3 + [{"gamma": "UpdateAgainstOthers"}] + [{}] * 3
    assert all(len(ten.verdict(number).directions) == 10 for number in range(1, 5))
    assert "gamma" not in ten.roster()
    report = audit(ten)
    assert (report.findings, report.checks["verdicts"]) == ([], 7)

    ledger, honest = ten.consortium.auditor.ledger, ten.verdict(4)
    vault, beta = ten.consortium.vault, ten.account_of("beta")
    for false in (
        replace(honest, directions={**honest.directions, beta: -1024}),
        replace(honest, named={beta: "UpdateAgainstOthers"}),
    ):
        ledger.append(StatementMade(ledger.account, 4, StatementKind.CHECKED, vault.put(false.to_bytes()), ""))
        assert "SketchVerdictWrong" in [each.name for each in audit(ten).findings]


def test_honest_updates_without_anything_in_common_are_not_against_each_other(ten: Ten) -> None:
    rest(ten.boss(6, Check(1, 64, direction=4)), ten.auditor(), *ten.crowd())
    assert ten.phases() == ["FINAL"] * 6
    assert audit(ten).findings == []


def shifting(ten: Ten, sent: dict[int, Words], liar: str, partner: str) -> Lie:
    """Return the lie that 9 tenths of a hospital's own update are its partner's; either of the two can tell it."""
    one, other = ten.account_of(liar), ten.account_of(partner)

    def lie(pairs: dict[Address, PairSketch]) -> dict[Address, PairSketch]:
        current, about = ten.current, other if other in pairs else one
        if about not in pairs:
            return pairs
        mapping = map_of(current, read_config(current, ten.consortium.vault))
        words = (sent[100 + len(liar)].astype(np.int64) * 9 // 10).astype(np.int32)
        words[-4:] = 0
        (much,) = mapping.of([words.view(np.uint32)])
        later = current.index_of(other) > current.index_of(one)
        return moved(about, much if later else -much)(pairs)

    return lie


def test_who_lies_about_one_mask_is_named_by_the_opening(
    ten: Ten, unbound: dict[int, Words], monkeypatch: pytest.MonkeyPatch
) -> None:
    lies = {ten.account_of("hospital-10"): shifting(ten, unbound, "hospital-10", "beta")}
    monkeypatch.setattr(checked_rounds, "own_sketches", lying(lies))
    rest(ten.boss(), ten.auditor(), *ten.crowd(trains={"hospital-10": update("hospital-10", 0, times=10)}))
    assert ten.phases() == ["ABORTED", "FINAL"]
    assert ten.named(1) == {"hospital-10": "SketchFalse"}
    assert ten.unclear(1) == {}
    opened = [made.sender for _, made in ten.federation.stated(StatementKind.OPENED)]
    assert set(opened) == {ten.account_of("beta"), ten.account_of("hospital-10")}
    assert Event.MASK_OPENED in ten.events("beta")
    assert audit(ten).findings == []


def test_nobody_opens_so_both_are_unclear_until_somebody_does(
    ten: Ten, unbound: dict[int, Words], monkeypatch: pytest.MonkeyPatch
) -> None:
    lies = {ten.account_of("hospital-10"): shifting(ten, unbound, "hospital-10", "beta")}
    monkeypatch.setattr(checked_rounds, "own_sketches", lying(lies))
    honest = checked_rounds.CheckedRounds.step
    monkeypatch.setattr(checked_rounds.CheckedRounds, "step", lambda *_: False)
    boss, auditor = ten.boss(), ten.auditor()
    crowd = ten.crowd(trains={"hospital-10": update("hospital-10", 0, times=10)})
    rest(boss, auditor, *crowd)
    assert ten.phases() == ["PROPOSED"]
    ten.clock.now += STEP_S + 1
    step(auditor)
    assert ten.named() == {}
    assert ten.unclear() == {"beta": "SketchDisputed", "hospital-10": "SketchDisputed"}
    monkeypatch.setattr(checked_rounds.CheckedRounds, "step", honest)
    while ten.phases() == ["PROPOSED"]:
        step(boss)
    (beta,) = (each for each in crowd if each.view.ledger.account == ten.account_of("beta"))
    rest(beta)
    rest(auditor)
    assert (ten.named(1), ten.unclear(1)) == ({"hospital-10": "SketchFalse"}, {})
    rest(boss, auditor, *crowd)
    assert ten.phases() == ["ABORTED", "FINAL"]
    assert set(ten.roster()) == {party.name for party in ten.consortium.hospitals} - {"hospital-10"}
    assert audit(ten).findings == []


def test_two_colluders_move_length_among_themselves_alone(
    ten: Ten, unbound: dict[int, Words], monkeypatch: pytest.MonkeyPatch
) -> None:
    lie = shifting(ten, unbound, "hospital-10", "beta")
    liars = dict.fromkeys((ten.account_of("hospital-10"), ten.account_of("beta")), lie)
    monkeypatch.setattr(checked_rounds, "own_sketches", lying(liars))
    rest(ten.boss(), ten.auditor(), *ten.crowd(trains={"hospital-10": update("hospital-10", 0, times=10)}))
    assert ten.phases()[0] == "ABORTED"
    assert set(ten.named(1)) <= {"beta", "hospital-10"}
    assert ten.named(1)["beta"] == "UpdateTooLong"
    assert ten.unclear(1) == {}


def test_an_absent_hospital_can_look_bad_so_it_is_never_named(
    ten: Ten, unbound: dict[int, Words], monkeypatch: pytest.MonkeyPatch
) -> None:
    lies = {ten.account_of("hospital-10"): shifting(ten, unbound, "hospital-10", "beta")}
    monkeypatch.setattr(checked_rounds, "own_sketches", lying(lies))
    boss, auditor = ten.boss(), ten.auditor()
    crowd = ten.crowd(trains={"hospital-10": update("hospital-10", 0, times=10)})
    while ten.round is None or ten.current.phase != Phase.UNMASK:
        step(boss)
        for agent in crowd:
            step(agent)
    gone = ten.account_of("beta")
    assert gone not in ten.current.revealed
    present = [each for each in crowd if each.view.ledger.account != gone]
    rest(boss, auditor, *present)
    assert ten.current.phase == Phase.UNMASK
    ten.clock.now += STEP_S + 1
    rest(boss, auditor, *present)
    ten.clock.now += STEP_S + 1
    rest(auditor)
    assert ten.verdict(1).absent == (gone,)
    assert (ten.named(1), ten.unclear(1)) == ({}, {"beta": "UpdateTooLong"})
    rest(boss, auditor, *crowd)
    assert "beta" not in [ten.federation.book.name_of(who) for who in ten.federation.round(2).roster]


class LosesTheAnswer(ForwardingLedger):
    """A ledger that fails at the first answer of its hospital."""

    lost: Digest | None = None

    def append(self, record: Record) -> Receipt:
        if isinstance(record, SharesRevealed) and self.lost is None:
            self.lost = record.digest
            raise ChainUnavailable("the node", "it fell")
        return super().append(record)


def test_a_crash_between_the_file_and_the_record_gives_no_second_sketch(ten: Ten) -> None:
    party = ten.party("beta")
    failing = LosesTheAnswer(party.ledger)
    hospital = ten.hospital_of(replace(party, ledger=failing), update("beta", 0))
    others: list[Agent] = [ten.boss(), ten.auditor(), *ten.crowd("beta")]
    with pytest.raises(ChainUnavailable):
        rest(*others, hospital)
    again = ten.hospital_of(party, update("beta", 0))
    rest(*others, again)
    assert ten.phases() == ["FINAL"]
    assert ten.federation.rounds[0].revealed[party.account].digest == failing.lost
    assert ten.named() == ten.unclear() == {}


def test_an_audit_finds_false_verdicts_and_a_final_round_without_one(ten: Ten) -> None:
    rest(ten.boss(), ten.auditor(), *ten.crowd())
    ledger, honest, vault = ten.consortium.auditor.ledger, ten.verdict(1), ten.consortium.vault
    false = replace(honest, named={ten.account_of("alpha"): "UpdateTooLong"})
    ledger.append(StatementMade(ledger.account, 1, StatementKind.CHECKED, vault.put(false.to_bytes()), ""))
    assert [each.name for each in audit(ten).findings] == ["SketchVerdictWrong"]
    first = next(made for _, made in ten.federation.stated(StatementKind.CHECKED))
    ten.consortium.vault.path(first.digest).unlink()
    assert {each.name for each in audit(ten).findings} == {"SketchVerdictWrong", "CheckMissing"}
