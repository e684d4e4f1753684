"""Rounds with clusters: exact to the last bit with drop-outs in each phase, and clean in an audit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.audit.narrative import Results, explain
from fl.protocol.batches import Batch, Step
from fl.protocol.cluster_index import ClusterFile, ClusterIndex
from fl.protocol.errors import BatchInvalid, BelowThreshold, EquivocationDetected, VaultMissing
from fl.protocol.names import NO_DIGEST, Digest, StatementKind
from fl.protocol.records import KeysAdvertised, SetEndorsed, SharesChecked, StatementMade, StepsAnchored, WideProposed
from fl.protocol.rounds.clusters import Clusters, clusters_of
from fl.protocol.rounds.replayers import drawn
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.rounds.set_statement import set_statement
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.cluster_batches import OF_PARTNERS
from fl.replay.expected_files import model_files, update_files
from fl.replay.ledger_view import LedgerView
from fl.replay.participants import masking_with
from fl.replay.unmasking import check_agreement
from fl.roles.hospital.background_training import TrainingJob
from fl.storage.vault import FolderVault
from fl.training.aggregation.kinds import work_of
from fl.training.model.weights import model_digest
from tests.support.clusters import FOUR, TWELVE, ClusterTown
from tests.support.federation import CONFIG, endorser, initial, memory_folder, nudge

PHASES = [Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN, Phase.MASK, Phase.AGREE, Phase.UNMASK]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[ClusterTown]:
    with memory_folder(tmp_path) as folder:
        yield ClusterTown(folder)


def clusters(current: Round) -> Clusters:
    found = clusters_of(current)
    assert found is not None
    return found


def sum_in_the_clear(town: ClusterTown, current: Round) -> bytes:
    """Return the digest of the model of those hospitals' words, added without a mask."""
    start, work = initial(), work_of(CONFIG, 0)
    names = [party.name for party in town.consortium.hospitals if party.account in current.hospitals]
    words = [work.encode(start.vector, nudge(name)(TrainingJob(1, start.vector, CONFIG))) for name in names]
    total = work.sum_of(sum(words[1:], words[0]), len(names))
    return model_digest(start.manifest.digest, work.apply(total, start.vector).model)


def check_final(town: ClusterTown, hospitals: int) -> Round:
    """Check that the round is final with the exact sum of so many, and clean in an audit."""
    current = town.current()
    assert (current.phase, len(current.hospitals), current.reason) == (Phase.FINAL, hospitals, "")
    assert current.proposal is not None
    assert current.proposal.model_digest == sum_in_the_clear(town, current)
    report = town.audit()
    assert (report.findings, report.checks["aggregates"]) == ([], 1)
    return current


def test_a_round_in_three_clusters_is_final_and_exact(town: ClusterTown) -> None:
    assert town.play(lambda _who: None) == Phase.FINAL
    current = check_final(town, TWELVE)
    assert [len(members) for members in clusters(current).members] == [4, 4, 4]
    story = explain(LedgerView(town.reader()).refresh(), 1, Results.of(town.audit(), 1))
    terms = next(each.happened for each in story.passages if each.title == "Terms")
    assert "of each hospital 3 of its cluster, and in each of the 3 clusters 3 that go on and sign the set" in terms


def test_a_round_in_clusters_and_in_parts_is_exact_with_drop_outs_of_two_clusters(tmp_path: Path) -> None:
    with memory_folder(tmp_path) as folder:
        town = ClusterTown(folder, part_bytes=32 * 1024)
        town.play(lambda _who: None, until=Phase.ADVERTISE)
        split = clusters(town.current())
        away = {split.parts[0][0]: Phase.MASK, split.partners(split.parts[0][0])[0]: Phase.UNMASK}
        assert town.play(away.get) == Phase.FINAL
        current, vault = check_final(town, TWELVE - 1), town.consortium.vault
        files = [update_files(current, who, vault) for who in current.hospitals]
        assert {len(each) for each in (*files, model_files(current, initial().vector.size, vault))} == {3}


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
def test_a_hospital_and_its_partner_in_another_cluster_may_vanish_in_any_phase(town: ClusterTown, phase: Phase) -> None:
    town.play(lambda _who: None, until=Phase.ADVERTISE)
    split = clusters(town.current())
    one = split.parts[0][0]
    other = split.partners(one)[0]
    assert town.play(lambda who: phase if who in (one, other) else None) == Phase.FINAL
    check_final(town, TWELVE - (0 if phase in (Phase.AGREE, Phase.UNMASK) else 2))


