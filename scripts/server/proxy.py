"""The TLS proxy in front of the site: which proxy the site trusts, and which headers.

Invariant: the site believes a claimed address only if the connection comes from the trusted proxy. Without a trusted
proxy, such headers never reach the site.

Source: waitress documentation, "Using Behind a Reverse Proxy"; RFC 7239, 8.1 (claims of clients).
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
    """The nearest proxy, and the number of proxies in a row."""

    address: str
    """The IP address from which it connects to the site, in canonical form."""
    count: int

    @classmethod
    def parse(cls, address: str | None, count: int, *, tls: bool) -> Self | None:
        """Return the proxy that the command line names, or None.

        Raises:
            SettingInvalid: the address is not one machine's, --tls is missing, or --proxies is given without a proxy.
        """
        if address is None:
            if count != 1:
                raise SettingInvalid("proxies", "name the nearest proxy with --trusted-proxy")
            return None
        try:
            parsed = ip_address(address)
        except ValueError as error:
            raise SettingInvalid(SETTING, f"{address!r} is not an IP address") from error
        if parsed.is_unspecified or parsed.is_multicast:
            raise SettingInvalid(SETTING, f"{address} is not the address of one machine")
        if not tls:
            raise SettingInvalid(SETTING, "the proxy must use TLS with visitors; confirm this with --tls")
        return cls(str(parsed), count)


def waitress_options(proxy: TrustedProxy | None) -> dict[str, Any]:
    """Return waitress' settings for the proxy. From anybody else it drops such headers."""
    trusted = {"trusted_proxy": proxy.address, "trusted_proxy_count": proxy.count} if proxy else {}
    headers = {"trusted_proxy_headers": set(BELIEVED)} if proxy else {}
    return {**trusted, **headers, "clear_untrusted_proxy_headers": True}


def visitor_behind(proxy: TrustedProxy, forwarded_for: str) -> str:
    """Return the visitor's address in X-Forwarded-For, as waitress finds it; "" if there is none."""
    hops = [hop.strip().strip('"') for hop in forwarded_for.split(",")]
    return hops[-proxy.count :][0]
