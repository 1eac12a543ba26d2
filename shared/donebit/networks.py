"""What counts as one address, where something is bounded by address."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network

IPV6_NETWORK = 64  # bits: whoever has one address has all of these


def network_of(address: str) -> str:
    """An address, or the network of one of IPv6; what is none as it is."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped:  # as a service that listens on `::` sees a client of IPv4
        return str(found.ipv4_mapped)
    return str(ip_network((found, IPV6_NETWORK), strict=False))