def test_a_hospital_that_is_not_drawn_opens_no_file_of_others_but_of_its_cluster_and_its_partners(
    tmp_path: Path,
) -> None:
    with memory_folder(tmp_path) as folder:
        town = ClusterTown(folder, FOUR)
        assert town.play(lambda _who: None) == Phase.FINAL
        current = check_final(town, TWELVE)
        split, read = clusters(current), files_of(town)
        for who in current.roster:
            own, beside = split.number_of(who), split.beside(split.number_of(who))
            allowed = {file for (_, number), file in read.items() if number == own}
            allowed |= {read[phase, number] for phase in OF_PARTNERS for number in beside}
            opened = town.vaults[who].opened & {*read.values()}
            assert opened == ({*read.values()} if who in drawn(current) else allowed)
            others = {made for each, made in current.commitments.items() if each != who}
            assert (
                (town.vaults[who].opened >= others) if who in drawn(current) else not town.vaults[who].opened & others
            )


def files_of(town: ClusterTown) -> dict[tuple[Phase, int], Digest]:
    """Return the digest of each file of steps, by phase and number of the cluster."""
    current, found = town.current(), {}
    for entry in town.chain.entries:
        if isinstance(entry.record, StepsAnchored | WideProposed):
            phase = Phase(entry.record.phase) if isinstance(entry.record, StepsAnchored) else Phase.UNMASK
            for number, file in enumerate(index_of(town, current, entry.record.file_digest, phase).files):
                found[phase, number] = file.digest
    return found


def index_of(town: ClusterTown, current: Round, digest: Digest, phase: Phase) -> ClusterIndex:
    data = FolderVault(town.folder / "vault").get(digest, 1 << 20)
    return ClusterIndex.from_bytes(data, current.context, phase, town.terms.count)


def test_the_view_of_one_cluster_has_the_contexts_and_the_set_of_the_whole(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.AGREE)
    whole = town.current()
    for who in whole.roster:
        own = town.current(viewer=who)
        assert (own.context, own.mask_context, own.set_digest) == (whole.context, whole.mask_context, whole.set_digest)
        assert set_statement(own) == set_statement(whole)
        assert [own.index_of(each) for each in own.roster] == [whole.index_of(each) for each in whole.roster]
        assert own.sharers == own.hospitals == clusters(whole).members[clusters(whole).number_of(who)]
        assert own.across == {each: whole.advertised[each] for each in clusters(whole).partners(who)}
        mine, all_of = masking_with(own, who), masking_with(whole, who)
        assert [(each.account, each.mask_key) for each in mine] == [(each.account, each.mask_key) for each in all_of]


def test_restarted_hospitals_go_on_where_they_were(town: ClusterTown) -> None:
    for phase in (Phase.COMPLAIN, Phase.UNMASK):
        assert town.play(lambda _who: None, until=phase) == phase
        for who in [*town.hospitals][::5]:
            town.restart(who)
    assert town.play(lambda _who: None) == Phase.FINAL
    check_final(town, TWELVE)


def test_a_hospital_that_names_peers_of_other_clusters_finds_them_in_the_set(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.ADVERTISE)
    split = clusters(town.current())
    who, gone = split.members[0][0], split.members[2][0]
    town.restart(who, frozenset([split.members[1][0], split.members[2][1]]))
    other = split.members[0][1]
    town.restart(other, frozenset([gone]))
    assert town.play(lambda each: Phase.MASK if each == gone else None) == Phase.FINAL
    current = check_final(town, TWELVE - 1)
    assert who in current.endorsed
    assert (other in current.hospitals, other in current.endorsed) == (True, False)


# --- Drop-outs and complaints ----------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.SHARE, Phase.MASK], ids=lambda phase: phase.name)
def test_a_round_ends_with_the_cluster_in_its_reason_when_too_few_of_it_are_left(
    town: ClusterTown, phase: Phase
) -> None:
    town.play(lambda _who: None, until=Phase.ADVERTISE)
    away = clusters(town.current()).members[1][:2]
    assert town.play(lambda who: phase if who in away else None) == Phase.ABORTED
    assert town.current().reason.startswith("BelowThreshold: 2 of 3 hospitals of cluster 2 can go on")


def test_nobody_reveals_a_share_before_enough_of_its_own_cluster_signed(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.ADVERTISE)
    split = clusters(town.current())
    assert town.play(lambda who: Phase.AGREE if who in split.members[1][:2] else None) == Phase.ABORTED
    assert town.current().reason.startswith("RoundStalled: 10 hospitals endorsed the set")
    own = town.current(viewer=split.members[1][2])
    signed = SetEndorsed(split.members[1][2], 1, own.set_digest, bytes(65))
    with pytest.raises(BelowThreshold):
        check_agreement(replace(own, endorsed={signed.sender: signed}), endorser(), town.consortium.vault)


