"""What keepers recorded of the log: each keeper's checkpoints grow, on each ledger."""

from __future__ import annotations

from fl.protocol.errors import CheckpointBackwards
from fl.protocol.names import Digest
from fl.protocol.records import CheckpointAnchored
from tests.support.protocol.scene import AUDITOR, CONTRACT, COORDINATOR, federation, members

ROOT, OTHER = Digest(b"\1" * 32), Digest(b"\2" * 32)


def test_one_member_with_a_wrong_size_does_not_stop_the_others() -> None:
    log = federation()
    log.add(CheckpointAnchored(COORDINATOR, 5, ROOT), CheckpointAnchored(AUDITOR, 2**64 - 1, OTHER))
    log.add(CheckpointAnchored(COORDINATOR, 9, OTHER))
    anchored = log.federation.checkpoints
    assert [anchored.newest(CONTRACT, each) for each in (COORDINATOR, AUDITOR)] == [9, 2**64 - 1]
    assert anchored.holds(5, ROOT, COORDINATOR)
    assert anchored.holds(9, OTHER, COORDINATOR)
    assert not anchored.holds(5, OTHER, COORDINATOR)
    assert not anchored.holds(5, ROOT, AUDITOR)
    assert [entry.record for entry in anchored.made.values()] == [entry.record for entry in log.entries[-3:]]
    log.refuses(CheckpointAnchored(COORDINATOR, 9, ROOT), CheckpointBackwards, {"newest": 9, "size": 9})


def test_an_earlier_value_does_not_see_a_later_checkpoint() -> None:
    log = federation()
    log.add(CheckpointAnchored(COORDINATOR, 5, ROOT))
    before = log.federation.checkpoints
    log.add(CheckpointAnchored(COORDINATOR, 6, ROOT))
    assert (before.newest(CONTRACT, COORDINATOR), len(before.made)) == (5, 1)


def test_a_checkpoint_needs_no_model() -> None:
    log = members()
    log.add(CheckpointAnchored(COORDINATOR, 1, ROOT))
    assert log.federation.checkpoints.newest(CONTRACT, COORDINATOR) == 1
