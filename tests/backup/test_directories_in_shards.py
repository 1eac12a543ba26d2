"""A backup of directories in shards."""

from __future__ import annotations

from pathlib import Path

from donebit.migration.directories_into_shards import shard_directories
from donebit.store.store import refuse_unfit
from tests.backup.arranged import held, restore, store_of, take
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
