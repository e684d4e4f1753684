"""The TLS proxy in front of the site: which one is believed, and about what.

Invariant: a claimed address counts only when the peer of the connection is the trusted proxy; without one nothing of
the kind reaches the site.

Source: waitress documentation, "Using Behind a Reverse Proxy"; RFC 7239, 8.1 (what clients claim).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Self

from fl.protocol.errors import SettingInvalid

BELIEVED = frozenset({"x-forwarded-for", "x-forwarded-proto"})
SETTING = "trusted-proxy"


@dataclass(frozen=True)
class TrustedProxy:
    """One proxy, and how many of its kind stand in a row."""

    address: str
    """From which it connects to the site, in its canonical form."""
    count: int

    @classmethod
    def parse(cls, address: str | None, count: int, *, tls: bool) -> Self | None:
        """Return the proxy that the command line names, None when it names none.

        Raises:
            SettingInvalid: it is no address of one machine, speaks no TLS to visitors, or is only counted.
        """
        if address is None:
            if count != 1:
                raise SettingInvalid("proxies", "it counts trusted proxies; name the nearest by --trusted-proxy")
            return None
        try:
            found = ip_address(address)
        except ValueError as error:
            raise SettingInvalid(SETTING, f"{address!r} is no IP address") from error
        if found.is_unspecified or found.is_multicast:
            raise SettingInvalid(SETTING, f"{address} is not the address of one machine")
        if not tls:
            raise SettingInvalid(SETTING, "the proxy must speak TLS to visitors; say so by --tls")
        return cls(str(found), count)


def waitress_options(proxy: TrustedProxy | None) -> dict[str, Any]:
    """Return what waitress must know of the proxy; from anybody else such headers are dropped."""
    trusted = {"trusted_proxy": proxy.address, "trusted_proxy_count": proxy.count} if proxy else {}
    headers = {"trusted_proxy_headers": set(BELIEVED)} if proxy else {}
    return {**trusted, **headers, "clear_untrusted_proxy_headers": True}


def visitor_behind(proxy: TrustedProxy, forwarded_for: str) -> str:
    """Return for whom the proxy sends a request, by its X-Forwarded-For, as waitress does; "" where it names none."""
    hops = [hop.strip().strip('"') for hop in forwarded_for.split(",")]
    return hops[-proxy.count :][0]
