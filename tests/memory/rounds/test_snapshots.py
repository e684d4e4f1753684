"""An audit that starts from a signed snapshot finds the same as one from the first record, and trusts no other file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.transactions.keystore import AccountKey, generate
from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.audit.rounds import Bench, RoundAudit
from fl.audit.snapshot import Snapshot
from fl.protocol.audit import Report
from fl.protocol.errors import EncodingError, SnapshotRefused
from fl.protocol.names import show
from fl.protocol.records import RoundAborted
from fl.replay.ledger_view import Keyring
from scripts.wiring.snapshots import Snapshots
from tests.support.federation import endorser, memory_folder
from tests.support.masked_world import Four, rest
from tests.support.world import World

EVERYBODY = ("alpha", "beta", "gamma", "delta")


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


def run(four: Four, rounds: int) -> None:
    rest(four.boss(rounds), four.auditor(), *four.hospitals(*EVERYBODY))
    assert four.phases() == ["FINAL"] * rounds


def audited(world: World, since: Snapshot | None = None) -> tuple[Report, Snapshot | None, int]:
    """Return report and snapshot, and how many files the vault was asked for."""
    party, asked = world.consortium.auditor, [0]

    class Counting:
        checked = world.consortium.vault.checked

        def __getattr__(self, name: str) -> object:
            asked[0] += name == "get"
            return getattr(world.consortium.vault, name)

    anchor, key = world.consortium.operator.anchor, AuditKey(party.account, Keyring(party.keys))
    made = Audit(anchor, Counting(), key, endorser())  # type: ignore[arg-type]
    report, _ = made.run(world.consortium.operator.replay(), lambda _done, _of: None, since)
    return report, made.snapshot, asked[0]


def snapshot(world: World) -> Snapshot:
    made = audited(world)[1]
    assert made is not None
    return made


def signed(made: Snapshot, key: AccountKey, path: Path) -> Path:
    path.write_bytes(made.to_bytes(key.sign_digest(made.signed_digest)))
    return path


def test_an_audit_from_a_snapshot_finds_the_same_as_one_from_the_first_record(four: Four) -> None:
    run(four, 2)
    since = snapshot(four)
    run(four, 4)
    (whole, _, all_files), (short, again, few_files) = audited(four), audited(four, since)
    assert short == whole
    assert short.checks["aggregates"] == 4
    assert few_files < all_files
    assert again == snapshot(four), "the next snapshot is the same, too"


def test_a_fault_after_the_snapshot_is_found_from_it(four: Four) -> None:
    run(four, 1)
    since = snapshot(four)
    run(four, 2)
    four.consortium.vault.delete(next(iter(four.current.commitments.values())))
    assert audited(four, since)[0].findings == audited(four)[0].findings != []
    assert audited(four, since)[1] is None, "nobody signs findings away"


def test_the_first_model_after_a_snapshot_and_an_aborted_round_is_summed(four: Four) -> None:
    run(four, 1)
    since = snapshot(four)
    aborted_round(four)
    rest(four.boss(3), four.auditor(), *four.hospitals(*EVERYBODY))
    assert four.phases() == ["FINAL", "ABORTED", "FINAL", "FINAL"]
    (whole, _, _), (short, again, _) = audited(four), audited(four, since)
    assert short == whole
    assert short.checks["aggregates"] == 3
    assert again == snapshot(four)


def aborted_round(four: Four) -> None:
    """Open a round and abort it before anybody sent anything."""
    boss = four.boss(2)
    while four.current.ended:
        boss.step()
    ledger = four.consortium.coordinator.ledger
    ledger.append(RoundAborted(ledger.account, four.current.number, "a test"))


def test_a_round_that_can_be_read_but_is_not_summed_is_named(four: Four) -> None:
    run(four, 2)
    party = four.consortium.auditor
    bench = Bench(four.consortium.vault, AuditKey(party.account, Keyring(party.keys)), endorser())
    work, federation = RoundAudit(four.federation, bench, Report()), four.federation
    work.round(federation.rounds[1], work.manifest(federation.openings[0]))
    assert work.unsummed == {2}, "nothing opened the model of round 1"


def test_a_snapshot_of_records_that_the_chain_does_not_have_is_refused(four: Four) -> None:
    run(four, 1)
    made = snapshot(four)
    for wrong, why in (
        (replace(made, block_hash=bytes(32)), "is not the block that the auditor saw"),
        (replace(made, view=made.signed_digest), "are not those that the auditor saw"),
        (replace(made, records=made.records + 1), "and the snapshot saw"),
        (replace(made, anchor=replace(made.anchor, consortium=bytes(32))), "another consortium"),
        (replace(made, opened=False), "opened no files"),
    ):
        with pytest.raises(SnapshotRefused, match=why):
            audited(four, wrong)


def test_only_the_auditors_own_signature_or_a_named_one_counts(four: Four, tmp_path: Path) -> None:
    run(four, 1)
    key, other = generate(), generate()
    made = replace(snapshot(four), auditor=key.address)
    own, foreign = Snapshots(None, None, key.address), Snapshots(None, None, other.address)
    path = signed(made, key, tmp_path / "snapshot")
    assert own.read(path, None) == made
    assert foreign.read(path, show(key.address)) == made
    with pytest.raises(SnapshotRefused, match="another account"):
        foreign.read(path, None)
    forged = signed(made, other, tmp_path / "forged")
    with pytest.raises(SnapshotRefused, match="another account"):
        own.read(forged, None)
    changed = path.read_bytes().replace(b'"parts":2', b'"parts":3')
    assert changed != path.read_bytes()
    path.write_bytes(changed)
    with pytest.raises(SnapshotRefused, match="another account"):
        own.read(path, None)
    path.write_bytes(changed[:-5])
    with pytest.raises(EncodingError):
        own.read(path, None)