def test_a_complaint_about_a_hospital_of_another_cluster_is_in_no_batch(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.COMPLAIN)
    split = clusters(town.current())
    liar, stranger = split.members[0][0], split.members[1][0]
    town.party(liar).ledger.append(SharesChecked(liar, 1, stranger + os.urandom(97)))
    assert town.play(lambda who: Phase.ADVERTISE if who == liar else None) == Phase.FINAL
    current = check_final(town, TWELVE - 1)
    assert liar not in current.checked
    assert stranger in current.hospitals


def test_a_false_complaint_about_a_mate_costs_the_complainant_its_place(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.COMPLAIN)
    liar, mate = clusters(town.current()).members[0][:2]
    town.party(liar).ledger.append(SharesChecked(liar, 1, mate + os.urandom(97)))
    assert town.play(lambda who: Phase.ADVERTISE if who == liar else None) == Phase.FINAL
    current = check_final(town, TWELVE - 1)
    assert liar in current.checked
    assert mate in current.hospitals


# --- A coordinator that records wrong files ----------------------------------------------------------------------


def anchored(town: ClusterTown, change: Callable[[list[ClusterFile], list[Batch]], object]) -> StepsAnchored:
    """Record a phase whose index and files were changed; the numbers and the root on the ledger fit the index."""
    current = town.current()
    ledger = town.coordinator.view.ledger
    assert isinstance(ledger, BatchedLedger)
    ledger.gather(current, LedgerView(town.reader()).refresh().book)
    made = ledger._writer._written(current, ())
    vault = FolderVault(town.folder / "vault")
    files = [*index_of(town, current, made.file_digest, current.phase).files]
    batches = [Batch.from_bytes(vault.get(each.digest, 1 << 20), current.context, current.phase) for each in files]
    change(files, batches)
    for number, batch in enumerate(batches):
        vault.put(batch.to_bytes())
        if files[number].digest == NO_DIGEST:
            files[number] = ClusterFile(len(batch.steps), len(batch.going), batch.root, vault.put(batch.to_bytes()))
    index = ClusterIndex(current.context, current.phase, tuple(files))
    digest = vault.put(index.to_bytes())
    record = StepsAnchored(current.opener, 1, current.phase, index.count, index.going, index.root, digest)
    town.chain.include(record)
    return record


AGAIN = ClusterFile(0, 0, NO_DIGEST, NO_DIGEST)
"""The file is written again from the changed steps."""


def swap(files: list[ClusterFile], _batches: list[Batch]) -> None:
    files[0], files[1] = files[1], files[0]


def move(files: list[ClusterFile], batches: list[Batch]) -> None:
    step = batches[0].steps[0]
    one, other = batches[0], batches[1]
    steps = tuple(sorted([*other.steps[1:], step], key=lambda each: each.account))
    batches[0] = replace(one, steps=one.steps[1:], going=one.going - {step.account})
    batches[1] = replace(other, steps=steps, going=frozenset(each.account for each in steps))
    files[:2] = [AGAIN, AGAIN]


def miscount(files: list[ClusterFile], _batches: list[Batch]) -> None:
    files[0] = replace(files[0], count=3, going=3)


def forge(files: list[ClusterFile], batches: list[Batch]) -> None:
    steps = (replace(batches[0].steps[0], signature=bytes(65)), *batches[0].steps[1:])
    batches[0], files[0] = replace(batches[0], steps=steps), AGAIN


def thin(files: list[ClusterFile], batches: list[Batch]) -> None:
    batches[0] = replace(batches[0], going=frozenset([*batches[0].going][:2]))
    files[0] = AGAIN


@pytest.mark.parametrize(
    ("change", "blind"), [(swap, [2]), (move, [2]), (miscount, [1, 2]), (forge, [1, 2]), (thin, [])]
)
def test_a_wrong_file_stops_who_looks_at_all_and_each_cluster_that_it_is_about(
    town: ClusterTown, change: Callable[[list[ClusterFile], list[Batch]], object], blind: list[int]
) -> None:
    town.play(lambda _who: None, until=Phase.MASK)
    split = clusters(town.current())
    for who, hospital in town.hospitals.items():
        hospital.finish_training()
        assert hospital.step(), who
    anchored(town, change)
    with pytest.raises(BatchInvalid):
        town.current()
    for number, members in enumerate(split.members):
        if number in blind:
            assert town.current(viewer=members[0]).phase == Phase.AGREE
        else:
            with pytest.raises(BatchInvalid):
                town.current(viewer=members[0])


