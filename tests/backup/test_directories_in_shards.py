"""A backup of directories in shards."""

from __future__ import annotations

from pathlib import Path

from redis import Redis

from donebit.backup.restoring import open_backup, restore_backup
from donebit.migration.directories_into_shards import shard_directories
from donebit.migration.run import migrate
from donebit.store import Store, keys
from donebit.store.store import refuse_unfit
from tests.backup.arranged import held, restore, store_of, take
from tests.conftest import wrong_keys
from tests.servers import RunningServer


def test_directories_in_shards_come_back(full: RunningServer, empty: RunningServer, tmp_path: Path) -> None:
    shard_directories(store_of(full))
    before = held(full.client)

    taken = take(full, tmp_path / "backup")
    restored = restore(empty, taken.folder)

    assert held(empty.client) == before
    assert (taken.manifest.layout, restored.migrate) == (6, False)
    assert taken.manifest.zone == "UTC"
    assert restored.restored == restored.counts == taken.manifest.counts
    assert restored.counts["users with text or mapped ids"] == 352
    refuse_unfit(store_of(empty))


def test_directories_of_a_backup_of_one_server_are_cut_on_a_cluster(
    backup: Path, full: RunningServer, on_cluster: Redis
) -> None:
    of_one = store_of(full)
    texts, mapped = of_one.directory.ids_of(range(400)), of_one.mapped.ids_of(range(100))
    amounts, tasks = of_one.quotas.amounts(), of_one.task_index.newest(None, 1000)
    restore_backup(Store.on(on_cluster), open_backup(backup))
    assert Store.on(on_cluster).directory.ids_of(range(400)) == texts

    shard_directories(Store.on(on_cluster))

    store = Store.on(on_cluster)
    refuse_unfit(store, "amqp://broker")
    assert migrate(store).before == {}
    assert on_cluster.get(keys.LAYOUT) == b"tasks-in-shards 6 segment_bits=1048448 id_shards=64 zone=UTC"
    assert store.directory.ids_of(range(400)) == texts
    assert store.mapped.ids_of(range(100)) == mapped
    known = {text: number for number, text in enumerate(texts) if text is not None}
    assert store.directory.known(list(known)).tolist() == list(known.values())
    assert (store.quotas.amounts(), store.task_index.newest(None, 1000)) == (amounts, tasks)
    assert not set(store.directory.number_users(["new", "another"])) & set(range(302))
    assert dict(wrong_keys(on_cluster)) == {}
