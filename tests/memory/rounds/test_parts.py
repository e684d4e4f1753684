"""A round whose files are in parts gives the same model, and no wrong part goes unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from fl.crypto.envelope_form import Parts
from fl.events import Event
from fl.protocol.errors import FileNotRecorded
from fl.protocol.names import Digest, Protection, Role
from fl.protocol.records import UpdateCommitted
from fl.protocol.rounds.parts import PartList, is_list, named_in
from fl.protocol.rounds.round import Phase
from fl.replay.expected_files import model_files, update_files
from fl.replay.ledger_view import Keyring
from fl.replay.retention import parts_of_update
from fl.replay.round_documents import read_manifest
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.kept_models import KeepingModels, file_of
from fl.roles.runner import Agent
from fl.storage.kept_models import FolderModels
from scripts.wiring.models import PART, SEALED, Reader, checked, model_parts, recorded
from scripts.wiring.retention import accept, checked_offer, delete, record_offer
from tests.support.federation import initial, memory_folder
from tests.support.masked_world import Four, rest
from tests.support.power import Fuse, PowerCut, fused
from tests.support.world import audit, restless

PART_BYTES = 16 * 1024
COUNT = -(-4 * (initial().vector.size + 4) // PART_BYTES)
CAP = 1 << 30
NAMES = ("alpha", "beta", "gamma", "delta")


class InParts(Four):
    """Masked rounds of four whose files are in five parts."""

    part_bytes = PART_BYTES

    def masked_plan(self, rounds: int = 1) -> Plan:
        return replace(super().masked_plan(rounds), part_bytes=self.part_bytes)

    def files(self, name: str) -> list[Digest]:
        """Return the parts of a hospital's update in the newest round."""
        parts = update_files(self.current, self.account(name), self.consortium.vault)
        return [part.expected.digest for part in parts]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[InParts]:
    with memory_folder(tmp_path) as folder:
        yield InParts(folder)


def run(world: Four, rounds: int = 1) -> None:
    rest(world.boss(rounds), world.auditor(), *world.hospitals(*NAMES))
    assert world.phases() == ["FINAL"] * rounds


def test_the_model_is_the_same_bit_for_bit_and_no_file_is_long(world: InParts) -> None:
    run(world, 2)
    assert COUNT == 5
    with memory_folder(world.folder) as folder:
        whole = Four(folder)
        run(whole, 2)
        assert whole.federation.model_digest == world.federation.model_digest
        assert not is_list(whole.consortium.vault.get(file_of(whole.federation.source), CAP))
    sizes = [path.stat().st_size for path in (world.folder / "vault").glob("*/*")]
    assert max(sizes) < PART_BYTES + 2048
    assert [len(world.files(name)) for name in NAMES] == [COUNT] * 4
    report = audit(world)
    assert report.findings == []
    assert report.checks["aggregates"] == 2


def test_a_federation_opens_with_a_model_in_parts_and_a_newcomer_reads_one_by_one_grant(world: InParts) -> None:
    run(world)
    vault, opening = world.consortium.vault, world.federation.opening
    length = read_manifest(opening, vault).length
    assert [len(model_files(source, length, vault)) for source in (opening, world.current)] == [COUNT, COUNT]
    world.consortium.hospitals.append(world.join("epsilon", Role.HOSPITAL))
    rest(world.boss(2), world.auditor(), *world.hospitals(*NAMES, "epsilon"))
    assert world.phases() == ["FINAL", "FINAL"]
    assert world.account("epsilon") in world.current.hospitals
    assert len(world.federation.grants.made) == 1
    assert audit(world).findings == []


def test_the_parts_of_a_model_have_one_content_key_and_other_bodies(world: InParts) -> None:
    run(world)
    vault = world.consortium.vault
    files = [vault.get(each, CAP) for each in named_in(vault.get(file_of(world.current), CAP))]
    assert len({Parts.of(file).head for file in files}) == len({bytes(Parts.of(file).body[:64]) for file in files}) == 5


# --- Wrong parts -----------------------------------------------------------------------------------------------


def swapped(listed: PartList, _others: PartList) -> bytes:
    return replace(listed, digests=(listed.digests[1], listed.digests[0], *listed.digests[2:])).to_bytes()


def repeated(listed: PartList, _others: PartList) -> bytes:
    return replace(listed, digests=(*listed.digests[:-1], listed.digests[0])).to_bytes()


def cut(listed: PartList, _others: PartList) -> bytes:
    return listed.to_bytes()[:-1]


def shorter(listed: PartList, _others: PartList) -> bytes:
    return replace(listed, digests=listed.digests[:-1]).to_bytes()


def foreign(listed: PartList, others: PartList) -> bytes:
    return replace(listed, digests=(*listed.digests[:-1], others.digests[-1])).to_bytes()


def of_another_round(listed: PartList, _others: PartList) -> bytes:
    return replace(listed, context=bytes(32)).to_bytes()


