"""Which hosts and addresses a webhook may be sent to: only hosts that the operator has listed."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from donebit.errors import InvalidInput

MAX_URL_LENGTH = 2000
VISIBLE_ASCII = re.compile(r"[!-\[\]-~]*")  # libraries parse other characters differently
SCHEMES = ("http", "https")
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: a gateway forwards it to the IPv4 address in it

Address = IPv4Address | IPv6Address


def checked_url(url: str, hosts: Collection[str]) -> Url:
    """Parse and check the URL of a webhook.

    Args:
        hosts: those that are listed in WEBHOOK_HOSTS.

    Raises:
        InvalidInput: it is not an http or https URL, carries a password, or names a host that is not listed.
    """
    if not VISIBLE_ASCII.fullmatch(url):
        raise _refused(url, "it must consist of visible ASCII characters, without a backslash")
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise _refused(url, "it must be an http or https address") from None
    if parts.scheme not in SCHEMES or not parts.host:
        raise _refused(url, "its scheme must be http or https, and it must name a host")
    if parts.port == 0:
        raise _refused(url, "its port must be 1 to 65535")
    if parts.auth is not None:
        raise _refused(url, "it must not carry a user or password; the request is signed")
    if host_of(parts) not in {listed.lower() for listed in hosts}:
        known = ", ".join(sorted(hosts)) or "none"
        raise _refused(url, f"its host must be one of WEBHOOK_HOSTS, which has: {known}")
    return parts


def host_of(url: Url) -> str:
    """The host as WEBHOOK_HOSTS lists it: lower case, an IPv6 address without brackets."""
    return (url.host or "").strip("[]").rstrip(".").lower()


def _refused(url: str, why: str) -> InvalidInput:
    return InvalidInput(f"webhook is {url[:120]!r}; {why}", field="webhook.url")


def may_be_reached(address: str, hosts: Collection[str]) -> bool:
    """Whether a resolved address may be connected to: a public one, or one that is listed literally.

    Otherwise a listed name that resolves to a private address could reach hosts inside the firewall.
    """
    found = _effective_address(ip_address(address))
    listed = {_effective_address(ip_address(host)) for host in hosts if _is_address(host)}
    return found in listed or _is_public(found)


def _effective_address(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for or leads to, if any, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    # Addresses that IANA has not assigned are "global" too, as are the old site-local ones (fec0::/10).
    of_a_site = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or of_a_site)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
