"""Chooses the connection to a node: direct HTTP on this machine, web3 and `requests` elsewhere."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from chain.rpc.direct import Direct
from chain.rpc.transport import Broken, Wire


def wire_to(url: str, ca: str = "") -> Wire:
    """Return a wire to `url` without sending anything; raise Broken unless it is an HTTP URL.

    `ca` are the CAs (PEM) that may sign the node's certificate; empty: the public ones.
    """
    try:
        place = urlsplit(url)
        usable = place.scheme in ("http", "https") and place.hostname and place.port != 0
    except ValueError as error:
        raise Broken("it is not a URL of the form http://HOST:PORT") from error
    if not usable:
        raise Broken("it is not a URL of the form http://HOST:PORT")
    if place.scheme == "http" and is_loopback(place) and not (place.username or place.query):
        return Direct(place)
    from chain.rpc.http import Provider  # noqa: PLC0415  # a chain on this machine needs no web3

    return Provider(url, trust_env=not is_loopback(place), ca=ca)


def is_loopback(place: SplitResult) -> bool:
    """Return whether a URL means this machine."""
    host = place.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
