"""Which hospital's server answers a question, and why: a function of the servers, their state, and what is allowed.

Invariant: a server outside the policy or outside the wish is never chosen, no matter how free or near it is. Equal
inputs give equal choices.

The order: what the person wishes; else the home hospital; else the smallest cost, which adds distance and load. A
server that is closed, silent or has another model than the ledger's newest comes last, or not at all.

Source: R. W. Sinnott, "Virtues of the Haversine", 1984 (distance).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fl.protocol.names import Digest

EARTH_KM = 6371.0
KM_PER_WAITING = 100.0
"""One more question in a server's queue counts like this distance."""
BUSY = 4
"""A home server with so many questions waiting has no priority over others."""


class Why(StrEnum):
    """Why a server was chosen."""

    WISH = "wish"
    HOME = "home"
    NEAREST = "nearest"
    FREEST = "freest"
    FALLBACK = "fallback"
    """A better one did not answer."""


@dataclass(frozen=True)
class Place:
    """A place on the earth, in degrees."""

    latitude: float
    longitude: float

    def km_to(self, other: Place) -> float:
        """Return the great-circle distance in km."""
        one, two = math.radians(self.latitude), math.radians(other.latitude)
        north, east = two - one, math.radians(other.longitude - self.longitude)
        half = math.sin(north / 2) ** 2 + math.cos(one) * math.cos(two) * math.sin(east / 2) ** 2
        return 2.0 * EARTH_KM * math.asin(math.sqrt(min(half, 1.0)))


@dataclass(frozen=True)
class Server:
    """A hospital's server, from the settings of the site."""

    name: str
    """The hospital's registered name."""
    url: str
    """Empty for the site's own server."""
    region: str
    """Where pictures that it gets are processed: `DE`, `EU`..."""
    place: Place | None = None


@dataclass(frozen=True)
class Health:
    """What a server said about itself."""

    round: int
    model_digest: Digest
    waiting: int
    """Questions that it has not yet answered."""


@dataclass(frozen=True)
class Wish:
    """What this question allows and asks for."""

    home: str
    """The name of the site's own hospital."""
    model_digest: Digest
    """The newest model on the ledger, as the site sees it."""
    regions: Collection[str] = ()
    """Regions into which a picture may go; the home hospital is always allowed."""
    server: str = ""
    """The name of the server that the person chose; empty for none."""
    place: Place | None = None
    """Where the person is; None for the home hospital's place."""


@dataclass(frozen=True)
class Choice:
    """One server in the order of choice."""

    server: Server
    why: Why
    km: float | None = None
    """Its distance; None if a place is unknown."""


def ranked(
    servers: Sequence[Server], wish: Wish, health: Mapping[str, Health], shut: Collection[str] = ()
) -> tuple[Choice, ...]:
    """Return the servers that may answer, the best first.

    Args:
        servers: All servers; the home hospital's is among them.
        wish: What is asked and allowed.
        health: By name; a server that did not answer is missing.
        shut: Names of servers that failed lately (circuit breaker).

    The home hospital stays in the list even if it is busy, so that there is always an answer to try.
    """
    allowed = [one for one in servers if one.name == wish.home or one.region in wish.regions]
    if wish.server:
        allowed = [one for one in allowed if one.name in {wish.server, wish.home}]
    home = next((one for one in servers if one.name == wish.home), None)
    here = wish.place or (home.place if home else None)
    fit = [one for one in allowed if one.name == wish.home or _fits(one, wish, health, shut)]
    ordered = sorted(fit, key=lambda one: _rank(one, wish, health.get(one.name), here))
    return tuple(Choice(one, _why(one, wish, ordered, here), _km(one, here)) for one in ordered)


def _fits(server: Server, wish: Wish, health: Mapping[str, Health], shut: Collection[str]) -> bool:
    state = health.get(server.name)
    return server.name not in shut and state is not None and state.model_digest == wish.model_digest


def _rank(server: Server, wish: Wish, state: Health | None, here: Place | None) -> tuple[bool, bool, float, str]:
    """Return what sorts the servers: the wished one, the home hospital unless it is busy or silent, the cheapest."""
    home = server.name == wish.home and state is not None and state.waiting < BUSY
    return (server.name != wish.server, not home, _cost(server, state, here), server.name)


def _cost(server: Server, state: Health | None, here: Place | None) -> float:
    if state is None:
        return math.inf
    return (_km(server, here) or 0.0) + KM_PER_WAITING * state.waiting


def _why(server: Server, wish: Wish, ordered: Sequence[Server], here: Place | None) -> Why:
    if server.name == wish.server:
        return Why.WISH
    if server is not ordered[0]:
        return Why.FALLBACK
    if server.name == wish.home:
        return Why.HOME
    others = [one for one in ordered if one.name != wish.home]
    distances = [far for one in others if (far := _km(one, here)) is not None]
    return Why.NEAREST if len(distances) > 1 and _km(server, here) == min(distances) else Why.FREEST


def _km(server: Server, here: Place | None) -> float | None:
    return None if server.place is None or here is None else here.km_to(server.place)
