"""A webhook goes to the hosts that are listed and nowhere else, whatever a URL or a name service says."""

from __future__ import annotations

import pytest

from done_app.worker.deliveries.courier import NotDelivered
from donebit.completion.delivery import DeliveryRefused
from donebit.errors import InvalidInput
from donebit.webhook_policy import checked_url, host_of, may_be_reached
from tests.done_app.worker.deliveries.hooks import NAME, Names, names, send
from tests.receiver import receiving

__all__ = ["names"]  # a fixture

HERE = "127.0.0.1"
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.1.2.3",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.1.2.3",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a01:203::1",
    "2001::1",
    "fc00::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_reached_by_a_listed_name(address: str) -> None:
    assert not may_be_reached(address, [NAME, "localhost"])


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_reached_by_a_listed_name(address: str) -> None:
    assert may_be_reached(address, [NAME])


@pytest.mark.parametrize(
    ("address", "listed"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("64:ff9b::10.1.2.3", "10.1.2.3"),
        ("::1", "::1"),
        ("::1", "0:0:0:0:0:0:0:1"),
        ("10.1.2.3", "10.1.2.3"),
    ],
)
def test_a_private_address_is_reached_when_it_is_listed_itself(address: str, listed: str) -> None:
    assert may_be_reached(address, [NAME, listed])
    assert not may_be_reached("10.1.2.4", [NAME, listed])


@pytest.mark.parametrize("address", [HERE, "::ffff:127.0.0.1", "127.0.0.2"])
def test_a_listed_name_that_is_a_private_address_is_not_connected_to(names: Names, address: str) -> None:
    names.set(NAME, [address])

    with (
        receiving(host="127.0.0.2" if address == "127.0.0.2" else HERE) as receiver,
        pytest.raises(NotDelivered, match="a private address that WEBHOOK_HOSTS does not list"),
    ):
        send(receiver.url_at(NAME), NAME)

    assert receiver.requests == []


def test_localhost_is_not_reached_when_only_its_name_is_listed() -> None:
    with receiving() as receiver, pytest.raises(NotDelivered, match=r"localhost is .*, a private address"):
        send(receiver.url_at("localhost"), "localhost")

    assert receiver.requests == []


def test_a_name_and_its_private_address_are_both_listed(names: Names) -> None:
    names.set(NAME, [HERE])

    with receiving() as receiver:
        send(receiver.url_at(NAME), NAME, HERE)

    assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"


def test_of_several_addresses_one_that_may_be_reached_is_taken(names: Names) -> None:
    names.set(NAME, ["10.1.2.3", HERE])

    with receiving() as receiver:
        send(receiver.url_at(NAME), NAME, HERE)

    assert len(receiver.requests) == 1


def test_the_address_that_was_checked_is_the_one_connected_to(names: Names) -> None:
    """Rebinding: a name that is an allowed address when it is checked and another when it is used."""
    with receiving() as allowed, receiving(host="127.0.0.2", port=allowed.port) as behind_the_firewall:
        names.set(NAME, [HERE], ["127.0.0.2"])

        send(allowed.url_at(NAME), NAME, HERE)

    assert (len(allowed.requests), behind_the_firewall.requests) == (1, [])
    assert names.asked == [NAME]


def test_the_address_is_checked_at_every_attempt(names: Names) -> None:
    names.set(NAME, [HERE], ["127.0.0.2"])

    with receiving() as allowed, receiving(host="127.0.0.2", port=allowed.port) as behind_the_firewall:
        send(allowed.url_at(NAME), NAME, HERE)
        with pytest.raises(NotDelivered, match=r"is 127\.0\.0\.2, a private address"):
            send(allowed.url_at(NAME), NAME, HERE)

    assert (len(allowed.requests), behind_the_firewall.requests) == (1, [])


def test_an_ipv6_address_in_brackets_is_its_address() -> None:
    assert host_of(checked_url("http://[::1]:8080/told", ["::1"])) == "::1"
    with pytest.raises(NotDelivered, match=r"Connection refused|Cannot assign|unreachable"):
        send("http://[::1]:9/", "::1")


