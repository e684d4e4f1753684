"""Network namespaces, one for each machine of a consortium, and lines between them that can be slow or down.

Needs root on Linux (ip-netns(8)). A namespace has its own interfaces, routes, ports and firewall; the machines reach
each other through one bridge, and nothing else. The kernel of a small machine may lack netem: a line is a TCP proxy.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HUB, BRIDGE, NET = "hl-hub", "hl-bridge", "10.231.0"
OBSERVER = "hl-observer"
"""This process's own leg, with which it reads the ledger."""
CHUNK = 64 * 1024
WATCH_S = 0.05
STARTED = "listening"


class Networks:
    """One namespace for each name; `host` says its address."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def host(self, name: str) -> str:
        return f"{NET}.{self.names.index(name) + 2}"

    def prefix(self, name: str) -> tuple[str, ...]:
        """Return what comes before a command that shall run there."""
        return ("ip", "netns", "exec", f"hl-{name}")


@contextmanager
def networks(names: list[str]) -> Iterator[Networks]:
    """Make a namespace for each name, joined by a bridge in one more; delete all at the end."""
    made = Networks(names)
    try:
        _ip("netns", "add", HUB)
        _ip("-n", HUB, "link", "add", BRIDGE, "type", "bridge")
        _ip("-n", HUB, "link", "set", BRIDGE, "up")
        for number, name in enumerate(names):
            _join(f"hl-{name}", f"hl{number}", made.host(name))
        _ip("-n", HUB, "link", "add", "observer", "type", "veth", "peer", "name", OBSERVER, "netns", "1")
        _ip("-n", HUB, "link", "set", "observer", "master", BRIDGE, "up")
        _ip("addr", "add", f"{NET}.1/24", "dev", OBSERVER)
        _ip("link", "set", OBSERVER, "up")
        yield made
    finally:
        for name in (HUB, *(f"hl-{name}" for name in names)):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def _join(space: str, link: str, host: str) -> None:
    _ip("netns", "add", space)
    _ip("-n", HUB, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
    _ip("-n", HUB, "link", "set", link, "master", BRIDGE, "up")
    _ip("-n", space, "addr", "add", f"{host}/24", "dev", "eth0")
    _ip("-n", space, "link", "set", "eth0", "up")
    _ip("-n", space, "link", "set", "lo", "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


class Line:
    """A TCP proxy in a namespace; `set` makes it good, slow or down."""

    def __init__(self, prefix: tuple[str, ...], listen: str, upstream: str, state: Path) -> None:
        """Start it; addresses are HOST:PORT; `state` is the file through which it is steered."""
        self._state = state
        self.set("0")
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "scripts.bench._networks", listen, upstream, str(state)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None  # noqa: S101 it was asked for
        self._process.stdout.readline()

    def set(self, state: str) -> None:
        """Take `down`, or the seconds by which a question and its answer come late together."""
        self._state.write_text(state, encoding="ascii")

    @contextmanager
    def bad(self, state: str, seconds: float) -> Iterator[None]:
        """Keep the line in this state for at least so long, around what is done meanwhile."""
        self.set(state)
        began = time.monotonic()
        yield
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))
        self.set("0")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


async def _serve(listen: str, upstream: str, state: Path) -> None:
    open_now: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if _down(state):
            writer.close()
            return
        host, port = upstream.rsplit(":", 1)
        there, onward = await asyncio.open_connection(host, int(port))
        open_now.update((writer, onward))
        await asyncio.gather(_pass(reader, onward, state), _pass(there, writer, state), return_exceptions=True)
        open_now.difference_update((writer, onward))

    host, port = listen.rsplit(":", 1)
    async with await asyncio.start_server(answer, host, int(port)):
        print(STARTED, flush=True)
        while True:
            await asyncio.sleep(WATCH_S)
            if _down(state):
                for writer in tuple(open_now):
                    writer.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: Path) -> None:
    try:
        while data := await reader.read(CHUNK):
            await asyncio.sleep(_late_s(state) / 2)
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def _down(state: Path) -> bool:
    return state.read_text(encoding="ascii") == "down"


def _late_s(state: Path) -> float:
    said = state.read_text(encoding="ascii")
    return 0.0 if said in {"", "down"} else float(said)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
