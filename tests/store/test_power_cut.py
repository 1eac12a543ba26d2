"""A power cut within a script's write, and the remedy of docs/operations.md: what comes after is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from tests.servers import RunningServer, redis_binary, running, valkey_binary
from tests.started import eventually

END_OF_SCRIPT = b"*1\r\n$4\r\nEXEC\r\n"
HALF_A_COMMAND = 5  # bytes: a cut between two commands is mended by Redis itself
SCRIPT = "redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 1)"
REDIS_8 = [binary for binary in (redis_binary(),) if binary is not None]


def cut_power_within_a_script(server: RunningServer, folder: Path) -> None:
    """Leave the file as a cut leaves it: the last script's transaction has no end."""
    server.client.eval(SCRIPT, 2, "{a}:1", "{a}:2")
    server.end()
    (log,) = (folder / "appendonlydir").glob("*.incr.aof")
    written = log.read_bytes()
    assert written.endswith(END_OF_SCRIPT)
    log.write_bytes(written.removesuffix(END_OF_SCRIPT)[:-HALF_A_COMMAND])
    server.start()


def kept_after_restart(server: RunningServer) -> bool:
    server.client.set("afterwards", 1)
    server.end()
    server.start()
    return bool(server.client.exists("afterwards"))


def is_written_anew(client: Redis) -> bool:
    told = client.info("persistence")
    return not told["aof_rewrite_in_progress"] + told["aof_rewrite_scheduled"]


def test_valkey_keeps_what_it_acknowledges_after_a_power_cut(tmp_path: Path) -> None:
    with running(valkey_binary(), tmp_path) as server:
        cut_power_within_a_script(server, tmp_path)

        assert kept_after_restart(server)


@pytest.mark.parametrize("binary", REDIS_8, ids=lambda binary: binary.name)
def test_redis_keeps_it_once_the_file_is_written_anew(binary: Path, tmp_path: Path) -> None:
    with running(binary, tmp_path) as server:
        cut_power_within_a_script(server, tmp_path)
        server.client.bgrewriteaof()
        eventually(lambda: is_written_anew(server.client), what="the file is not written anew")

        assert kept_after_restart(server)


@pytest.mark.parametrize("binary", REDIS_8, ids=lambda binary: binary.name)
def test_redis_loses_it_without_the_remedy(binary: Path, tmp_path: Path) -> None:
    with running(binary, tmp_path) as server:
        cut_power_within_a_script(server, tmp_path)

        assert not kept_after_restart(server), "docs/operations.md need not warn any more"
