"""The published flow over a real federation in memory: download, train with PyTorch alone, upload, round, download."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.events import Notify
from fl.proofs.model_folder import check_model
from fl.protocol.names import Protection
from fl.protocol.ports import Journal
from fl.replay.ledger_view import Keyring
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.uploads import Sealer, Uploads
from fl.roles.serving.current_model import VerifiedModelCache
from fl.storage.uploads import FolderUploads
from fl.training.evaluation.predict import Predictor
from tests.support.federation import CONFIG, ENDORSERS, Party, initial, memory_folder, nudge
from tests.support.masked_world import rest
from tests.support.model_signing import judge, pem_file
from tests.support.paper_proofs import PaperProofs
from tests.support.proof_world import FACTS
from tests.support.site_town import TOVE, Town, Visitor, words
from tests.support.world import RECIPE, World
from webui.federation.hospital import FederationHospital
from webui.ports.federation import Services

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "own_tools" / "train.py"


class OwnTown(Town):
    """The site of the hospital `beta`, over a federation in memory."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.beta = self.world.party("beta")
        self.box = FolderUploads(self.beta.folder / "uploads")
        self.paper = paper_of(self.beta)
        super().__init__(folder)

    def services(self) -> Services:
        party, vault, keyring = self.beta, self.world.consortium.vault, Keyring(self.beta.keys)
        reader = VerifiedModelCache(party.ledger, vault, party.account, keyring, self.world.clock, Predictor)
        hospital = FederationHospital(party.ledger, reader, vault, party.account, keyring, self.box)
        return replace(super().services(), hospital=hospital, proofs=self.paper)

    def coordinator(self, rounds: int) -> Coordinator:
        config = replace(CONFIG, training=RECIPE.to_dict())
        plan = replace(self.world.plan(rounds), config=config, protection=Protection.MASKED)
        plan = replace(plan, min_hospitals=3, min_commitments=3)
        return Coordinator(self.world.consortium.coordinator.ports(self.world.consortium.vault), plan, initial())

    def run(self, rounds: int) -> None:
        """Run until so many rounds are final: two hospitals train, and `beta` sends an upload if it has one."""

        def make(sealer: Sealer, journal: Journal, notify: Notify) -> Uploads:
            return Uploads(self.box, sealer, journal, notify)

        beta = Hospital(self.beta.ports(self.world.consortium.vault), nudge("beta"), uploads=make)
        rest(self.coordinator(rounds), self.world.auditor(), *self.world.hospitals("alpha", "gamma"), beta)
        assert len(self.world.phases()) == rounds


def paper_of(party: Party) -> PaperProofs:
    """Return a public log whose records this hospital signs."""
    epoch = max(party.keys)
    paper = PaperProofs(key=(epoch, party.keys[epoch].public_key))
    paper.world.consortium, paper.world.coordinator = party.ledger.anchor.consortium, ENDORSERS[party.account]._key
    return paper


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnTown]:
    """Return a federation after its first round."""
    with memory_folder(tmp_path_factory.mktemp("own")) as folder:
        town = OwnTown(folder)
        town.run(1)
        yield town


def unpack(visitor: Visitor, number: int, folder: Path) -> Path:
    """Download the model of a round, and unpack it in a folder of its own."""
    answer = visitor.get(f"/hospital/models/{number}/model.zip")
    assert answer.status_code == 200
    zipfile.ZipFile(io.BytesIO(answer.data)).extractall(folder)
    return folder


ALONE = (
    "import runpy, sys; sys.argv.pop(0); "
    "sys.modules.update(dict.fromkeys(('fl', 'chain', 'webui', 'scripts', 'safetensors'))); "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
"""Runs a program that can import neither this project nor the package safetensors."""


def python(folder: Path, *command: str | Path) -> str:
    """Run a program that knows only the files of a folder and PyTorch."""
    line = [sys.executable, "-I", "-c", ALONE, *map(str, command)]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_weights_made_with_pytorch_alone_join_a_masked_round_and_the_result_has_the_digest_on_the_ledger(
    town: OwnTown, tmp_path: Path
) -> None:
    tove = town.visitor(TOVE)
    base = unpack(tove, 1, tmp_path / "base")
    judged = judge(base, pem_file(town.beta.keys[max(town.beta.keys)], tmp_path / "beta.pem"))
    assert judged.returncode == 0, judged.stderr
    recorded = town.world.federation.model_digest.hex()
    assert python(base, "verify.py") == recorded
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "own.npz", images=rng.integers(0, 255, (12, 16, 16, 3), np.uint8), labels=np.arange(12) % 2)
    python(base, SCRIPT, base, tmp_path / "own.npz", tmp_path / "weights.safetensors")
    answer = tove.post(
        "/hospital/uploads",
        file=(io.BytesIO((tmp_path / "weights.safetensors").read_bytes()), "weights.safetensors"),
        samples="12",
    )
    assert answer.status_code == 302, words(answer)
    assert "Waits for round 2" in tove.text(answer.location)
    assert (tmp_path / "weights.safetensors").read_bytes()[200:300] not in (town.box.get(town.box.waiting()[0]) or b"")
    town.run(2)
    text = tove.text(answer.location)
    assert "Final in round 2" in text
    assert town.world.current.masked
    assert town.world.current.commitments[town.beta.account].hex() in text.replace(" ", "")
    combined = unpack(tove, 2, tmp_path / "combined")
    assert python(combined, "verify.py") == town.world.federation.model_digest.hex() != recorded
    assert json.loads((combined / "proof.json").read_text())["model_digest"] == town.world.federation.model_digest.hex()
    assert "Too late" not in text


def test_the_zip_of_the_site_has_its_proofs_and_all_of_it_is_checked_together(town: OwnTown, tmp_path: Path) -> None:
    tove, paper = town.visitor(TOVE), town.paper
    assert "key.tlog-proof wait" in tove.text("/hospital/model")
    early = unpack(tove, 1, tmp_path / "early")
    assert not list(early.glob("*.tlog-proof"))
    paper.models = True
    assert "The ZIP also has model.tlog-proof" in tove.text("/hospital/model")
    folder = unpack(tove, 1, tmp_path / "whole")
    names = [path.name for path in folder.iterdir()]
    proven = check_model(names, lambda name: (folder / name).open("rb"), paper.world.trust, FACTS)
    assert proven.computed
    assert proven.model is not None
    assert proven.key is not None
    judged = judge(folder, folder / "member.pem")
    assert judged.returncode == 0, judged.stderr
    paper.models = False


def test_weights_from_an_earlier_model_are_refused_with_both_digests(town: OwnTown, tmp_path: Path) -> None:
    tove = town.visitor(TOVE)
    old = unpack(tove, 0, tmp_path / "old")
    data = (old / "model.safetensors").read_bytes()
    digest = json.loads((old / "model.json").read_text())["digest"]
    answer = tove.post("/hospital/uploads", file=(io.BytesIO(data), "w.safetensors"), samples="9", base=digest)
    assert answer.status_code == 400
    assert f"it starts from the model {digest[:12]}" in words(answer)


def test_the_pages_show_the_real_round_its_members_and_its_curves(town: OwnTown) -> None:
    tove = town.visitor(TOVE)
    now = tove.text("/hospital/")
    assert "Attestation of the new model" in now
    assert "This round is final." in now
    assert "gamma" in tove.text("/hospital/members")
    assert "AUROC" in tove.text("/hospital/curves")
    assert "network.py" in tove.text("/hospital/model")
