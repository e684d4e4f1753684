"""An export opens what its member can open, by a grant too, and holds only files with the digests of the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from fl.protocol.errors import HashMismatch
from fl.protocol.names import Digest, Role
from fl.protocol.ports import Vault
from fl.replay.ledger_view import Keyring
from fl.storage.kept_models import FolderModels
from fl.storage.vault import FolderVault
from scripts.wiring.models import MANIFEST, SEALED, WEIGHTS, Reader, model_parts
from tests.support.federation import Party, settle
from tests.support.world import World


class Changing(FolderVault):
    """Somebody with access to the folder changes one file after it was read once."""

    def __init__(self, folder: Path, digest: Digest) -> None:
        super().__init__(folder)
        self._digest = digest

    def get(self, digest: Digest, cap: int) -> bytes:
        data = super().get(digest, cap)
        if digest == self._digest:
            self.path(digest).write_bytes(data + b" ")
        return data


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a consortium with one final round."""
    begun = World(tmp_path)
    begun.run(1)
    return begun


def reader(party: Party, vault: Vault) -> Reader:
    return Reader(party.ledger, vault, Keyring(party.keys), FolderModels(party.folder / "models"))


def test_a_newcomer_exports_the_model_that_was_granted_to_it(world: World) -> None:
    delta, alpha = world.join("delta", Role.HOSPITAL), world.party("alpha")
    settle(world.coordinator(2, min_hospitals=4), world.auditor(), *world.hospitals())
    assert [grant.record.reader for grant in world.federation.grants.made] == [delta.account]
    assert world.phases()[0] == "FINAL"
    vault = world.consortium.vault
    _, granted = model_parts(reader(delta, vault), 1, sealed=False)
    _, own = model_parts(reader(alpha, vault), 1, sealed=False)
    assert granted == own
    assert {SEALED, MANIFEST, WEIGHTS} < set(granted)


def test_a_manifest_with_another_digest_is_not_exported(world: World) -> None:
    alpha, vault = world.party("alpha"), world.consortium.vault
    digest = world.federation.opening.record.manifest_digest
    changing = Changing(vault.path(digest).parents[1], digest)
    with pytest.raises(HashMismatch):
        model_parts(reader(alpha, changing), 1, sealed=True)
