"""Whose X-Forwarded-For is believed, and which address of it."""

from __future__ import annotations

import pytest

from donebit.config import Settings
from donebit.web.front.proxies import TrustedProxies

TRUSTED = TrustedProxies(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "believed"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "198.51.100.1, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "192.0.2.7, 10.1.2.3", "192.0.2.7"),
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "192.0.2.7,garbage", "127.0.0.1"),
        ("127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:10.0.0.9", "192.0.2.7", "192.0.2.7"),
        ("203.0.113.5", "192.0.2.7", "203.0.113.5"),
        ("203.0.113.5", "127.0.0.1", "203.0.113.5"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(
    peer: str, forwarded: str, believed: str
) -> None:
    assert TRUSTED.client({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}) == believed


def test_without_the_setting_nobody_is_believed() -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}

    assert TrustedProxies(()).client(environ) == "127.0.0.1"


@pytest.mark.parametrize("listed", ["proxy.example", "10.0.0.0/33", "10.0.0.0/8,nothing"])
def test_a_setting_that_is_no_list_of_addresses_is_refused(listed: str) -> None:
    with pytest.raises(ValueError, match="must be addresses or networks such as"):
        Settings(trusted_proxies=listed)  # type: ignore[arg-type]  # as the environment has it