def of_another_length(listed: PartList, _others: PartList) -> bytes:
    return replace(listed, part_words=listed.part_words + 1024, digests=listed.digests[: COUNT - 1]).to_bytes()


def whole(listed: PartList, _others: PartList) -> bytes:
    return b"BAFL\x01" + listed.to_bytes()[5:]


def commit(world: InParts, change: Callable[[PartList, PartList], bytes]) -> list[Agent]:
    """Bring a round to MASK, and let delta commit to a changed list of its right parts; return the other agents."""
    boss, delta, honest = world.boss(), world.hospital("delta"), world.hospitals("alpha", "beta", "gamma")
    current = world.until(Phase.MASK, boss, delta, *honest)
    made = delta._masked._update._masked_file(world.federation, current)
    rest(*honest)
    words, context, vault = current.terms.parameters + 4, current.mask_context, world.consortium.vault
    others = vault.get(world.current.commitments[world.account("alpha")], CAP)
    listed = PartList.from_bytes(bytes(made), context, words)
    ports = world.party("delta").ports(vault)
    for each in listed.digests:
        vault.put(ports.outbox.get(each, CAP))
    digest = vault.put(change(listed, PartList.from_bytes(others, context, words)))
    ports.ledger.append(UpdateCommitted(ports.ledger.account, current.number, digest))
    return [boss, world.auditor(), *honest]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (swapped, "WrongContext"),
        (repeated, "EncodingError"),
        (cut, "EncodingError"),
        (shorter, "EncodingError"),
        (foreign, "WrongSender"),
        (of_another_round, "WrongContext"),
        (of_another_length, "EncodingError"),
        (whole, "EncodingError"),
    ],
)
def test_a_hospital_with_a_wrong_list_is_left_out_with_the_reason(
    world: InParts, change: Callable[[PartList, PartList], bytes], error: str
) -> None:
    rest(*commit(world, change))
    assert world.phases() == ["FINAL"]
    assert world.names(world.current.hospitals) == ["alpha", "beta", "gamma"]
    (reason,) = world.reported("coordinator", Event.HOSPITAL_LEFT_OUT)
    assert "delta" in reason
    assert error in reason
    report = audit(world)
    assert report.findings == []
    assert any(error in note for note in report.notes)


def test_a_part_that_never_came_is_a_drop_out_without_blame(world: InParts) -> None:
    agents = commit(world, lambda listed, _others: listed.to_bytes())
    world.consortium.vault.delete(world.files("delta")[-1])
    rest(*agents)
    world.clock.now = world.current.terms.commit_deadline + 1
    rest(*agents)
    assert world.phases() == ["FINAL"]
    assert world.names(world.current.hospitals) == ["alpha", "beta", "gamma"]
    assert world.reported("coordinator", Event.HOSPITAL_LEFT_OUT) == []
    report = audit(world)
    assert report.findings == []
    assert any("is not in the vault" in note for note in report.notes)


def test_a_part_with_other_bytes_is_waited_for_and_found_by_an_audit(world: InParts) -> None:
    agents = commit(world, lambda listed, _others: listed.to_bytes())
    part = world.files("delta")[2]
    right = world.consortium.vault.get(part, CAP)
    world.overwrite(part)
    rest(*agents)
    assert world.phases() == ["MASK"]
    world.consortium.vault.put(right)
    rest(*agents)
    assert world.phases() == ["FINAL"]
    assert audit(world).findings == []
    world.overwrite(world.files("alpha")[2])
    (finding,) = (each for each in audit(world).findings if each.subject.startswith("masked update"))
    assert finding.name == "HashMismatch"


def test_a_hospital_reads_the_list_before_it_decrypts_a_part(world: InParts) -> None:
    """A part that opens well, but is not in the list, is never opened."""
    run(world)
    vault, hospital = world.consortium.vault, world.account("alpha")
    listed = vault.get(world.current.commitments[hospital], CAP)
    other = bytearray(listed)
    other[-1] ^= 1
    world.overwrite(world.current.commitments[hospital], bytes(other))
    assert {each.name for each in audit(world).findings} == {"HashMismatch"}


# --- Crashes ---------------------------------------------------------------------------------------------------


def trained_and_at_rest(*agents: Agent) -> None:
    """Come to rest, also after a training that a restarted hospital began."""
    for _ in range(2):
        rest(*agents)


