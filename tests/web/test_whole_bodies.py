"""A body that is cut short, compressed or without a length: whole it counts, else nothing is changed."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from redis import Redis

from donebit.addresses import LOOPBACK
from donebit.store import Store
from donebit.web.whole_body import WINDOW_BITS, inflated
from tests.conftest import everything
from tests.servers import running, valkey_binary
from tests.web.real import RealServices, running_services
from tests.web.services import Services, body_of, chunked, problem_of

BYTES, LINES, JSON = "application/octet-stream", "application/x-ndjson", "application/json"
IDS = struct.pack("<1000I", *range(1000))
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
}
MOST = 10_000

# Of each kind of body: the request, the whole body, and how many bytes come before the connection breaks.
CUT = [
    ("PUT", "/flags/f/bitmap?format=raw", BYTES, b"\xff" * 1000, 100),
    ("PUT", "/flags/f/bitmap?format=ids", LINES, b"1\n4000000000\n", 5),
    ("PUT", "/flags/f/users", BYTES, IDS, 400),
    ("DELETE", "/flags/f/users", BYTES, IDS, 400),
    ("POST", "/events/e", BYTES, IDS, 400),
    ("POST", "/events/e", LINES, b'{"user": 1}\n{"user": 2}\n', 12),
    ("POST", "/visits", LINES, b'{"event": "e", "user": 1}\n{"event": "e", "user": 2}\n', 26),
    ("POST", "/events/e/bitmap?format=raw", BYTES, b"\xff" * 1000, 100),
    ("POST", "/events/e", JSON, b'{"users": [1]}        ', 14),
]


@pytest.fixture(scope="module")
def running_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealServices, Redis]]:
    with (
        running(valkey_binary(), tmp_path_factory.mktemp("bodies")) as server,
        running_services(tmp_path_factory.mktemp("services"), server.url) as services,
        closing(Redis.from_url(server.url)) as client,
    ):
        yield services, client


@pytest.fixture
def flagged(running_store: tuple[RealServices, Redis]) -> tuple[RealServices, Redis]:
    """Real services, with a flag of three users."""
    services, client = running_store
    services.ask("distinct", "PUT", "/flags/f/users", {"users": [1, 2, 3]})
    return services, client


def sent(services: RealServices, head: list[str], body: bytes, *, broken: bool) -> bytes:
    """The answer to what is written on a socket, which is then closed for writing if it breaks."""
    with socket.create_connection((LOOPBACK, services.ports["distinct"]), timeout=10) as connection:
        lines = [*head, "Host: 127.0.0.1", "Connection: close", "", ""]
        connection.sendall("\r\n".join(lines).encode() + body)
        if broken:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def data(client: Redis) -> dict[bytes, object]:
    """What is stored, less what health and the sweep write by the clock."""
    return {key: value for key, value in everything(client).items() if b"seen:{" in key or b"flag" in key}


@pytest.mark.parametrize(("method", "path", "kind", "body", "until"), CUT)
def test_a_body_whose_connection_breaks_changes_nothing(
    flagged: tuple[RealServices, Redis], method: str, path: str, kind: str, body: bytes, until: int
) -> None:
    services, client = flagged
    before = data(client)
    head = [f"{method} {path} HTTP/1.1", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]

    answer = sent(services, head, body[:until], broken=True)

    assert b" 200 " not in answer[:20]
    assert data(client) == before
    assert sent(services, head, body, broken=False).startswith(b"HTTP/1.1 200 ")


# The first are of routes that read a bitmap whatever the type, where a client may well say JSON.
CHUNKED = [(*one[:2], JSON, *one[3:]) for one in CUT if "/bitmap" in one[1]] + CUT[:-1]


@pytest.mark.parametrize(("method", "path", "kind", "body", "until"), CHUNKED)
def test_a_chunked_body_without_an_end_of_its_own_needs_a_length(
    flagged: tuple[RealServices, Redis], method: str, path: str, kind: str, body: bytes, until: int
) -> None:
    services, client = flagged
    before = data(client)
    head = [f"{method} {path} HTTP/1.1", f"Content-Type: {kind}", "Transfer-Encoding: chunked"]
    chunk = f"{until:x}\r\n".encode() + body[:until] + b"\r\n"

    whole = sent(services, head, chunk + b"0\r\n\r\n", broken=False)
    cut = sent(services, head, chunk, broken=True)

    assert whole.startswith(b"HTTP/1.1 411 ")
    assert b"has no Content-Length" in whole
    assert b" 200 " not in cut[:20]
    assert data(client) == before


@pytest.mark.parametrize(
    ("kind", "encoding", "body"), [(JSON, "", b'{"users": [1]}'), (BYTES, "gzip", gzip.compress(IDS))]
)
def test_a_chunked_body_with_an_end_of_its_own_is_taken_if_whole(
    flagged: tuple[RealServices, Redis], kind: str, encoding: str, body: bytes
) -> None:
    services, client = flagged
    head = ["POST /events/chunked HTTP/1.1", f"Content-Type: {kind}", "Transfer-Encoding: chunked"]
    head += [f"Content-Encoding: {encoding}"] if encoding else []
    before = data(client)

    cut = sent(services, head, f"{len(body) - 1:x}\r\n".encode() + body[:-1] + b"\r\n", broken=True)

    assert b" 200 " not in cut[:20]
    assert data(client) == before
    whole = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    assert sent(services, head, whole, broken=False).startswith(b"HTTP/1.1 200 ")


@pytest.fixture
def small(real_store: Store) -> Services:
    """Services that take bodies of at most 10,000 bytes."""
    return Services(real_store, max_body_bytes=MOST)


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize(
    ("kind", "body"), [(BYTES, IDS), (JSON, json.dumps({"users": list(range(1000))}).encode())]
)
def test_a_compressed_body_is_decompressed(small: Services, encoding: str, kind: str, body: bytes) -> None:
    headers = {"Content-Encoding": encoding}

    made = small.distinct.post("/events/e", data=ENCODERS[encoding](body), content_type=kind, headers=headers)

    assert body_of(made)["fresh"] == 1000
    assert body_of(small.distinct.get("/events/e/users/999"))["present"] is True


def test_a_gzip_body_of_two_members_is_both(small: Services) -> None:
    body = gzip.compress(IDS[:400]) + gzip.compress(IDS[400:])

    made = small.distinct.post(
        "/events/e", data=body, content_type=BYTES, headers={"Content-Encoding": "gzip"}
    )

    assert body_of(made)["fresh"] == 1000


def test_what_follows_a_gzip_member_is_not_copied_for_every_member() -> None:
    body = CountedBytes(gzip.compress(b"") * 20_000)

    assert inflated(body, WINDOW_BITS["gzip"], MOST) == (b"", 20_000)
    assert body.copied < 300 * len(body)  # a copy of the rest for each would be 10,000 times


class CountedBytes(bytes):
    """Bytes that count how many of them slices have copied."""

    copied = 0

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        self.copied += len(part)
        return part


def test_several_gzip_members_without_a_length_are_411(small: Services, real_client: Redis) -> None:
    body = gzip.compress(IDS[:400]) + gzip.compress(IDS[400:])
    headers = {"Content-Encoding": "gzip"}

    answer = small.distinct.post("/events/e", **chunked(body), content_type=BYTES, headers=headers)

    assert "several gzip members and no Content-Length" in problem_of(answer, 411)["detail"]
    assert everything(real_client) == {}


def test_a_deflate_body_has_one_stream(small: Services, real_client: Redis) -> None:
    body = zlib.compress(IDS[:400]) + zlib.compress(IDS[400:])

    answer = small.distinct.post(
        "/events/e", data=body, content_type=BYTES, headers={"Content-Encoding": "deflate"}
    )

    assert "goes on after the end of its Content-Encoding deflate" in problem_of(answer)["detail"]
    assert everything(real_client) == {}


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "aes128gcm"])
def test_an_encoding_that_is_not_decoded_is_415(small: Services, real_client: Redis, encoding: str) -> None:
    answer = small.distinct.post(
        "/events/e", data=IDS, content_type=BYTES, headers={"Content-Encoding": encoding}
    )

    problem = problem_of(answer, 415)
    assert problem["detail"] == (
        f"Content-Encoding is {encoding!r}; a body may be gzip, deflate or not encoded"
    )
    assert answer.headers["Accept-Encoding"] == "gzip, deflate"
    assert everything(real_client) == {}


@pytest.mark.parametrize("over", [0, 1])
def test_a_compressed_body_may_have_the_limit_and_no_more(small: Services, over: int) -> None:
    body = gzip.compress(bytes(MOST + 4 * over))

    answer = small.distinct.post(
        "/events/e", data=body, content_type=BYTES, headers={"Content-Encoding": "gzip"}
    )

    assert answer.status_code == (413 if over else 200)


def test_a_bomb_is_refused_before_it_is_unpacked(small: Services, real_client: Redis) -> None:
    bomb = gzip.compress(bytes(8_000_000))
    assert len(bomb) < MOST

    for sent_body in (bomb, gzip.compress(b"") * 100 + bomb):
        answer = small.distinct.post(
            "/events/e", data=sent_body, content_type=BYTES, headers={"Content-Encoding": "gzip"}
        )
        assert "more than 10000 bytes when it is decompressed" in problem_of(answer, 413)["detail"]

    assert everything(real_client) == {}


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", IDS),
        ("gzip", gzip.compress(IDS)[:-1]),
        ("gzip", gzip.compress(IDS) + b"more"),
        ("gzip", b""),
        ("deflate", gzip.compress(IDS)),
        ("deflate", zlib.compress(IDS)[:-1]),
    ],
)
def test_a_body_that_is_not_whole_in_its_encoding_is_refused(
    small: Services, real_client: Redis, encoding: str, body: bytes
) -> None:
    answer = small.distinct.post(
        "/events/e", data=body, content_type=BYTES, headers={"Content-Encoding": encoding}
    )

    assert f"no whole body of Content-Encoding {encoding}" in problem_of(answer)["detail"]
    assert everything(real_client) == {}


def test_a_chunked_body_above_the_limit_is_refused(small: Services, real_client: Redis) -> None:
    answer = small.distinct.post("/events/e", **chunked(b" " * (MOST + 1)), content_type=JSON)

    assert "Content-Length" not in answer.request.headers
    problem_of(answer, 413)

    assert everything(real_client) == {}


def test_a_form_of_a_page_may_be_compressed(small: Services) -> None:
    form = gzip.compress(b"count=3&job=demo&label=pressed")

    small.trigger.post(
        "/start",
        data=form,
        content_type="application/x-www-form-urlencoded",
        headers={"Content-Encoding": "gzip"},
    )

    assert body_of(small.done.get("/tasks?label=pressed"))["tasks"][0]["count"] == 3
