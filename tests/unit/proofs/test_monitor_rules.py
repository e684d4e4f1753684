"""The rules of a monitor on histories that exist on paper: honest ones break none, and each break is found."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fl.proofs.evidence_pieces import CLOCK_S, LATE_S
from fl.proofs.monitor import Found, continues, judged_of, signed_notes
from fl.proofs.watch_member import OwnMember, cosigned_in_my_name
from fl.proofs.watch_rules import Scene, histories, times
from fl.protocol.names import Role
from fl.protocol.records import RecordsAnchored, UpdateCommitted
from fl.protocol.tlog.checkpoint import parse_checkpoint
from fl.protocol.tlog.notes import Note
from tests.support.proof_world import T0
from tests.support.watch_world import FACTS, STEP_S, WITNESSES, PaperLog, WatchWorld

WORLD = WatchWorld(3)


def found(scene: Scene) -> list[Found]:
    cases = [*histories(scene), *times(scene)]
    return [each for case in cases if (each := judged_of(case, scene.trust, scene.facts)) is not None]


def names(scene: Scene) -> set[str]:
    return {each.finding.name for each in found(scene)}


@settings(max_examples=40)
@given(data=st.data())
def test_an_honest_log_breaks_no_rule(data: st.DataObject) -> None:
    """Checkpoints at any sizes, recorded later, cosigned by those who are there, by clocks that differ a little."""
    log, notes = WORLD.log(3), []
    for _ in range(data.draw(st.integers(0, 4))):
        log.fill(data.draw(st.integers(0, 3)))
        size = len(log.sights)
        place = log.anchor(size)
        at = T0 + STEP_S * place
        skews = {name: data.draw(st.integers(-CLOCK_S // 2, CLOCK_S // 2)) for name in WITNESSES}
        present = data.draw(st.sets(st.sampled_from(WITNESSES)))
        notes.append(log.note(size, {name: at + skews[name] for name in present}))
    known = PaperLog(WORLD, log.sights[: data.draw(st.integers(0, len(log.sights)))])
    scene = WORLD.scene(known, log, data.draw(st.permutations(notes)))
    assert continues(scene.known, scene.live)
    assert found(scene) == []


def test_a_shorter_chain_is_a_rollback_only_if_this_member_saw_more() -> None:
    log = WORLD.log(8)
    shorter = PaperLog(WORLD, log.sights[:5])
    notes = [log.note(7)]
    assert names(WORLD.scene(log, shorter, notes)) == {"LedgerRolledBack"}
    assert names(WORLD.scene(log, shorter)) == {"LedgerRolledBack"}, "also if nobody signed anything"
    late = T0 + STEP_S * 7 + LATE_S
    assert names(WORLD.scene(shorter, shorter, notes, now=late)) == {"LogGap"}
    assert names(WORLD.scene(shorter, shorter, notes, now=late - 1)) == set(), "its node may be a little behind"


def test_a_checkpoint_of_the_log_alone_that_is_ahead_is_no_gap() -> None:
    """Only the quorum's word counts against the own node."""
    log = WORLD.log(8)
    shorter = PaperLog(WORLD, log.sights[:5])
    assert names(WORLD.scene(shorter, shorter, [log.note(times={"ada": T0})])) == set()


def test_each_way_to_fork_is_found_with_the_best_evidence() -> None:
    base = WORLD.log(4)
    mine, theirs = base.branch(), base.branch()
    for log in (mine, theirs):
        log.add("ben", UpdateCommitted(WORLD.account("ben"), 1, WORLD.digest()))
        log.add("ada", RecordsAnchored(WORLD.account("ada"), 1, WORLD.digest()))
    both = WORLD.scene(mine, theirs, [mine.note(), theirs.note()])
    assert names(both) == {"CheckpointForked", "TwoRoots", "ChainForked"}
    alone = WORLD.scene(mine, theirs)
    assert names(alone) == {"HistoryChanged", "TwoRoots", "ChainForked"}
    assert all(each.data for each in found(alone) if each.finding.name != "HistoryChanged")
    assert "CheckpointDisputed" in names(WORLD.scene(mine, theirs, [mine.note()]))
    theirs.anchor(6)
    assert "CheckpointForked" in names(WORLD.scene(mine, theirs, [mine.note()]))
    strange = [mine.note(), theirs.note(6)]
    assert names(WORLD.scene(base, base, strange, now=T0 + 100)) == {"CheckpointForked"}, "by two notes alone"


