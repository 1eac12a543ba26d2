"""`migrate`: moves the data of an earlier version to the present layout, on Redis itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from donebit import config
from donebit.command_line.exit_codes import RefusedByStore, ServiceUnavailable, UsageError
from donebit.command_line.options import examples, in_session
from donebit.command_line.session import Session
from donebit.errors import ConfigurationError, Conflict, StoreUnavailable
from donebit.formatting import number

if TYPE_CHECKING:
    from donebit.migration.run import Migrated


@click.command(
    short_help="Move the data of an earlier version to the present layout.",
    epilog=examples("donebit migrate --dry-run", "REDIS_URL=redis://10.0.0.5/0 donebit migrate"),
)
@click.option("--dry-run", is_flag=True, help="Count what there is to do, and change nothing.")
@click.option("--force", is_flag=True, help="Migrate even if a worker was seen in the last 30 s.")
@in_session
def migrate(session: Session, *, dry_run: bool, force: bool) -> None:
    """Move the data of an earlier version to the present layout.

    Speaks to the Redis of REDIS_URL itself, under the prefix of KEY_PREFIX. Stop every service, worker and
    beat first. Killed at any point it loses nothing: run it again, and it goes on.
    """
    try:
        migrated = _migrated(dry_run=dry_run, force=force)
    except ConfigurationError as error:
        raise UsageError(error.detail) from None
    except StoreUnavailable as error:
        raise ServiceUnavailable(f"{error.detail}; run `donebit migrate` again to go on") from None
    except Conflict as error:
        raise RefusedByStore(error.detail) from None
    session.terminal.lines(lines_of(migrated, dry_run=dry_run))


def _migrated(*, dry_run: bool, force: bool) -> Migrated:
    # Here, since every other command speaks HTTP and need not wait for what speaks to Redis.
    from donebit.migration.command import migrate_store  # noqa: PLC0415 - as above

    return migrate_store(config.load(), dry_run=dry_run, force=force)


def lines_of(migrated: Migrated, *, dry_run: bool) -> list[str]:
    """What is reported of a migration, line by line."""
    if not migrated.before:
        if not migrated.found:
            return ["this Redis holds nothing of an earlier version: there is nothing to do"]
        return [f"this Redis has layout {migrated.found} already: there is nothing to do"]
    width = max(map(len, migrated.before))
    head = f"{'':{width}}  {'before':>12}" + ("" if dry_run else f"  {'after':>12}")
    rows = [
        f"{what:{width}}  {number(count):>12}" + ("" if dry_run else f"  {number(migrated.after[what]):>12}")
        for what, count in migrated.before.items()
    ]
    return [head, *rows, *lines_of_changes(migrated, dry_run=dry_run)]


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
