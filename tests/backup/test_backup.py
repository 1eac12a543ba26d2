"""A backup is of one moment while others write, of one installation, and whole or not there at all."""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import cast

import pytest
from redis import Redis

from donebit.activity.flags.replace import assign_users
from donebit.backup import taking
from donebit.backup.contents import row_to_keep
from donebit.errors import Conflict, StoreUnavailable
from donebit.store import Store, key_reading
from donebit.store.catalogue_rows import BROKER, ROWS, Ttl
from donebit.store.key_reading import KeyReader
from donebit.workers import presence
from tests.activity.arranged import site_on
from tests.backup.arranged import REPOSITORY, environment_of, example_of, held, restore, run, store_of, take
from tests.conftest import everything
from tests.servers import RunningServer
from tests.started import eventually

MANY = 3000
PEAK = r"""
import re, sys
from pathlib import Path
from donebit.backup.restoring import open_backup, restore_backup
from donebit.backup.taking import take_backup
from donebit.store import Store
from datetime import timedelta

source, target, folder = sys.argv[1:]
take_backup(Store.at(source, timeout=timedelta(seconds=60)), Path(folder), "0")
restore_backup(Store.at(target, timeout=timedelta(seconds=60)), open_backup(Path(folder)))
# Not getrusage: its peak begins with that of the process that started this one.
print(int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def task_key(number: int) -> str:
    return f"donebit:done:{{new-{number}}}:task"


@contextmanager
def writing(server: RunningServer) -> Iterator[Event]:
    """Write keys that belong together in transactions, old ones and ever new ones, until the end."""
    stop, begun = Event(), Event()

    def write() -> None:
        with Redis(port=server.port) as client:
            number = 0
            while not stop.is_set():
                number += 1
                with client.pipeline(transaction=True) as pipe:
                    pipe.set("donebit:flag:erasures", number)
                    pipe.set("donebit:seen:{users}:erasures", number)
                    pipe.hset(task_key(number), "count", 1)
                    pipe.zadd("donebit:done:tasks", {f"new-{number}": number})
                    pipe.delete(task_key(number - 50))
                    pipe.zrem("donebit:done:tasks", f"new-{number - 50}")
                    pipe.execute()
                begun.set()
                stop.wait(0.001)

    thread = Thread(target=write)
    thread.start()
    begun.wait(10)
    try:
        yield stop
    finally:
        stop.set()
        thread.join()


def test_a_backup_is_of_one_moment_while_others_write(
    source: RunningServer, empty: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_reading, "KEYS_A_PAGE", 20)  # so that it lasts for many transactions
    for number in range(MANY):
        source.client.set(f"donebit:may:{{doc:{number}}}", b"\x80")
    with writing(source):
        taken = take(source, tmp_path / "backup")

    restore(empty, taken.folder)

    client = empty.client
    assert client.get("donebit:flag:erasures") == client.get("donebit:seen:{users}:erasures") != b"1"
    everything_there = everything(client)
    tasks = cast(list[tuple[bytes, float]], everything_there[b"donebit:done:tasks"])
    listed = {int(number) for name, number in tasks if name.startswith(b"new-")}
    assert len(listed) == 50 or min(listed) == 1
    there = {key for key in everything_there if key.startswith(b"donebit:done:{new-")}
    assert {task_key(number).encode() for number in listed} == there
    assert taken.manifest.one_moment


def test_what_changes_while_a_key_is_read_is_read_again(
    full: RunningServer, empty: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large bitmap is read in parts; one of the first is changed when they have been read."""
    monkeypatch.setattr(key_reading, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(taking, "CHUNK_BYTES", 1000)
    key = "donebit:seen:{0}:large:all"
    full.client.setbit(key, 8 * 5000 - 1, 1)
    once = after_the_third_part(lambda: full.client.setbit(key, 3, 1))
    monkeypatch.setattr(KeyReader, "_part", once)

    restore(empty, take(full, tmp_path / "backup").folder)

    assert empty.client.get(key) == full.client.get(key)
    assert empty.client.getbit(key, 3) == 1


def after_the_third_part(act: Callable[[], object]) -> Callable[..., object]:
    part, count = KeyReader._part, iter(range(1_000_000))

    def read(*arguments: object) -> object:
        answer = part(*arguments)  # type: ignore[arg-type]  # handed on as they come
        if next(count) == 2:
            act()
        return answer

    return read


def test_a_store_that_changes_too_quickly_is_refused(
    full: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "BYTES_AT_ONCE", -1)
    with pytest.raises(Conflict, match=r"more than 5000 keys or -1 MB change.*--stopped"):
        take(full, tmp_path / "backup")

    assert list(tmp_path.iterdir()) == []


def test_other_keys_of_the_server_are_left_out(full: RunningServer, tmp_path: Path) -> None:
    own = take(full, tmp_path / "own").manifest
    full.client.set("somebody-else's", "secret")
    full.client.set("donebit:unknown", "secret")
    full.client.set("other:layout", "5 segment_bits=1 zone=UTC")
    full.client.rpush("donebit:donebit.steps", "a message of Celery's")
    full.client.hset("donebit:heartbeat:workers", "w:1-a", "{}")

    taken = take(full, tmp_path / "with others").manifest

    assert (taken.kinds, taken.sha256) == (own.kinds, own.sha256)


def test_the_command_says_what_is_in_the_backup(full: RunningServer, tmp_path: Path) -> None:
    ended = run(full, "backup", tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")
    (folder,) = tmp_path.iterdir()
    lines = ended.stdout.splitlines()
    assert lines[0].split() == ["backup"]
    assert lines[1].split() == ["tasks", "205"]
    assert lines[-1].endswith(f"Z in {folder}")
    written = json.loads((folder / "manifest.json").read_text())
    assert written["counts"]["tasks"] == 205
    assert (written["layout"], written["zone"], written["one_moment"]) == (5, "UTC", True)
    assert written["server"].startswith("Valkey 9")
    assert folder.stat().st_mode & 0o077 == 0


def test_what_is_there_is_never_overwritten(full: RunningServer, backup: Path) -> None:
    inside = run(full, "backup", backup / "data.gz")

    assert (inside.returncode, inside.stdout) == (3, "")
    assert inside.stderr.strip().endswith("data.gz exists: a backup is a new folder")


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))