@pytest.mark.parametrize("wrong", ["root", "count", "context"])
def test_an_index_that_does_not_fit_the_ledger_stops_everybody(town: ClusterTown, wrong: str) -> None:
    town.play(lambda _who: None, until=Phase.ADVERTISE)
    viewer = town.current().roster[0]
    for hospital in town.hospitals.values():
        hospital.step()
    record = anchored(town, lambda _files, _batches: None)
    town.chain.entries.pop()
    if wrong == "context":
        data = FolderVault(town.folder / "vault").get(record.file_digest, 1 << 20)
        file = data[:20] + bytes(32) + data[52:]
        record = replace(record, file_digest=FolderVault(town.folder / "vault").put(file))
    changed = {"root": replace(record, root=NO_DIGEST), "count": replace(record, count=11), "context": record}
    town.chain.include(changed[wrong])
    for looks in (None, viewer):
        with pytest.raises(BatchInvalid):
            town.current(viewer=looks)


@pytest.mark.parametrize("phase", [Phase.COMPLAIN, Phase.MASK], ids=lambda phase: phase.name)
def test_who_needs_a_missing_file_waits_until_it_comes_and_the_others_go_on(tmp_path: Path, phase: Phase) -> None:
    with memory_folder(tmp_path) as folder:
        town = ClusterTown(folder, FOUR)
        town.play(lambda _who: None, until=Phase(phase + 1) if phase == Phase.COMPLAIN else Phase.AGREE)
        split, digest = clusters(town.current()), files_of(town)[phase, 0]
        path = FolderVault(folder / "vault").path(digest)
        file = path.read_bytes()
        path.unlink()
        with pytest.raises(VaultMissing):
            town.current()
        waiting = {0, *split.beside(0)} if phase == Phase.COMPLAIN else {0}
        for number, members in enumerate(split.members):
            reader = town.reader(strict=False, viewer=members[0])
            stands = LedgerView(reader).refresh().rounds[-1].phase == phase
            assert stands == (number in waiting)
        path.write_bytes(file)
        assert town.play(lambda _who: None) == Phase.FINAL
        check_final(town, TWELVE)


def test_no_hospital_signs_a_second_set_after_a_reorg(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.AGREE)
    for hospital in town.hospitals.values():
        hospital.step()
    first = town.current().set_digest
    town.chain.entries.pop()
    town.restart_coordinator()
    for who in town.hospitals:
        town.restart(who)
    left_out = town.current().sharers[0]

    def leave_out(files: list[ClusterFile], batches: list[Batch]) -> None:
        number = clusters(town.current()).number_of(left_out)
        batches[number] = replace(batches[number], going=batches[number].going - {left_out})
        files[number] = AGAIN

    anchored(town, leave_out)
    second = town.current()
    assert (second.phase, second.set_digest != first) == (Phase.AGREE, True)
    for who in second.hospitals:
        with pytest.raises(EquivocationDetected):
            town.hospitals[who].step()


def test_a_round_ends_at_once_when_too_many_of_one_cluster_decline(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.SHARE)
    for who in clusters(town.current()).members[2][:2]:
        made = StatementMade(who, 1, StatementKind.DECLINE, NO_DIGEST, "masked_only")
        town.party(who).ledger.append(made)
    assert town.coordinator.step()
    assert town.current().reason.startswith("Declined: 2 of 3 hospitals of cluster 3 can go on; declined by")


def test_who_copies_the_keys_of_a_partner_of_its_mates_leaves_the_round_alone(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.ADVERTISE)
    split = clusters(town.current())
    thief, victim = next(
        (one, other)
        for members in split.members
        for mate in members
        for other in split.partners(mate)
        for one in members
        if one not in (mate, *split.partners(other)) and one > other
    )
    town.hospitals[victim].step()
    town.hospitals[thief].view.refresh()
    (name,) = [each for each in town.board.names(town.current().context, 2) if each.startswith(victim.hex())]
    step = Step.from_bytes(town.board.read(town.current().context, 2, name) or b"")
    town.party(thief).ledger.append(KeysAdvertised(thief, 1, step.body[:33], step.body[33:]))
    assert town.play(lambda who: Phase.ADVERTISE if who == thief else None) == Phase.FINAL
    assert thief not in check_final(town, TWELVE - 1).sharers
