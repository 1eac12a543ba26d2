"""A restore brings everything back, or says in a sentence why not; broken off anywhere it is completed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from donebit import clock
from donebit.activity.users.ids import UserKind
from donebit.backup import taking
from donebit.backup.restoring import open_backup, restore_backup
from donebit.backup.taking import TakenBackup
from donebit.errors import BadBackup, ConfigurationError, Conflict, StoreUnavailable
from donebit.migration.run import migrate
from donebit.migration.tasks_into_shards import mark_layout
from donebit.store import Store, key_reading, keys
from donebit.store.key_writing import KeyWriter
from donebit.store.layout import TASKS_IN_SHARDS
from donebit.store.moving import KeyMover
from donebit.store.store import refuse_unfit
from donebit.store.task_shards import OF_A_CLUSTER
from donebit.workers import presence
from donebit.workers.presence import Worker
from tests.activity.arranged import record
from tests.backup.arranged import REPOSITORY, fill_every_kind, held, restore, run, store_of, take
from tests.conftest import everything, wrong_keys
from tests.forked import run_module
from tests.servers import RunningServer

Damage = Callable[[Path], object]


def test_everything_comes_back_on_either_kind_of_server(
    source: RunningServer, target: RunningServer, tmp_path: Path
) -> None:
    before = held(source.client)
    taken = take(source, tmp_path / "backup")

    restored = restore(target, taken.folder)

    assert held(target.client) == before
    assert restored.restored == restored.counts == taken.manifest.counts
    assert dict(wrong_keys(target.client)) == {}
    refuse_unfit(store_of(target))


@pytest.mark.parametrize("chunk_bytes", [key_reading.CHUNK_BYTES, 500])
def test_every_kind_of_key_comes_back_whole_or_in_parts(
    chunk_bytes: int,
    full: RunningServer,
    empty: RunningServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = fill_every_kind(full)
    for module in (taking, key_reading):
        monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    before = held(full.client)

    taken = take(full, tmp_path / "backup")
    restore(empty, taken.folder)

    assert held(empty.client) == before
    assert set(taken.manifest.kinds) == kinds
    # What is secret, and what keeps a session that was signed out from being used again, comes back too.
    assert {"access:tokens", "access:sign_outs", "access:audit", "done:{<task>}:items"} < kinds
    assert "access:requests:<second>" not in kinds


def test_a_restored_store_goes_on_where_it_was(backup: Path, empty: RunningServer) -> None:
    """Ids have their numbers, so a user who comes again is no other one."""
    restore(empty, backup)
    store = store_of(empty)
    known = [text for text in store.directory.ids_of(list(range(20))) if text]

    again = record(store, known, "named-after-the-restore")

    assert again.fresh_ever == len(known) > 10
    assert store.directory.number_users(known[:1]) == [store.directory.number_of(known[0])]
    assert UserKind.TEXTS in store.visits.events().values()


def test_a_backup_of_one_server_gets_shards_of_tasks_on_a_cluster(backup: Path, on_cluster: Redis) -> None:
    store = Store.on(on_cluster)

    restored = restore_backup(store, open_backup(backup))

    refuse_unfit(store, "amqp://broker")
    opened, listed = store.task_index.sizes()
    assert restored.restored == restored.counts
    assert (opened, listed) == (restored.counts["open tasks"], restored.counts["tasks"])
    assert restored.sharded == opened + listed + restored.counts["pending deliveries"]
    assert store.task_shards.count == OF_A_CLUSTER
    assert dict(wrong_keys(on_cluster)) == {}


def test_a_move_into_shards_that_is_broken_off_is_completed_by_migrate(
    backup: Path, on_cluster: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> int:
        raise StoreUnavailable("cut off")

    store, opened = Store.on(on_cluster), open_backup(backup)
    with monkeypatch.context() as broken:
        broken.setattr(KeyMover, "spread", lost)
        with pytest.raises(StoreUnavailable):
            restore_backup(store, opened)

    with pytest.raises(Conflict, match="run `donebit migrate`, which completes it"):
        restore_backup(store, opened)
    assert migrate(store).sharded

    refuse_unfit(Store.on(on_cluster), "amqp://broker")
    counts = opened.manifest.counts
    assert Store.on(on_cluster).task_index.sizes() == (counts["open tasks"], counts["tasks"])


def test_a_store_in_shards_is_counted_and_comes_back_in_shards(
    backup: Path, empty: RunningServer, full: RunningServer, tmp_path: Path
) -> None:
    """As when the files of a cluster's primaries were put together on one server."""
    counts = open_backup(backup).manifest.counts
    full.client.set(keys.TASK_SHARDS, OF_A_CLUSTER)
    for index in keys.of_all_tasks():
        store_of(full).mover.spread(index, OF_A_CLUSTER)
    mark_layout(store_of(full), TASKS_IN_SHARDS)
    before = held(full.client)

    taken = take(full, tmp_path / "in-shards")
    restore(empty, taken.folder)

    assert held(empty.client) == before
    assert taken.manifest.counts == counts | {"keys": taken.manifest.counts["keys"]}
    assert store_of(empty).task_index.sizes() == (counts["open tasks"], counts["tasks"])
    refuse_unfit(store_of(empty))


