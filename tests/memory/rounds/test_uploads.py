"""Weights from a hospital's own tools, in rounds of a federation in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fl.events import Event, Notify
from fl.protocol.names import Digest, Protection
from fl.protocol.ports import Journal
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Keyring
from fl.replay.round_documents import read_manifest
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import TrainingJob
from fl.roles.hospital.uploads import Outcome, Sealer, Uploads, UploadState
from fl.roles.runner import Agent
from fl.storage.uploads import FolderUploads
from fl.training.aggregation.quantise import Vector
from fl.training.model.handed_in import Declared
from fl.training.model.weights import model_digest
from tests.support.federation import CONFIG, initial, nudge
from tests.support.masked_world import rest
from tests.support.power import Fuse, PowerCut, fused
from tests.support.world import World, audit

ONE, TWO = "0000000000000001", "0000000000000002"
STEP = np.float32(0.01)


def coordinator(world: World, protection: Protection = Protection.MASKED, rounds: int = 1) -> Coordinator:
    plan = replace(world.plan(rounds), protection=protection, min_hospitals=3, min_commitments=3)
    return Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())


def box(world: World) -> FolderUploads:
    return FolderUploads(world.party("beta").folder / "uploads")


def hand_in(world: World, name: str, weights: Vector, base: Digest | None = None, samples: int = 50) -> None:
    """Leave an upload as the site would."""
    beta = world.party("beta")
    sealer = Sealer(beta.ledger.anchor, beta.account, Keyring(beta.keys))
    start = base or Digest(world.federation.model_digest if world.federation.openings else first_digest())
    box(world).put(name, sealer.close(start, Declared(samples), weights))


def first_digest() -> Digest:
    return model_digest(initial().manifest.digest, initial().vector)


def uploader(world: World, *, alone: bool = False, fuse: Fuse | None = None) -> Hospital:
    party = world.party("beta")
    ports = party.ports(world.consortium.vault)
    ports = fused(ports, fuse) if fuse is not None else ports

    def make(sealer: Sealer, journal: Journal, notify: Notify) -> Uploads:
        return Uploads(box(world), sealer, journal, notify, alone)

    return Hospital(ports, nudge("beta"), uploads=make)


def reported(world: World, what: Event) -> list[str]:
    return [str(facts.get("reason", "")) for event, facts in world.party("beta").events if event == what]


def expected(beta: Vector, samples: int = 50) -> Vector:
    """Return the weighted mean of what three hospitals learned, within the quantiser's step."""
    start = initial().vector
    parts = [(beta, samples)]
    for name in ("alpha", "gamma"):
        vector, metrics = nudge(name)(TrainingJob(1, start, CONFIG))
        parts.append((vector, metrics.samples))
    return np.average([vector for vector, _ in parts], axis=0, weights=[count for _, count in parts])


def model(world: World) -> Vector:
    party = world.party("alpha")
    reader = FileReader(party.account, world.consortium.vault, Keyring(party.keys))
    manifest = read_manifest(world.federation.opening, world.consortium.vault)
    return reader.model(world.federation.source, manifest)


@pytest.mark.parametrize("protection", [Protection.MASKED, Protection.SEALED])
def test_an_upload_takes_the_place_of_the_own_training(world: World, protection: Protection) -> None:
    weights = initial().vector + STEP
    hand_in(world, ONE, weights)
    rest(coordinator(world, protection), world.auditor(), *world.hospitals("alpha", "gamma"), uploader(world))
    assert world.phases() == ["FINAL"]
    assert box(world).outcome(ONE) == Outcome(UploadState.TAKEN, 1)
    np.testing.assert_allclose(model(world), expected(weights), atol=1e-5)
    assert audit(world).findings == []


def test_an_upload_is_used_in_one_round_only(world: World) -> None:
    hand_in(world, ONE, initial().vector + STEP)
    rest(coordinator(world, rounds=2), world.auditor(), *world.hospitals("alpha", "gamma"), uploader(world))
    assert world.phases() == ["FINAL", "FINAL"]
    assert len(reported(world, Event.UPLOAD_TAKEN)) == 1
    assert box(world).get(ONE) is None, "its file is erased when the next round begins"


