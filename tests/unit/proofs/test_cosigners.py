"""Who cosigns the log now: what the page of witnesses and `hemaledger status` say, over a ledger in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl.proofs.cosigners import GRACE_S, SILENT_S, Cosigning
from fl.protocol.names import Role
from fl.protocol.tlog.notes import Note
from scripts.wiring.watch import log_status
from tests.support.witnessed_world import NOTHING, LogWorld, watched

T0 = 1_800_000_000
AUDITOR, HOSPITAL = "auditor", "hospital"
MEMBERS = {"coordinator": Role.COORDINATOR, AUDITOR: Role.AUDITOR, HOSPITAL: Role.HOSPITAL}


@pytest.fixture
def world() -> LogWorld:
    return LogWorld(MEMBERS, T0)


def test_before_the_first_checkpoint_nobody_is_behind(world: LogWorld) -> None:
    seen = world.now()
    assert (seen.checkpoint, seen.met, seen.quorum, seen.keepers) == (None, False, 2, ("coordinator",))
    assert [(each.name, each.state, each.entries) for each in seen.witnesses] == [
        ("auditor", None, 0),
        ("hospital", None, 0),
    ]


def test_a_witness_cosigns_falls_behind_and_becomes_silent(world: LogWorld) -> None:
    first = world.anchor()
    assert world.of(HOSPITAL).state == Cosigning.BEHIND
    world.cosign(HOSPITAL, first)
    assert (world.of(HOSPITAL).state, world.of(HOSPITAL).at) == (Cosigning.COSIGNS, T0)
    world.clock += 5 * SILENT_S  # a quiet ledger makes nobody silent
    assert (world.of(HOSPITAL).state, world.of(HOSPITAL).seconds) == (Cosigning.COSIGNS, 0)
    assert world.of(AUDITOR).state == Cosigning.SILENT
    second = world.anchor()
    for later, state in (
        (0, Cosigning.COSIGNS),
        (GRACE_S + 1, Cosigning.BEHIND),
        (SILENT_S + 1, Cosigning.SILENT),
    ):
        world.clock = T0 + 5 * SILENT_S + later
        found = world.of(HOSPITAL)
        assert (found.state, found.seconds, found.entries) == (state, later, second.size - first.size)
    world.cosign(HOSPITAL, second)
    assert (world.of(HOSPITAL).state, world.of(HOSPITAL).entries) == (Cosigning.COSIGNS, 0)


def test_the_quorum_counts_who_cosigned_the_newest_checkpoint(world: LogWorld) -> None:
    first = world.anchor()
    world.cosign(HOSPITAL, first)
    world.cosign(AUDITOR, first)
    assert (world.now().checkpoint, world.now().made_at, world.now().cosigned_at) == (first, T0, T0)
    assert world.now().met
    world.clock += 60
    second = world.anchor()
    world.cosign(AUDITOR, second)
    seen = world.now()
    assert ([each.name for each in seen.cosigners], seen.met, seen.cosigned_at) == (["auditor"], False, T0 + 60)


def test_another_root_disagrees_also_beside_the_right_one(world: LogWorld) -> None:
    world.anchor()
    right = world.anchor()
    world.cosign(HOSPITAL, right)
    world.cosign(HOSPITAL, replace(right, root=NOTHING))
    world.cosign(AUDITOR, replace(right, size=right.size - 1, root=NOTHING))
    assert [each.state for each in world.now().witnesses] == [Cosigning.DISAGREES] * 2
    assert world.now().cosigners == ()


def test_a_larger_checkpoint_than_this_reader_knows_is_no_disagreement(world: LogWorld) -> None:
    right = world.anchor()
    world.cosign(HOSPITAL, replace(right, size=right.size + 9, root=NOTHING))
    assert world.of(HOSPITAL).state == Cosigning.COSIGNS


def test_lines_of_other_keys_and_notes_of_other_logs_count_for_nothing(world: LogWorld) -> None:
    right = world.anchor()
    world.cosign(HOSPITAL, right, AUDITOR)
    world.cosign(AUDITOR, replace(right, origin="hemaledger/other"))
    world.notes.append(Note(b"no checkpoint\n", world.notes[0].lines))
    assert [each.size for each in world.now().witnesses] == [None, None]


def test_who_left_is_no_witness(world: LogWorld) -> None:
    world.cosign(HOSPITAL, world.anchor())
    world.revoke(HOSPITAL)
    assert [each.name for each in world.now().witnesses] == ["auditor"]


def test_without_a_checkpoint_on_the_ledger_the_signed_one_is_the_newest(world: LogWorld) -> None:
    view = world.view()
    world.cosign(HOSPITAL, view.checkpoint(2))
    world.cosign(AUDITOR, view.checkpoint(3))
    seen = world.now()
    world.cosign(AUDITOR, replace(view.checkpoint(3), root=NOTHING))
    assert world.of(AUDITOR).state == Cosigning.DISAGREES
    assert (seen.checkpoint, seen.made_at) == (view.checkpoint(3), None)
    assert [each.state for each in seen.witnesses] == [Cosigning.COSIGNS, Cosigning.BEHIND]


def test_status_says_the_same_to_people_and_to_programs() -> None:
    log = watched(T0).now(T0)
    text = "\n".join(log_status.lines(log))
    assert "2 of 5 witnesses cosigned this checkpoint, and 3 must, so it does not count yet." in text
    assert "behind     cosigned 14 entries, 3 days ago, 2 entries behind for 2 hours" in text
    assert "=HYPERLINK(1)    hospital     silent     cosigned nothing, 16 entries behind for 3 days" in text
    assert "Look at: A witness signed another history" in text
    document = log_status.document(log)
    assert (document["met"], document["cosigners"], document["faults"]) == (False, 2, ["silent", "disagrees"])


def test_status_says_nothing_of_a_log_that_does_not_exist() -> None:
    world = LogWorld({"coordinator": Role.COORDINATOR}, T0)
    world.revoke("coordinator")
    assert (list(log_status.lines(world.now())), log_status.faults(world.now())) == ([], [])