def test_another_prefix_may_be_restored_to(backup: Path, full: RunningServer) -> None:
    before = held(full.client)

    restore_backup(store_of(full, "other:"), open_backup(backup))

    assert held(full.client, "other:") == held(full.client) == before


def test_the_command_counts_before_and_after(backup: Path, empty: RunningServer) -> None:
    checked = run(empty, "restore", "--dry-run", backup)
    unchanged = empty.client.dbsize()
    ended = run(empty, "restore", backup)

    assert (checked.returncode, unchanged, ended.returncode, ended.stderr) == (0, 0, 0, "")
    assert checked.stdout.splitlines()[-1].endswith("is whole, and the store is empty: nothing was changed")
    lines = ended.stdout.splitlines()
    assert lines[0].split() == ["backup", "restored"]
    assert lines[1].split() == ["tasks", "205", "205"]
    assert all(len(set(line.split()[-2:])) == 1 for line in lines[1:-1])


def test_a_store_that_is_not_empty_is_refused_and_named(backup: Path, full: RunningServer) -> None:
    before = everything(full.client)

    ended = run(full, "restore", backup)

    assert (ended.returncode, ended.stdout) == (3, "")
    assert "this Redis is not empty: tasks 205, open tasks 203, " in ended.stderr
    assert "FLUSHDB" in ended.stderr
    assert everything(full.client) == before


def test_what_a_first_start_leaves_does_not_stand_in_the_way(backup: Path, empty: RunningServer) -> None:
    empty.client.set("donebit:layout", "5 segment_bits=1048448 zone=Europe/Berlin")
    empty.client.set("donebit:zone_rules", "0123456789abcdef")
    empty.client.xadd("donebit:log:worker", {"line": "a new worker"})

    restored = restore(empty, backup)

    assert restored.restored == restored.counts
    assert empty.client.get("donebit:layout") == b"5 segment_bits=1048448 zone=UTC"


