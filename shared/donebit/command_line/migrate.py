"""`migrate`: moves the data of an earlier version to the present layout, on Redis itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from donebit import config
from donebit.command_line.exit_codes import RefusedByStore, ServiceUnavailable, UsageError
from donebit.command_line.options import examples, in_session
from donebit.command_line.session import Session
from donebit.errors import ConfigurationError, Conflict, StoreUnavailable
from donebit.formatting import number

if TYPE_CHECKING:
    from donebit.migration.directories_into_shards import Cut
    from donebit.migration.run import Migrated


@click.command(
    short_help="Move the data of an earlier version to the present layout.",
    epilog=examples("donebit migrate --dry-run", "REDIS_URL=redis://10.0.0.5/0 donebit migrate"),
)
@click.option("--dry-run", is_flag=True, help="Count what there is to do, and change nothing.")
@click.option("--force", is_flag=True, help="Migrate even if a worker was seen in the last 30 s.")
@click.option(
    "--shard-directories",
    is_flag=True,
    help="Cut the directories of text and mapped ids in shards, as a new store on a cluster has them.",
)
@in_session
def migrate(session: Session, *, dry_run: bool, force: bool, shard_directories: bool) -> None:
    """Move the data of an earlier version to the present layout.

    Speaks to the Redis of REDIS_URL itself, under the prefix of KEY_PREFIX. Stop every service, worker and
    beat first. Killed at any point it loses nothing: run it again, and it goes on.
    """
    try:
        if shard_directories:
            lines = lines_of_shards(_cut(dry_run=dry_run, force=force))
        else:
            lines = lines_of(_migrated(dry_run=dry_run, force=force), dry_run=dry_run)
    except ConfigurationError as error:
        raise UsageError(error.detail) from None
    except StoreUnavailable as error:
        raise ServiceUnavailable(f"{error.detail}; run the same command again to go on") from None
    except Conflict as error:
        raise RefusedByStore(error.detail) from None
    session.terminal.lines(lines)


def _migrated(*, dry_run: bool, force: bool) -> Migrated:
    # Here, since every other command speaks HTTP and need not wait for what speaks to Redis.
    from donebit.migration.command import migrate_store  # noqa: PLC0415 - as above

    return migrate_store(config.load(), dry_run=dry_run, force=force)


def _cut(*, dry_run: bool, force: bool) -> Cut:
    from donebit.migration.command import shard_store  # noqa: PLC0415 - as above

    return shard_store(config.load(), dry_run=dry_run, force=force)


def lines_of(migrated: Migrated, *, dry_run: bool) -> list[str]:
    """What is reported of a migration, line by line."""
    if not migrated.before:
        if not migrated.found:
            return ["this Redis holds nothing of an earlier version: there is nothing to do"]
        return [f"this Redis has layout {migrated.found} already: there is nothing to do"]
    table = lines_of_counts(migrated.before, migrated.after)
    return [*table, *lines_of_changes(migrated, dry_run=dry_run)]


def lines_of_shards(cut: Cut) -> list[str]:
    """What is reported of directories that were cut in shards, line by line."""
    if not cut.before:
        return [
            "the directories are in shards already: there is nothing to do"
            if cut.found
            else "this Redis holds no visits: there is nothing to do"
        ]
    end = "the directories are in shards" if cut.after else "nothing was changed"
    return [*lines_of_counts(cut.before, cut.after), end]


def lines_of_counts(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """A table of how many there were, and are; without the second where nothing was done."""
    width = max(map(len, before))
    head = f"{'':{width}}  {'before':>12}" + (f"  {'after':>12}" if after else "")
    return [
        head,
        *(
            f"{what:{width}}  {number(count):>12}" + (f"  {number(after[what]):>12}" if after else "")
            for what, count in before.items()
        ),
    ]


def lines_of_changes(migrated: Migrated, *, dry_run: bool) -> list[str]:
    """What is reported of what was changed, or would be."""
    verb = "would be renamed, and nothing was changed" if dry_run else "were renamed"
    lines = [f"{number(migrated.keys)} keys {verb}", *lines_of_uuids(migrated, dry_run=dry_run)]
    if migrated.sharded:
        verb = "would be" if dry_run else "were"
        lines.append(f"{number(migrated.sharded)} entries of the indexes of tasks {verb} moved into shards")
    return lines


def lines_of_uuids(migrated: Migrated, *, dry_run: bool) -> list[str]:
    """What is reported of UUIDs in capitals, where there were any."""
    if not migrated.lowered.uuids:
        return []
    verb = "would be" if dry_run else "were"
    return [
        f"{number(migrated.lowered.uuids)} UUIDs in capitals {verb} put in lower case, "
        f"{number(migrated.lowered.merged)} of them merged with the same UUID there"
    ]