def test_an_upload_that_starts_from_another_model_is_refused_and_erased_and_the_agent_trains_itself(
    world: World,
) -> None:
    hand_in(world, ONE, initial().vector + STEP, base=Digest(b"x" * 32))
    rest(coordinator(world), world.auditor(), *world.hospitals("alpha", "gamma"), uploader(world))
    assert world.phases() == ["FINAL"]
    outcome = box(world).outcome(ONE)
    assert outcome is not None
    assert outcome.why == "it starts from another model than round 1 does"
    assert box(world).get(ONE) is None
    assert reported(world, Event.UPLOAD_REFUSED) == [outcome.why]


def test_the_newer_of_two_uploads_counts(world: World) -> None:
    weights = initial().vector - STEP
    hand_in(world, ONE, initial().vector + STEP)
    hand_in(world, TWO, weights)
    rest(coordinator(world), world.auditor(), *world.hospitals("alpha", "gamma"), uploader(world))
    assert box(world).outcome(TWO) == Outcome(UploadState.TAKEN, 1)
    assert box(world).outcome(ONE) == Outcome(UploadState.REFUSED, 1, "a newer upload took its place")
    np.testing.assert_allclose(model(world), expected(weights), atol=1e-5)


def test_an_agent_without_images_waits_for_an_upload(world: World) -> None:
    agents: list[Agent] = [coordinator(world), world.auditor(), *world.hospitals("alpha", "gamma")]
    beta = uploader(world, alone=True)
    rest(*agents, beta)
    assert world.phases() == ["MASK"]
    assert len(reported(world, Event.UPLOAD_AWAITED)) == 1
    hand_in(world, ONE, initial().vector + STEP)
    rest(beta)
    rest(*agents, beta)
    assert world.phases() == ["FINAL"]


def test_a_changed_upload_is_refused(world: World) -> None:
    hand_in(world, ONE, initial().vector + STEP)
    file = bytearray(box(world).get(ONE) or b"")
    file[-1] ^= 1
    box(world).put(ONE, bytes(file))
    rest(coordinator(world), world.auditor(), *world.hospitals("alpha", "gamma"), uploader(world))
    outcome = box(world).outcome(ONE)
    assert outcome is not None
    assert outcome.state is UploadState.REFUSED


class NamedFuse(Fuse):
    """Blows at the first moment of a name."""

    def __init__(self, moment: str) -> None:
        super().__init__()
        self._moment = moment

    def burn(self, moment: str) -> None:
        super().burn(moment)
        if moment == self._moment:
            raise PowerCut(moment)


@pytest.mark.parametrize(
    "moment",
    [
        "before journal.once upload used",
        "after journal.once upload used",
        "after journal.once upload of",
        "after journal.once masked",
        "before journal.once update",
        "after append UpdateCommitted",
    ],
)
def test_after_a_crash_the_same_upload_is_in_the_same_round(world: World, moment: str) -> None:
    weights = initial().vector + STEP
    hand_in(world, ONE, weights)
    others: list[Agent] = [coordinator(world), world.auditor(), *world.hospitals("alpha", "gamma")]
    with pytest.raises(PowerCut):
        rest(*others, uploader(world, fuse=NamedFuse(moment)))
    beta = uploader(world)
    rest(beta)
    rest(*others, beta)
    assert world.phases() == ["FINAL"]
    assert box(world).outcome(ONE) == Outcome(UploadState.TAKEN, 1)
    np.testing.assert_allclose(model(world), expected(weights), atol=1e-5)


def test_an_upload_bound_to_one_round_is_never_used_in_another(world: World) -> None:
    hand_in(world, ONE, initial().vector + STEP)
    party = world.party("beta")
    party.ports(world.consortium.vault).journal.once(f"upload used/{ONE}", b"the context of an earlier round")
    rest(coordinator(world), world.auditor(), *world.hospitals("alpha", "gamma"), uploader(world))
    outcome = box(world).outcome(ONE)
    assert outcome is not None
    assert "used once" in outcome.why
