"""docs/backup.md restores a store: its lines are run as they stand, and all is there afterwards."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from donebit.completion import lifecycle, reporting
from donebit.demo.ports import free_server_port
from donebit.store import Store
from tests.activity.arranged import count, record
from tests.completion.arranged import now, start
from tests.conftest import everything
from tests.forked import run_module
from tests.servers import RunningServer, redis_binary, running, valkey_binary
from tests.started import eventually

PAGE = (Path(__file__).parents[2] / "docs" / "backup.md").read_text()
BINARIES = [binary for binary in (valkey_binary(), redis_binary()) if binary is not None]


def lines_of(program: str) -> list[list[str]]:
    """The arguments of a program's lines in the page's restore of a snapshot."""
    (block,) = re.findall(r"```text\n(valkey-server .*?)```", PAGE, re.DOTALL)
    return [shlex.split(line, comments=True)[1:] for line in block.splitlines() if line.startswith(program)]


def donebit_lines() -> list[list[str]]:
    """The arguments of each line with `donebit` in the page's blocks."""
    lines = re.findall(r"^donebit (.*)$", PAGE, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def run_donebit(server: RunningServer, arguments: list[str], places: dict[str, Path]) -> str:
    """Run a line of the page, with folders of this test for those that the page names."""
    told = [str(places.get(one, one)) for one in arguments]
    environment = os.environ | {"REDIS_URL": server.url, "KEY_PREFIX": ""}
    ended = run_module("donebit.command_line", told, Path.cwd(), environment)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def fill(server: RunningServer) -> dict[str, object]:
    store = Store.on(server.client)
    record(store, ["ada", "grace"], "named")
    record(store, range(1000), "active")
    task = start(store, 9)
    reporting.report(store, task.id, [1, 2, 3])
    return figures(server.client, task.id)


def figures(client: Redis, task_id: str) -> dict[str, object]:
    store = Store.on(client)
    task = lifecycle.get_task(store, task_id).task
    return {"task": task_id, "done": now(store, task).done_steps, "active": count(store, "active")}


def is_written(client: Redis) -> bool:
    told = client.info("persistence")
    return bool(told["aof_enabled"] and not told["aof_rewrite_in_progress"] + told["aof_rewrite_scheduled"])


def restore_snapshot(binary: Path, folder: Path, *more: str) -> None:
    """Do what the page says, with the folder for /data, and a free port."""
    (of_server,), port = lines_of("valkey-server"), free_server_port()
    told = [str(folder) if one == "/data" else one for one in of_server]
    server = subprocess.Popen([binary, *told, "--port", str(port), *more], stdout=subprocess.DEVNULL)
    with Redis(port=port) as client:
        eventually(lambda: answers(client), what="the server did not start")
        for line in lines_of("redis-cli"):
            if line == ["INFO", "persistence"]:
                eventually(lambda: is_written(client), what="no append-only file is written")
            elif line == ["SHUTDOWN"]:
                client.shutdown()
            else:
                client.execute_command(*line)
    server.wait(10)


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@pytest.mark.parametrize("binary", BINARIES, ids=lambda binary: binary.name)
def test_a_snapshot_is_restored_by_the_lines_of_the_page(binary: Path, tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    with running(binary, tmp_path / "old") as old:
        before = fill(old)
        old.client.save()
        kept = everything(old.client)
    shutil.copy(tmp_path / "old" / "dump.rdb", tmp_path / "new")

    restore_snapshot(binary, tmp_path / "new")

    with running(binary, tmp_path / "new") as new:  # as always: with the append-only file
        assert everything(new.client) == kept
        assert figures(new.client, str(before["task"])) == before


def test_a_lone_snapshot_is_ignored_as_the_page_warns(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    with running(valkey_binary(), tmp_path / "old") as old:
        fill(old)
        old.client.save()
    shutil.copy(tmp_path / "old" / "dump.rdb", tmp_path / "new")

    with running(valkey_binary(), tmp_path / "new") as new:
        assert new.client.dbsize() == 0


@pytest.mark.parametrize("redis_8", BINARIES[1:], ids=lambda binary: binary.name)
def test_a_snapshot_of_redis_8_moves_to_valkey_as_the_page_says(redis_8: Path, tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    with running(redis_8, tmp_path / "old") as old:
        fill(old)
        old.client.save()
        kept = everything(old.client)
    shutil.copy(tmp_path / "old" / "dump.rdb", tmp_path / "new")

    restore_snapshot(valkey_binary(), tmp_path / "new", "--rdb-version-check", "relaxed")

    with running(valkey_binary(), tmp_path / "new") as new:
        assert everything(new.client) == kept


@pytest.mark.parametrize("redis_8", BINARIES[1:], ids=lambda binary: binary.name)
def test_redis_8_follows_a_valkey_as_the_page_says(redis_8: Path, tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    with running(valkey_binary(), tmp_path / "old") as old, running(redis_8, tmp_path / "new") as new:
        old.client.config_set("repl-diskless-sync-delay", 0)
        fill(old)
        new.client.replicaof("127.0.0.1", str(old.port))
        eventually(lambda: new.client.info("replication")["master_link_status"] == "up", 30)

        assert everything(new.client) == everything(old.client)


@pytest.mark.parametrize("binary", BINARIES, ids=lambda binary: binary.name)
def test_the_pages_lines_of_donebit_back_up_and_restore(binary: Path, tmp_path: Path) -> None:
    backup, *restores = donebit_lines()
    assert backup == ["backup", "/backups/"]
    assert [line[0] for line in restores] == ["restore"] * 3
    for name in ("old", "new", "backups"):
        (tmp_path / name).mkdir()
    with running(binary, tmp_path / "old") as old, running(binary, tmp_path / "new") as new:
        before, kept = fill(old), everything(old.client)
        run_donebit(old, backup, {"/backups/": tmp_path / "backups"})
        old.client.save()
        (folder,) = (tmp_path / "backups").iterdir()
        sources = (folder, tmp_path / "old" / "appendonlydir", tmp_path / "old" / "dump.rdb")
        for line, source in zip(restores, sources, strict=True):
            new.client.flushall()

            run_donebit(new, line, {line[1]: source})

            assert everything(new.client) == kept
            assert figures(new.client, str(before["task"])) == before


def test_the_page_shows_what_the_command_prints(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```text\n +backup\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "old").mkdir()
    with running(valkey_binary(), tmp_path / "old") as old:
        printed = run_donebit(old, ["backup", str(tmp_path / "backup")], {}).splitlines()[1:]

    def words(lines: list[str]) -> list[str]:
        return [re.sub(r"\s+[\d,]+$", "", line) for line in lines[:-1]]

    assert words(shown.splitlines()) == words(printed)