def test_the_same_records_in_other_blocks_are_a_changed_history_and_nobodys_fault() -> None:
    """As after a reorganisation that is deeper than the confirmations."""
    base = WORLD.log(4)
    first, second = base.branch(), base.branch()
    record = UpdateCommitted(WORLD.account("ben"), 1, WORLD.digest())
    for log in (first, second):
        log.add("ben", record)
    assert names(WORLD.scene(first, second)) == {"HistoryChanged"}


def test_times_that_cannot_be_are_found() -> None:
    log = WORLD.log(4)
    early = log.note(times={"ben": T0 - CLOCK_S - 100})
    assert names(WORLD.scene(log, log, [early])) == {"CheckpointBackdated"}
    sinking = [log.note(2, {"eve": T0 + 2 * CLOCK_S}), log.note(4, {"eve": T0 + CLOCK_S // 2})]
    assert names(WORLD.scene(log, log, sinking)) == {"CheckpointBackdated"}
    late = log.note(3, dict.fromkeys(WITNESSES, T0 + 10 * LATE_S))
    log.anchor(4)
    assert names(WORLD.scene(log, log, [late, log.note(times={"ada": T0 + 11 * LATE_S})])) == {"RecordBackdated"}


def test_a_witness_that_cosigns_again_later_is_no_finding_and_keeps_both_times() -> None:
    log = WORLD.log(4)
    first, again = log.note(times={"ben": T0 + 50}), log.note(times={"ben": T0 + 5000})
    merged = Note(first.text, (*first.lines, again.lines[1]))
    times_of = [dict(each.cosigned) for each in signed_notes([merged], WORLD.trust)]
    assert times_of == [{"w-ben": T0 + 50}, {"w-ben": T0 + 5000}]
    assert names(WORLD.scene(log, log, [merged])) == set()


def test_what_no_log_signed_and_wrong_lines_are_dropped() -> None:
    log, stranger = WORLD.log(4), WatchWorld(9)
    note = log.note()
    forged = Note(note.text, (*note.lines[:2], replace(note.lines[2], payload=bytes(72))))
    assert [sorted(each.cosigned) for each in signed_notes([forged], WORLD.trust)] == [["w-ada"]]
    assert list(signed_notes([Note(note.text, note.lines[1:])], WORLD.trust)) == []
    assert list(signed_notes([stranger.log(3).note()], WORLD.trust)) == []


def test_a_cosignature_that_the_members_own_program_did_not_make_is_found() -> None:
    log = WORLD.log(6)
    scene = WORLD.scene(log, log, [log.note(4), log.note(6, {"ada": T0 + 100})])

    def member(size: int | None, *, is_witness: bool = True) -> OwnMember:
        newest = parse_checkpoint(log.note(size).text) if size else None
        account = WORLD.account("ada")
        return OwnMember(account, Role.HOSPITAL, lambda *_: False, lambda _: None, newest, is_witness)

    assert list(cosigned_in_my_name(scene, member(6))) == []
    assert list(cosigned_in_my_name(scene, member(4, is_witness=False))) == []
    [case] = cosigned_in_my_name(scene, member(4))
    judged = judged_of(case, WORLD.trust, FACTS)
    assert judged is not None
    assert judged.finding.name == "InMyName"
    assert len(list(cosigned_in_my_name(scene, member(None)))) == len([4, 6])