def test_a_full_disk_is_one_sentence_and_leaves_nothing(full: RunningServer, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "donebit.command_line", "backup", tmp_path / "backup")

    ended = subprocess.run(
        command,
        env=environment_of(full),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit_files,  # of the process alone
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.strip() == "error: the backup: File too large"
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_backup_left_is_no_backup(
    full: RunningServer, empty: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "backup.part").mkdir()
    (tmp_path / "backup.part" / "data.gz").write_bytes(b"half")

    refused = run(empty, "restore", tmp_path / "backup.part")
    taken = take(full, tmp_path / "backup")

    assert refused.returncode == 1
    assert "is no backup" in refused.stderr
    assert list(tmp_path.iterdir()) == [taken.folder]


def test_a_server_lost_meanwhile_leaves_nothing(
    tmp_path: Path, full: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter(range(1_000_000))
    read = KeyReader.whole

    def lost(*arguments: object) -> object:
        if next(counts) == 1:
            full.end()
        return read(*arguments)  # type: ignore[arg-type]  # handed on as they come

    monkeypatch.setattr(key_reading, "KEYS_A_PAGE", 20)
    monkeypatch.setattr(KeyReader, "whole", lost)
    try:
        with pytest.raises(StoreUnavailable):
            take(full, tmp_path / "backup")
    finally:
        full.start()

    assert list(tmp_path.iterdir()) == []


def test_without_client_tracking_stopped_is_asked_for(full: RunningServer, tmp_path: Path) -> None:
    full.client.execute_command("ACL", "SETUSER", "plain", "on", ">pw", "~*", "+@all", "-client|tracking")  # type: ignore[no-untyped-call]  # the library leaves it untyped
    url = full.url.replace("redis://", "redis://plain:pw@")

    refused = run(full, "backup", tmp_path / "one", REDIS_URL=url)
    taken = run(full, "backup", "--stopped", tmp_path / "two", REDIS_URL=url)

    full.client.acl_deluser("plain")
    assert (refused.returncode, refused.stderr.strip()[-13:]) == (3, "add --stopped")
    assert taken.returncode == 0
    assert [one.name for one in tmp_path.iterdir()] == ["two"]


def test_stopped_is_refused_beside_a_service(full: RunningServer, tmp_path: Path) -> None:
    presence.record_heartbeat(store_of(full), "health")

    ended = run(full, "backup", "--stopped", tmp_path / "backup")

    assert (ended.returncode, ended.stderr.count("\n")) == (3, 1)
    assert ended.stderr.strip().endswith("beat, and try again after 30 s")


def test_memory_stays_small_for_large_bitmaps(
    full: RunningServer, empty: RunningServer, tmp_path: Path
) -> None:
    small = peak_mb(full, empty, tmp_path / "small")
    empty.client.flushall()
    full.client.setbit("donebit:done:{large}", 8 * 100 * 1024 * 1024 - 1, 1)  # 100 MB
    full.client.expire("donebit:done:{large}", 1000)

    large = peak_mb(full, empty, tmp_path / "large")

    assert empty.client.strlen("donebit:done:{large}") == 100 * 1024 * 1024
    assert large - small < 40


def test_memory_stays_small_for_many_tasks_with_large_items(
    full: RunningServer, empty: RunningServer, tmp_path: Path
) -> None:
    small = peak_mb(full, empty, tmp_path / "small")
    empty.client.flushall()
    tasks = [f"donebit:done:{{large-{number}}}" for number in range(3)]
    for task in tasks:
        for chunk in range(400):  # of 25 MB in all
            full.client.xadd(f"{task}:items", {"z": os.urandom(64 * 1024)}, id=f"{chunk + 1}-0")
        full.client.hset(f"{task}:results", mapping={f"c{n}": os.urandom(32 * 1024) for n in range(400)})
        for key in (f"{task}:items", f"{task}:results"):
            full.client.expire(key, 1000)

    large = peak_mb(full, empty, tmp_path / "large")

    assert [empty.client.xlen(f"{task}:items") for task in tasks] == [400] * 3
    assert large - small < 64  # as docs/backup.md says


def peak_mb(source: RunningServer, target: RunningServer, folder: Path) -> int:
    command = (sys.executable, "-c", PEAK, source.url, target.url, str(folder))
    return int(subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, text=True).stdout)


def test_an_empty_store_is_an_empty_backup(empty: RunningServer, tmp_path: Path) -> None:
    taken = take(empty, tmp_path / "backup")

    restored = restore(empty, taken.folder)

    assert taken.manifest.counts["keys"] == restored.restored["keys"] == 0
    assert held(empty.client) == {}
    assert store_of(empty).mover.texts(["donebit:layout"]) == [None]
    eventually(lambda: empty.client.dbsize() == 0)


def test_a_store_that_is_dropped_closes_no_connection_of_others(real_client: Redis) -> None:
    before = real_client.client_id()

    Store.on(real_client)
    gc.collect()

    assert real_client.client_id() == before  # a new connection has another


def test_the_users_of_a_replaced_flag_are_counted(empty: RunningServer, tmp_path: Path) -> None:
    assign_users(site_on(store_of(empty)), "vip", [1, 2, 3])
    assign_users(site_on(store_of(empty)), "beta", [4, 5])

    taken = take(empty, tmp_path / "backup")

    assert taken.manifest.counts["users of all flags, added up"] == 5


def test_nothing_but_what_is_of_the_moment_is_left_out() -> None:
    left_out = {row.pattern for row in ROWS if not row_to_keep(example_of(row))}

    assert left_out == {
        *(row.pattern for row in BROKER),
        *(row.pattern for row in ROWS if row.ttl is Ttl.SCRATCH),
        *(row.pattern for row in ROWS if row.pattern.startswith("heartbeat:")),
        "metrics",
        "confirmed:<suffix>",
        "done:{<task>}:permits",
        "job:{<job>}:permits",
        "seen:{<segment>}:query:<token>:<level>",
        "seen:{<segment>}:<event>:windows",
        "access:requests:<second>",
    }
