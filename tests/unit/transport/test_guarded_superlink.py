"""From another machine, only the fleet of a SuperLink can be reached."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from fl.transport.flower.guarded_superlink import guarded, is_allowed

HERE, THERE = ("127.0.0.1", 40000), ("192.0.2.7", 40000)


def scope(path: str, client: object = THERE, kind: str = "http") -> dict[str, Any]:
    return {"type": kind, "path": path, "client": client}


@pytest.mark.parametrize("path", ["/v1/fleet/activate-node", "/v1/fleet/pull-messages"])
def test_a_supernode_on_another_machine_reaches_the_fleet(path: str) -> None:
    assert is_allowed(scope(path))


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/control/start-run", "/v1/runtime/pull-task-input", "/docs", "/openapi.json", "/", ""),
        *("/v1/fleet", "/V1/fleet/x", "/v1/fleet/../control/start-run", "/v1/fleetx/start-run"),
    ],
)
def test_nobody_on_another_machine_gives_orders(path: str) -> None:
    assert not is_allowed(scope(path))
    assert not is_allowed(scope(path, None))
    assert not is_allowed(scope(path, ("not an address", 1)))
    assert not is_allowed(scope(path, kind="websocket"))


@pytest.mark.parametrize("client", [HERE, ("::1", 4)])
def test_this_machine_gives_orders(client: object) -> None:
    assert is_allowed(scope("/v1/control/start-run", client))


def test_a_refused_request_never_reaches_flower() -> None:
    sent, reached = [], []

    async def inner(asked: MutableMapping[str, Any], _receive: object, _send: object) -> None:
        reached.append(asked["path"])

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> None:
        return None

    async def ask_both() -> None:
        await guarded(inner)(scope("/v1/control/start-run"), receive, send)
        await guarded(inner)(scope("/v1/fleet/pull-messages"), receive, send)

    asyncio.run(ask_both())
    assert reached == ["/v1/fleet/pull-messages"]
    assert sent[0]["status"] == 403