def test_a_host_removed_from_the_list_meanwhile_is_given_up() -> None:
    with receiving() as receiver:
        send(receiver.url, HERE)
        with pytest.raises(DeliveryRefused, match="host must be one of WEBHOOK_HOSTS, which has: none"):
            send(receiver.url)

    assert len(receiver.requests) == 1


SAME_HOST = [
    "http://listed.example/",
    "HTTP://LISTED.example/x",
    "https://listed.example:8443/x?y#z",
    "http://listed.example./",
    "http://listed.example:/",
    "http://listed.example#@evil.example/",
    "http://listed.example?@evil.example/",
    "http://listed.example/@evil.example/",
    "http://listed.example/%0d%0aHost:%20evil.example",
]
# Of which one library makes one address, and the next another.
AMBIGUOUS = [
    "http://listed.example\\@evil.example/",
    "http://listed.example/\r\nHost: evil.example",
    "http://listed.example/a b",
    "http://listed.example/\ud800",
    "http://listed.example/ä",
    "http://listed.example/\x7f",
]


@pytest.mark.parametrize("url", AMBIGUOUS)
def test_what_may_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(
        InvalidInput, match="it must consist of visible ASCII characters, without a backslash"
    ):
        checked_url(url, ["listed.example"])


@pytest.mark.parametrize("url", SAME_HOST)
def test_however_it_is_written_it_goes_to_the_listed_host(url: str) -> None:
    parts = checked_url(url, ["Listed.example"])

    assert host_of(parts) == "listed.example"
    assert str(parts.netloc).partition(":")[0].rstrip(".") == "listed.example"
    assert parts.request_uri.isascii()
    assert not set(parts.request_uri) & set(" \r\n\t\\")


OTHER_HOST = [
    "http://evil.example/",
    "http://evil.example/listed.example",
    "http://listed.example.evil.example/",
    "http://evillisted.example/",
    "http://sub.listed.example/",
    "http://listed.example@evil.example/",
    "http://listed.example:80@evil.example/",
    "http://listed.example%40evil.example/",
    "http://evil.example\\@listed.example/",
    "http://evil.example#@listed.example/",
    "http://evil.example?@listed.example/",
    "http://listed.example%2eevil.example/",
    "http://listed.example,evil.example/",
    "http://listed.example;evil.example/",
    "http://2130706433/",
    "http://127.1/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::1]/",
    "http://L\u0130STED.example/",
    "http://\uff4cisted.example/",
    "http://l\u0456sted.example/",  # with a Cyrillic i
]
NO_URL = [
    "",
    "/",
    "x",
    "listed.example/x",
    "//listed.example/x",
    "http:///x",
    "http:/x",
    "http:listed.example/x",
    "http:\\\\listed.example/",
    "http://",
    "http://:80/",
    "http://user@listed.example/",
    "http://user:password@listed.example/",
    "http://listed.example:0/",
    "http://listed.example:65536/",
    "http://listed.example:-1/",
    "http://listed.example:+80/",
    "http://listed.example:80:80/",
    "http://listed.example:\uff18\uff10/",
    "http://listed.example:80 /",
    "http://listed.example /",
    " http://listed.example/",
    "\thttp://listed.example/",
    "http://listed\t.example/",
    "http://listed.example\r\n/",
    "http://listed.example\n",
    "http://listed.example\0/",
    "http://listed.example%00/",
    "http://listed\ud800.example/",
    "http://[::1/",
    "http://::1/",
    "http://[listed.example]/",
    "file://listed.example/etc/passwd",
    "ftp://listed.example/",
    "gopher://listed.example/",
    "unix:///var/run/docker.sock",
    "javascript:alert(1)",
    "data:text/plain,x",
    "https+unix://listed.example/",
]


@pytest.mark.parametrize("url", [*OTHER_HOST, *NO_URL])
def test_whatever_is_another_host_or_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_url(url, ["listed.example"])

    assert refused.value.field == "webhook.url"
    assert refused.value.detail.startswith(f"webhook is {url!r}; it")


def test_nothing_is_listed_unless_somebody_lists_it() -> None:
    with pytest.raises(InvalidInput, match="WEBHOOK_HOSTS, which has: none"):
        checked_url("http://127.0.0.1/", ())
