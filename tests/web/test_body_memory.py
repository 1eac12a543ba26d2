"""What a body costs the service, refused or not: little more than the body."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from donebit.addresses import LOOPBACK
from donebit.demo.ports import free_server_port
from donebit.errors import InvalidInput
from donebit.web.json_size import MOST_MEMBERS, MOST_NESTED, MOST_VALUES, refuse_large
from tests.servers import running, valkey_binary
from tests.started import Started, eventually
from tests.web.held import MIB, Memory


def listed(one: bytes, number: int) -> bytes:
    return b'{"users": [' + b",".join([one] * number) + b"]}"


def unknown_fields() -> bytes:
    return b"{" + b",".join(b'"k%07d":1' % number for number in range(2_400_000)) + b"}"


BODIES: dict[str, Callable[[], bytes]] = {
    "29 MB of unknown fields": unknown_fields,
    "a million empty lists": lambda: listed(b"[]", 1_000_000),
    "a million empty objects": lambda: listed(b"{}", 1_000_000),
    "a million nulls": lambda: listed(b"null", 1_000_000),
    "a million truths": lambda: listed(b"true", 1_000_000),
    "ten million users": lambda: listed(b"1", 10_000_000),
    "a hundred thousand empty lists": lambda: listed(b"[]", 100_000),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Started]]:
    port = free_server_port()
    with running(valkey_binary(), tmp_path_factory.mktemp("memory-server")) as server:
        settings = {"DISTINCT_PORT": str(port), "REDIS_URL": server.url}
        folder = tmp_path_factory.mktemp("memory")
        started = Started([sys.executable, "-m", "distinct_app"], folder, **settings)
        try:
            eventually(lambda: answers(port), 30, what="the service did not start")
            yield port, started
        finally:
            started.end()


def answers(port: int) -> bool:
    try:
        return post(port, b'{"users": [1]}') == 200
    except OSError:
        return False


def post(port: int, body: bytes) -> int:
    return send(port, "POST", "/events/e", "application/json", body)


def send(port: int, method: str, path: str, media_type: str, body: bytes) -> int:
    with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=60)) as connection:
        connection.request(method, path, body, {"Content-Type": media_type})
        answer = connection.getresponse()
        answer.read()
        return answer.status


@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES)
def test_a_refused_body_takes_at_most_three_times_its_size(
    service: tuple[int, Started], make: Callable[[], bytes]
) -> None:
    port, started = service
    (child,) = started.children()
    memory, body = Memory(child), make()

    memory.forget_peak()
    status = post(port, body)

    assert status == 422
    assert memory.grown() <= 3 * len(body) + 20 * MIB


def ids_by_line(before: bytes, after: bytes = b"") -> bytes:
    return b"\n".join(before + b"%d" % number + after for number in range(1_000_000))


@pytest.mark.parametrize(
    ("method", "path", "media_type", "make"),
    [
        (
            "POST",
            "/events/listed",
            "application/json",
            lambda: b'{"users": [%s]}' % ids_by_line(b"", b",")[:-1],
        ),
        ("POST", "/events/lines", "application/x-ndjson", lambda: ids_by_line(b'{"user":', b"}")),
        ("PUT", "/flags/f/bitmap?format=ids", "application/x-ndjson", lambda: ids_by_line(b"")),
    ],
    ids=["visits in a list", "visits by line", "a flag by line"],
)
def test_an_accepted_body_takes_at_most_three_times_its_size(
    service: tuple[int, Started], method: str, path: str, media_type: str, make: Callable[[], bytes]
) -> None:
    port, started = service
    (child,) = started.children()
    memory, body = Memory(child), make()

    memory.forget_peak()
    status = send(port, method, path, media_type, body)

    assert status == 200
    assert memory.grown() <= 3 * len(body) + 20 * MIB


def test_a_million_users_in_a_list_take_little_more_than_the_list(service: tuple[int, Started]) -> None:
    port, started = service
    (child,) = started.children()
    memory, body = Memory(child), b'{"users": [%s]}' % b", ".join(b"%d" % one for one in range(10**6))

    for event in ("a", "b"):
        memory.forget_peak()
        assert send(port, "POST", f"/events/{event}", "application/json", body) == 200
        assert memory.grown() <= 2 * len(body) + 2 * MIB


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"[" + b"1," * MOST_VALUES + b"1,1]", "values"),
        (b"[" + b'{"a":1},' * MOST_MEMBERS + b'{"a" : 1}]', "named values in objects"),
        (b"[" + b"[]," * MOST_NESTED + b"[]]", "lists and objects"),
    ],
    ids=["values", "members", "nested"],
)
def test_json_of_more_than_any_route_takes_is_refused_unread(text: bytes, what: str) -> None:
    with pytest.raises(InvalidInput, match=rf"the body has more than \d+ {what}"):
        refuse_large(text)


@pytest.mark.parametrize("written", [rb'"a:[b]{c},\":["', rb'"\\"', rb'"\""'])
def test_what_stands_in_texts_is_not_counted(written: bytes) -> None:
    users = MOST_NESTED + MOST_MEMBERS

    refuse_large(b"[" + b",".join([written] * users) + b"]")