def test_a_hospital_that_stops_at_any_write_of_its_parts_sends_one_list(world: InParts) -> None:
    """The restless training learns something else at every call: nothing but what was promised may be sent."""
    boss = world.boss()
    others: list[Agent] = [world.auditor(), *world.hospitals("alpha", "gamma", "delta")]
    party = world.party("beta")

    def beta(fuse: Fuse) -> Hospital:
        return Hospital(fused(party.ports(world.consortium.vault), fuse), restless("beta"))

    world.until(Phase.MASK, boss, *others, beta(Fuse()))
    promised, journal = set[bytes | None](), party.ports(world.consortium.vault).journal
    for moment in count():
        try:
            trained_and_at_rest(*others, beta(Fuse(moment)))
        except PowerCut:
            promised.add(journal.get(f"update/{world.current.context.hex()}"))
        else:
            break
    assert moment > 2 * COUNT
    trained_and_at_rest(boss, *others, beta(Fuse()))
    assert len(promised - {None}) == 1
    assert world.current.commitments[party.account] in promised
    assert world.phases() == ["FINAL"]
    assert party.account in world.current.hospitals
    assert audit(world).findings == []


def test_the_vaults_lost_parts_come_back_from_the_outbox(world: InParts) -> None:
    boss, hospitals = world.boss(), world.hospitals(*NAMES)
    world.until(Phase.AGREE, boss, *hospitals)
    for name in NAMES:
        for part in world.files(name)[1:]:
            world.consortium.vault.delete(part)
    rest(boss, world.auditor(), *hospitals)
    assert world.phases() == ["FINAL"]
    assert audit(world).findings == []


# --- Afterwards ------------------------------------------------------------------------------------------------


def test_retention_takes_the_parts_of_old_updates_and_nothing_else(world: InParts) -> None:
    run(world, 2)
    vault, first = world.consortium.vault, world.federation.rounds[0]
    gone = {part.expected.digest for who in first.hospitals for part in update_files(first, who, vault)}
    record_offer(world.consortium.auditor.ledger, vault, audit(world), world.federation, 1)
    record, digest = checked_offer(world.federation, vault, 1)
    accept(world.consortium.coordinator.ledger, record, digest)
    before = {path.name for path in (world.folder / "vault").glob("*/*")}
    vault.delete(next(iter(gone)))  # as after a crash in the middle
    assert audit(world).findings == []
    assert delete(world.federation, vault, record) == 4
    after = {path.name for path in (world.folder / "vault").glob("*/*")}
    assert before - after == {each.hex() for each in gone | set(first.commitments.values())}
    assert audit(world).findings == []


def test_a_list_in_an_old_round_deletes_no_file_of_another(world: InParts) -> None:
    """Its hospital was left out of the round, but the record names every update of it."""
    vault, listed = world.consortium.vault, list[PartList]()

    def mixed(own: PartList, others: PartList) -> bytes:
        listed.append(own)
        model = named_in(vault.get(world.federation.opening.record.envelope_digest, CAP))
        return replace(own, digests=(own.digests[0], *others.digests[1:3], *model[3:])).to_bytes()

    rest(*commit(world, mixed))
    assert world.phases() == ["FINAL"]
    update = (1, world.current.commitments[world.account("delta")])
    assert parts_of_update(world.federation, vault, update) == [listed[0].digests[0]]


def test_members_keep_the_parts_of_the_newest_models(world: InParts) -> None:
    copies = FolderModels(world.party("alpha").folder / "models")
    alpha = KeepingModels(world.hospital("alpha"), world.consortium.vault, copies, 2)
    rest(world.boss(3), world.auditor(), alpha, *world.hospitals("beta", "gamma", "delta"))
    wanted = set[Digest]()
    base = world.federation.openings[0].record.envelope_digest  # before the first round of every hospital
    for file in (base, *map(file_of, world.federation.rounds[1:])):
        wanted |= {file, *named_in(world.consortium.vault.get(file, CAP))}
    assert copies.names() == wanted
    assert len(wanted) == 3 * (COUNT + 1)


def test_an_export_has_all_parts_and_only_parts_that_a_recorded_list_names_come_back(world: InParts) -> None:
    run(world)
    alpha = world.party("alpha")
    reader = Reader(alpha.ledger, world.consortium.vault, Keyring(alpha.keys), FolderModels(alpha.folder / "models"))
    _, files = model_parts(reader, 1, sealed=True)
    sealed = [(name, data) for name, data in files.items() if name == SEALED or name.startswith(PART)]
    assert len(sealed) == 1 + COUNT
    named = recorded(world.federation)
    assert checked(sealed[::-1], named) == [data for _, data in sealed[::-1]]
    for wrong in (sealed[1:], [*sealed, ("other", b"x")]):
        with pytest.raises(FileNotRecorded):
            checked(wrong, named)


def test_a_sealed_rounds_model_is_in_parts_and_its_updates_are_whole(world: InParts) -> None:
    plan = replace(world.masked_plan(), protection=Protection.SEALED, min_commitments=4)
    boss = Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())
    rest(boss, world.auditor(), *world.hospitals(*NAMES))
    assert world.phases() == ["FINAL"]
    assert len(world.files("alpha")) == 1
    assert is_list(world.consortium.vault.get(file_of(world.current), CAP))
    assert audit(world).findings == []
