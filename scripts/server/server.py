"""The site's HTTP server: waitress with deadlines and limits, so that strangers cannot exhaust it.

Invariant: one thread reads and writes all connections without waiting, so slow visitors do not block a worker. A
request gets a worker only when it is complete. At the limit, the server closes the connection that has been idle
longest, never the newest one. `/healthz` has its own worker.

Source: RFC 9112, 9.5 (closing); OWASP, Slow HTTP attacks; waitress documentation, "Arguments".
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from wsgiref.types import WSGIApplication

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from fl.protocol.errors import PortInUse
from scripts.server.proxy import TrustedProxy, visitor_behind, waitress_options
from scripts.server.request import BodiesFull, Bounds, Refusal, TimedParser

PROBE = "/healthz"
NO_LINGER = struct.pack("ii", 1, 0)
RESERVED_FILES = 128
"""File descriptors for everything except visitors."""


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class = TimedParser
    error_task_class = Refusal
    server: Server
    request: TimedParser | None
    requests: list[TimedParser]
    total_outbufs_len: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 waitress' signature
        self.opened = self.quiet_since = time.monotonic()
        self.answer_since: float | None = None
        self.visitor = ""
        """The visitor's network address, if a trusted proxy names one."""
        super().__init__(*args, **kwargs)

    def received(self, data: bytes) -> bool:
        """Receive bytes; refuse a request at once if all bodies together would be too large."""
        taken: bool = super().received(data)
        request = self.request
        if request is None or not request.headers_finished:
            return taken
        if self.server.overfull(request) or self.server.crowded(self, request):
            request.error = BodiesFull("too much at once")
            request.completed = True
            self.requests.append(request)
            self.request = None
            if len(self.requests) == 1:
                self.server.add_task(self)
        return taken

    def service(self) -> None:
        """Answer one request."""
        super().service()
        self.quiet_since = time.monotonic()

    @property
    def busy(self) -> bool:
        """Return whether a request is arriving, or an answer is being made or sent."""
        return bool(self.request is not None or self.requests or self.total_outbufs_len)

    def cut(self) -> None:
        """Close at once, and drop unsent data."""
        with suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.handle_close()

    def overdue(self, now: float) -> bool:
        """Return whether this connection exceeded a time limit."""
        bounds = self.server.bounds
        if self.total_outbufs_len:
            self.answer_since = self.answer_since or now
            return now - self.answer_since > bounds.answer_s
        self.answer_since = None
        if self.requests:
            return False
        if self.request is None:
            fresh = self.quiet_since == self.opened
            return now - self.quiet_since > (bounds.header_s if fresh else bounds.idle_s)
        if self.request.headers_at is None:
            return now - self.request.began > bounds.header_s
        return now - self.request.headers_at > bounds.body_s


class Server(TcpWSGIServer):  # type: ignore[misc]
    """All connections of the site."""

    channel_class = Channel
    next_channel_cleanup: float

    def __init__(
        self,
        application: WSGIApplication,
        bounds: Bounds,
        proxy: TrustedProxy | None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Listen; `proxy` may have more connections than a visitor."""
        self.bounds = bounds
        self._proxy = proxy
        self._probes = ThreadedTaskDispatcher()
        self._probes.set_thread_count(1)
        adjustments = Adjustments(**_adjustments(bounds), **waitress_options(proxy), **options)
        adjustments.bounds = bounds  # the parsers have no other way to it
        super().__init__(application, {}, adj=adjustments)

    def add_task(self, task: Channel) -> None:
        """Give a request to a worker; probes have their own."""
        probe = task.requests and getattr(task.requests[0], "path", "") == PROBE
        (self._probes if probe else self.task_dispatcher).add_task(task)

    def readable(self) -> bool:
        """Do maintenance when it is time; always accept new connections."""
        now = time.time()
        if now >= self.next_channel_cleanup:
            self.next_channel_cleanup = now + self.adj.cleanup_interval
            self.maintenance(now)
        return bool(self.accepting)

    def handle_accept(self) -> None:
        """Accept a connection, and close an older one if there are too many."""
        super().handle_accept()
        channels = list(self.active_channels.values())
        if not channels:
            return
        newest = channels[-1]
        address = newest.addr[0]
        if not self._behind_proxy(newest):
            same = [each for each in channels if each.addr[0] == address]
            if len(same) > self.bounds.per_address:
                _drop(same, newest)
        if len(channels) > self.bounds.connections:
            _drop(channels, newest)

    def overfull(self, request: TimedParser) -> bool:
        """Return whether this request's body and all other unfinished bodies are too large together."""
        if request.coming() == 0 or request.admitted:
            return False
        request.admitted = not request.chunked  # its length is known, and counts from now on
        others = (each.request for each in list(self.active_channels.values()))
        return bool(sum(each.coming() for each in others if each is not None) > self.bounds.all_bodies)

    def crowded(self, channel: Channel, request: TimedParser) -> bool:
        """Return whether a visitor behind the proxy has too many open requests; checked once per request."""
        if request.counted or self._proxy is None or not self._behind_proxy(channel):
            return False
        request.counted = True
        channel.visitor = visitor_behind(self._proxy, request.headers.get("X_FORWARDED_FOR", ""))
        same = [each for each in list(self.active_channels.values()) if each.visitor == channel.visitor and each.busy]
        return bool(channel.visitor) and len(same) > self.bounds.per_address

    def _behind_proxy(self, channel: Channel) -> bool:
        return bool(self._proxy is not None and channel.addr[0] == self._proxy.address)

    def maintenance(self, now: float) -> None:  # noqa: ARG002 waitress' signature
        """Close overdue connections."""
        at = time.monotonic()
        for channel in list(self.active_channels.values()):
            if channel.overdue(at):
                channel.cut()

    def shut(self) -> None:
        self._probes.shutdown(timeout=1)
        self.task_dispatcher.shutdown(timeout=1)
        for channel in list(self.active_channels.values()):
            channel.handle_close()
        with suppress(OSError):
            self.close()


def _drop(channels: Iterable[Channel], newest: Channel) -> None:
    """Close the connection that has been idle longest; close `newest` only if all others are busy."""
    idle = [each for each in channels if each is not newest and not each.requests and not each.total_outbufs_len]
    victim = min(idle, key=lambda each: each.quiet_since, default=newest)
    victim.handle_close()


def _adjustments(bounds: Bounds) -> dict[str, Any]:
    return {
        "threads": bounds.threads,
        "ident": None,
        "backlog": 1024,
        "connection_limit": 2 * bounds.connections,
        "cleanup_interval": 1,
        "asyncore_loop_timeout": 1,
        "asyncore_use_poll": True,
        "max_request_header_size": bounds.header_bytes,
        "max_request_body_size": bounds.thrown_away,
        "inbuf_overflow": bounds.thrown_away,  # no body of a patient goes into a temporary file
        "outbuf_overflow": bounds.thrown_away,
    }


def check_port(host: str, port: int) -> None:
    """Raise PortInUse if another process listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(host, port) from error


def raise_file_limit(connections: int) -> int:
    """Raise the limit of open files as far as allowed; return how many connections fit."""
    try:
        import resource
    except ImportError:
        return connections
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVED_FILES
    wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return min(connections, max(wanted, soft) - RESERVED_FILES)
