"""What `donebit migrate` calls: opens the store that the settings name, and has it migrated."""

from __future__ import annotations

from donebit.config import Settings
from donebit.migration.directories_into_shards import Cut, shard_directories
from donebit.migration.run import Migrated, migrate
from donebit.store import Store
from donebit.store.moving import missing_rights_named
from donebit.store.store import WORKER_TIMEOUT, refusals_as_configuration


def migrate_store(settings: Settings, *, dry_run: bool, force: bool) -> Migrated:
    """Move the store of these settings to the present layout; raises as `run.migrate` does."""
    with refusals_as_configuration(), missing_rights_named():
        return migrate(store_of(settings), dry_run=dry_run, force=force)


def shard_store(settings: Settings, *, dry_run: bool, force: bool) -> Cut:
    """Cut the directories of the store of these settings; raises as `shard_directories` does."""
    with refusals_as_configuration(), missing_rights_named():
        return shard_directories(store_of(settings), dry_run=dry_run, force=force)


def store_of(settings: Settings) -> Store:
    return Store.at(settings.redis_url, prefix=settings.key_prefix, connections=1, timeout=WORKER_TIMEOUT)
