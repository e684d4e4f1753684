"""The network of an address: what the site keeps instead of the address itself.

Source: RFC 6177 (a site has a /48).
"""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network

IPV4_PREFIX, IPV6_PREFIX = 24, 48


def network_of(address: str) -> str:
    """Return the network of an address, such as `192.0.2.0/24`; empty if it is not an address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    prefix = IPV4_PREFIX if isinstance(parsed, IPv4Address) else IPV6_PREFIX
    return str(ip_network((parsed, prefix), strict=False))
