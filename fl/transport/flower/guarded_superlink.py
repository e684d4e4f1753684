"""Starts Flower's SuperLink so that only this machine can give it orders.

Flower 1.41 serves three things on one port: the fleet (what SuperNodes ask), the control (`flwr run`) and the runtime.
Without its paid edition nobody must log in for the control, so everybody who reaches the port could run code on every
hospital's machine. Invariant: from another machine, only the fleet can be reached; it asks each SuperNode for its key.

This file runs in Flower's environment, from the folder that `hemaledger federation up` wrote, and imports nothing else.
Source: flwr 1.41.0, flwr/superlink/routers and flwr/superlink/config_loader.py (NoOpControlAuthnPlugin).
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
FLEET = "/v1/fleet/"
REFUSAL = b"Only the fleet can be reached from another machine.\n"


def is_allowed(scope: Scope) -> bool:
    """Return whether a request may pass: it comes from this machine, or a SuperNode makes it."""
    if scope["type"] not in ("http", "websocket"):
        return True
    path = str(scope.get("path", ""))
    if path.startswith(FLEET) and ".." not in path.split("/"):
        return True
    host, *_ = scope.get("client") or ("",)
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def guarded(app: App) -> App:
    """Return the same application behind the rule of `is_allowed`."""

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if is_allowed(scope):
            await app(scope, receive, send)
        elif scope["type"] == "http":
            headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(REFUSAL)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSAL})
        else:
            await send({"type": "websocket.close", "code": 1008})

    return checked


def main() -> None:
    """Run `flower-superlink` with the arguments of this process."""
    import uvicorn  # noqa: PLC0415 - only Flower's environment has it, and tests import this file elsewhere
    from flwr.superlink.cli.flower_superlink import flower_superlink  # noqa: PLC0415 - as above

    run = uvicorn.run

    def run_guarded(app: App, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own options
        run(guarded(app), **{**options, "proxy_headers": False})

    uvicorn.run = run_guarded
    sys.exit(flower_superlink())


if __name__ == "__main__":
    main()
