"""What whole rounds in memory share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from fl.crypto.encrypted_keystore import Cost
from tests.support.federation import memory_folder
from tests.support.world import World

ONE_AT_A_TIME = threading.Lock()


def cheap_key(cost: Cost, password: str, salt: bytes) -> bytes:
    kdf = Argon2id(salt=salt, length=32, iterations=1, lanes=cost.lanes, memory_cost=8 * cost.lanes)
    with ONE_AT_A_TIME:  # as in the product: OpenSSL has no second pool of threads for Argon2
        return kdf.derive(password.encode())


@pytest.fixture(scope="module", autouse=True)
def _cheap_lockboxes() -> Iterator[None]:
    """Derive the keys of lockboxes by Argon2id at its lowest cost; at the product's it takes two thirds of a ceremony.

    The product's cost is in tests/unit/crypto/test_encrypted_keystore.py, and ceremonies with it in tests/system.
    """
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(Cost, "derive", cheap_key)
        yield


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with memory_folder(tmp_path) as folder:
        yield World(folder)
