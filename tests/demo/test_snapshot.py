"""A data folder that has been restored: the demo's server has what was in it, or does not start."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from donebit.demo import server
from donebit.demo.errors import CannotStart
from donebit.demo.ports import free_server_port
from donebit.demo.probes import redis_answers
from donebit.demo.snapshot import LOG_FOLDER, MANIFEST, SNAPSHOT, refuse_newer_data
from tests.started import eventually

FILES = ("appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof")


@contextmanager
def demo_server(folder: Path) -> Iterator[Redis]:
    """The demo's own server on a folder."""
    chosen = server.choose(None, folder, free_server_port())
    running = subprocess.Popen(chosen.argv)
    try:
        eventually(redis_answers("127.0.0.1", chosen.port), what="the server did not start")
        with Redis(port=chosen.port) as client:
            yield client
    finally:
        running.terminate()
        running.wait(10)


def snapshot_in(folder: Path) -> Path:
    """A folder with nothing but a snapshot of a server that had a key."""
    (folder / "old").mkdir()
    (folder / "new").mkdir()
    with demo_server(folder / "old") as client:
        client.set("restored", "yes")
        client.save()
    (folder / "old" / SNAPSHOT).rename(folder / "new" / SNAPSHOT)
    return folder / "new"


def test_a_lone_snapshot_is_loaded_and_what_comes_after_is_kept(tmp_path: Path) -> None:
    folder = snapshot_in(tmp_path)

    with demo_server(folder) as client:
        assert client.get("restored") == b"yes"
        client.set("later", "too")

    with demo_server(folder) as client:
        assert (client.get("restored"), client.get("later")) == (b"yes", b"too")


def test_an_append_only_file_counts_more_than_a_snapshot(tmp_path: Path) -> None:
    folder = snapshot_in(tmp_path)
    with demo_server(folder) as client:
        client.delete("restored")

    with demo_server(folder) as client:
        assert client.get("restored") is None


@pytest.mark.parametrize("left", FILES)
def test_an_append_only_file_without_manifest_is_refused(tmp_path: Path, left: str) -> None:
    (tmp_path / LOG_FOLDER).mkdir()
    (tmp_path / LOG_FOLDER / left).write_bytes(b"")

    with pytest.raises(CannotStart, match=MANIFEST):
        server.choose(None, tmp_path, 1)


def test_a_snapshot_beside_an_empty_folder_of_the_file_is_loaded(tmp_path: Path) -> None:
    folder = snapshot_in(tmp_path)
    (folder / LOG_FOLDER).mkdir()

    with demo_server(folder) as client:
        assert client.get("restored") == b"yes"


def test_a_snapshot_beside_leftovers_of_the_file_is_refused(tmp_path: Path) -> None:
    folder = snapshot_in(tmp_path)
    (folder / LOG_FOLDER).mkdir()
    (folder / LOG_FOLDER / "temp-rewriteaof-7.aof").write_bytes(b"")

    with pytest.raises(CannotStart, match=MANIFEST):
        server.choose(None, folder, 1)

    assert (folder / SNAPSHOT).exists()


@pytest.mark.parametrize("file", [SNAPSHOT, f"{LOG_FOLDER}/{FILES[0]}"])
def test_data_of_a_newer_server_are_refused_and_left_as_they_are(tmp_path: Path, file: str) -> None:
    (tmp_path / LOG_FOLDER).mkdir()
    (tmp_path / file).write_bytes(b"VALKEY080 and more")

    with pytest.raises(CannotStart, match=r"Valkey 9 or newer, and redis-server 7\.0\.15 cannot read them: "):
        refuse_newer_data(tmp_path, "redis-server 7.0.15", (7, 0, 15))

    assert (tmp_path / file).read_bytes() == b"VALKEY080 and more"
    refuse_newer_data(tmp_path, "valkey-server 9.1.2", (9, 1, 2))
    (tmp_path / file).write_bytes(b"REDIS0010 and more")
    refuse_newer_data(tmp_path, "redis-server 7.0.15", (7, 0, 15))