def cut(folder: Path) -> None:
    data = (folder / "data.gz").read_bytes()
    (folder / "data.gz").write_bytes(data[: len(data) // 2])


def flip(folder: Path) -> None:
    data = bytearray((folder / "data.gz").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "data.gz").write_bytes(data)


def change(name: str, value: object) -> Damage:
    def changed(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest[name] = value
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return changed


DAMAGES: dict[str, tuple[Damage, int, str]] = {
    "cut": (cut, 1, "the copy is not whole"),
    "a bit": (flip, 1, "its SHA-256 is another"),
    "no data": (lambda folder: (folder / "data.gz").unlink(), 1, "has 0 bytes"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), 1, "is no backup"),
    "cut manifest": (lambda folder: (folder / "manifest.json").write_text('{"format"'), 1, "is damaged"),
    "later format": (change("format", 2), 1, "of a later version"),
    "other counts": (change("kinds", {}), 1, "does not hold what the manifest beside it says"),
    "earlier layout": (change("layout", 3), 3, "`donebit migrate`"),
    "later layout": (change("layout", 7), 3, "this version restores layout 5"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_backup_is_one_sentence_and_changes_nothing(
    damage: str, backup: Path, empty: RunningServer
) -> None:
    act, code, says = DAMAGES[damage]
    act(backup)

    ended = run(empty, "restore", backup)

    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (code, "", 1)
    assert says in ended.stderr
    assert empty.client.dbsize() == 0


@pytest.mark.parametrize("after", [1, 2, 8, 16])
def test_a_killed_restore_is_completed_by_the_next(after: int, backup: Path, empty: RunningServer) -> None:
    killed = run_module("tests.backup.killed", [empty.url, backup, after], REPOSITORY, os.environ)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with pytest.raises(ConfigurationError, match="run the same `donebit restore` again"):
        refuse_unfit(store_of(empty))

    ended = run(empty, "restore", backup)

    assert ended.returncode == 0, ended.stderr
    assert "205           205" in ended.stdout
    refuse_unfit(store_of(empty))


def test_a_part_of_another_backup_is_not_mixed_with(
    backup: Path, empty: RunningServer, tmp_path: Path
) -> None:
    empty.client.set("donebit:layout", "restoring 0123")

    with pytest.raises(Conflict, match="a part of another backup"):
        restore(empty, backup)
    with pytest.raises(Conflict, match="a part of a backup"):
        take(empty, tmp_path / "of a part")

    assert empty.client.dbsize() == 1


def take_before(full: RunningServer, name: str, folder: Path) -> TakenBackup:
    """A backup with a key in it that has expired since, however long a backup takes."""
    began = time.monotonic()
    take(full, folder / "another")
    full.client.set(name, "x", px=400 + int(5000 * (time.monotonic() - began)))
    taken = take(full, folder / "backup")
    while full.client.exists(name):
        pass
    return taken


def test_what_expired_after_a_killed_restore_is_dropped(
    full: RunningServer, empty: RunningServer, tmp_path: Path
) -> None:
    folder = take_before(full, "donebit:done:{soon}:reply:a", tmp_path).folder
    opened = open_backup(folder)
    empty.client.set("donebit:layout", f"restoring {opened.manifest.sha256}")
    empty.client.set("donebit:done:{soon}:reply:a", "x")  # killed before it got its time of expiry

    restored = restore(empty, folder)

    assert restored.expired == 1
    assert not empty.client.exists("donebit:done:{soon}:reply:a")


def failing_at(count: int, act: Callable[[], object]) -> Callable[[KeyWriter], None]:
    flush, left = KeyWriter.flush, iter(range(1_000_000))

    def flushed(writer: KeyWriter) -> None:
        if next(left) == count:
            act()
        flush(writer)

    return flushed


def test_a_server_lost_midway_is_completed_by_the_next(
    backup: Path, empty: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("donebit.store.key_writing.COMMANDS_A_TRIP", 100)
        broken.setattr(KeyWriter, "flush", failing_at(5, empty.end))
        try:
            with pytest.raises(StoreUnavailable):
                restore(empty, backup)
        finally:
            empty.start()

    restored = restore(empty, backup)

    assert restored.restored == restored.counts


def test_a_full_server_is_one_sentence_and_is_completed_later(backup: Path, empty: RunningServer) -> None:
    empty.client.config_set("maxmemory", 1)
    try:
        refused = run(empty, "restore", backup)
    finally:
        empty.client.config_set("maxmemory", 0)

    ended = run(empty, "restore", backup)

    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (4, "", 1)
    assert "run the same `donebit restore` again" in refused.stderr
    assert ended.returncode == 0


@pytest.mark.parametrize("who", ["worker", "sweep", "health"])
def test_a_store_in_use_is_refused_unless_told(who: str, backup: Path, empty: RunningServer) -> None:
    store = store_of(empty)
    presence.record_heartbeat(store, who)
    if who == "worker":
        now = clock.now()
        shown = Worker("web-1:42-9f", "web-1", 42, 1, ["donebit.steps"], now, now, [])
        presence.save(store, shown.name, state=shown.to_json(), steps={}, lines=[])
    named = {"worker": "the worker web-1:42-9f", "sweep": "the sweep", "health": "a service"}[who]

    refused = run(empty, "restore", backup)
    forced = run(empty, "restore", "--force", backup)

    assert refused.returncode == 3
    assert refused.stderr.startswith(f"error: {named} used this store within the last 30 s: stop every")
    assert forced.returncode == 0


def test_what_is_written_meanwhile_is_a_mismatch_that_says_so(
    backup: Path, empty: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("donebit.store.key_writing.COMMANDS_A_TRIP", 100)
    monkeypatch.setattr(
        KeyWriter, "flush", failing_at(9, lambda: empty.client.hset("donebit:done:{late}:task", "count", 1))
    )

    with pytest.raises(BadBackup, match=r"1 of .* keys are not as in the backup, such as done:\{late\}:task"):
        restore(empty, backup)

    with pytest.raises(ConfigurationError, match="a part of a backup"):
        refuse_unfit(store_of(empty))


def test_what_has_expired_since_is_counted_and_not_revived(
    full: RunningServer, empty: RunningServer, tmp_path: Path
) -> None:
    full.client.set("donebit:done:{short}:reply:a", "x", px=1)
    full.client.set("donebit:done:{long}:reply:a", "x", px=60_000)
    taken = take_before(full, "donebit:done:{soon}:reply:a", tmp_path)

    restored = restore(empty, taken.folder)

    assert restored.expired == 1
    assert empty.client.pexpiretime("donebit:done:{long}:reply:a") == full.client.pexpiretime(
        "donebit:done:{long}:reply:a"
    )
    assert restored.restored["keys"] == restored.counts["keys"] - 1


def test_a_backup_of_the_layout_before_comes_back_for_migrate(
    full: RunningServer, empty: RunningServer, tmp_path: Path
) -> None:
    full.client.set("donebit:layout", "4 segment_bits=1048448 zone=UTC")
    folder = take(full, tmp_path / "backup").folder

    ended = run(empty, "restore", folder)

    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1].endswith("run `donebit migrate` before services and workers start")
    assert empty.client.get("donebit:layout") == b"4 segment_bits=1048448 zone=UTC"
