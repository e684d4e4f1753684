from __future__ import annotations

from collections.abc import Iterator

import pytest

from fl.crypto.curve import Engine
from fl.crypto.group import ENGINES, use


@pytest.fixture(scope="module", params=["portable", "libcrypto"])
def backend(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Run a module's tests over each backend of the group."""
    if request.param not in ENGINES:
        pytest.skip("this machine has no libcrypto of OpenSSL 3")
    with use(request.param) as engine:
        yield engine
