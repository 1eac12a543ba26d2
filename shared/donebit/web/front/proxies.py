"""Whose X-Forwarded-For is believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any


class TrustedProxies:
    """The addresses and networks of an installation's own proxies."""

    def __init__(self, listed: Iterable[str]) -> None:
        self._networks = [ip_network(one, strict=False) for one in listed]

    def client(self, environ: Mapping[str, Any]) -> str:
        """Return the address that a request came from: the last one that no trusted proxy has.

        A client can write whatever it likes at the beginning of the header; each proxy adds to its end.
        """
        address: str = environ["REMOTE_ADDR"]
        if not self._networks:
            return address
        for before in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
            found = _read_address(before)
            if found is None or not self._trusted(_read_address(address)):
                break
            address = str(found)
        return address

    def has(self, address: str) -> bool:
        """Whether an address is one of theirs."""
        return bool(self._networks) and self._trusted(_read_address(address))

    def _trusted(self, address: IPv4Address | IPv6Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip().removeprefix("[").partition("]")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
