"""What whole rounds in memory share."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from fl.crypto.encrypted_keystore import Cost
from tests.support.federation import memory_folder
from tests.support.world import World


def quick_key(cost: Cost, password: str, salt: bytes) -> bytes:
    return sha256(repr((cost, password, salt)).encode()).digest()


@pytest.fixture(scope="module", autouse=True)
def _quick_lockboxes() -> Iterator[None]:
    """Derive the keys of lockboxes without Argon2id, which would take two thirds of the time of a ceremony.

    Argon2id itself: tests/unit/crypto/test_encrypted_keystore.py; ceremonies with it: tests/system.
    """
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(Cost, "derive", quick_key)
        yield


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with memory_folder(tmp_path) as folder:
        yield World(folder)
