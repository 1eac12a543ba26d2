"""`backup` and `restore`: copies of all data, of Redis itself and not through the services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from donebit import config
from donebit.command_line.exit_codes import (
    OperationFailed,
    RefusedByStore,
    ServiceUnavailable,
    UsageError,
)
from donebit.command_line.options import NamedPath, as_json, examples, in_session
from donebit.command_line.session import Session
from donebit.errors import BadBackup, ConfigurationError, Conflict, StoreUnavailable
from donebit.formatting import number

Answer = TypeVar("Answer")

CUT_SHORT = (
    "the append-only file ends within a command, as where it was copied while it was written, or not to its "
    "end: nothing of what followed is in it"
)
CUT_UNCHANGED = "the store is empty: nothing was changed"


@click.command(
    short_help="Back up all data while the services run.",
    epilog=examples("donebit backup /backups/", "REDIS_URL=redis://10.0.0.5/0 donebit backup before-upgrade"),
)
@click.argument("target", type=NamedPath(path_type=Path), default=Path())
@click.option(
    "--stopped", is_flag=True, help="Nothing of Donebit runs: for a server without CLIENT TRACKING."
)
@as_json
@in_session
def backup(session: Session, *, target: Path, stopped: bool, as_json: bool) -> None:
    """Back up all data of the Redis that REDIS_URL names.

    TARGET is the new folder that the backup is to be, or a folder that is there, in which it gets a name of
    the present time. It is of one moment, although services and workers run, and has the keys under
    KEY_PREFIX alone.
    """
    from donebit.backup.command import back_up  # noqa: PLC0415 - every other command speaks HTTP

    taken = named_errors(lambda: back_up(config.load(), target, stopped=stopped))
    manifest = taken.manifest
    if as_json:
        session.terminal.as_json(
            {"backup": str(taken.folder), "bytes": manifest.bytes, "counts": manifest.counts}
        )
        return
    session.terminal.lines(
        [
            *columns({"backup": manifest.counts}),
            f"{number(manifest.bytes)} bytes of {manifest.taken_at} in {taken.folder}",
        ]
    )


@click.command(
    short_help="Restore a backup into an empty Redis.",
    epilog=examples(
        "donebit restore --dry-run /backups/donebit-2026-11-21T030405Z",
        "REDIS_URL=redis://10.0.0.5/0 donebit restore before-upgrade",
        "donebit restore /var/lib/redis/dump.rdb",
    ),
)
@click.argument("source", metavar="BACKUP", type=click.Path(exists=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the backup and the server, and change nothing.")
@click.option(
    "--force", is_flag=True, help="Although a service or worker was seen within the last half minute."
)
@as_json
@in_session
def restore(session: Session, *, source: Path, dry_run: bool, force: bool, as_json: bool) -> None:
    """Restore BACKUP into the empty Redis that REDIS_URL names.

    BACKUP is a folder that `donebit backup` made; or a server's dump.rdb, its appendonlydir, or a folder with
    one of them. What the backup has and what the store has afterwards is compared key by key. Killed at any
    point, the same command completes it.
    """
    from donebit.backup.command import restore as restored_from  # noqa: PLC0415 - as above

    restored = named_errors(
        lambda: restored_from(config.load(), source, dry_run=dry_run, force=force),
        again="; run the same `donebit restore` again, which completes it",
    )
    if as_json:
        session.terminal.as_json(
            {
                "backup": restored.counts,
                "restored": restored.restored or None,
                "expired": restored.expired,
                "cut_short": restored.cut_short,
            }
        )
        return
    counts = {"backup": restored.counts} | ({} if dry_run else {"restored": restored.restored})
    session.terminal.lines([*columns(counts), *last_lines(restored, dry_run=dry_run)])


def named_errors(run: Callable[[], Answer], again: str = "") -> Answer:
    """Run it, with each error as one that has an exit code."""
    try:
        return run()
    except ConfigurationError as error:
        raise UsageError(error.detail) from None
    except StoreUnavailable as error:
        raise ServiceUnavailable(f"{error.detail}{again}") from None
    except Conflict as error:
        raise RefusedByStore(error.detail) from None
    except BadBackup as error:
        raise OperationFailed(error.detail) from None
    except OSError as error:
        raise OperationFailed(f"{error.filename or 'the backup'}: {error.strerror}") from None


def columns(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Counts side by side, each column under its name."""
    names = list(next(iter(counts.values())))
    width = max(map(len, names))
    rows = [
        f"{what:{width}}" + "".join(f"  {number(column[what]):>12}" for column in counts.values())
        for what in names
    ]
    return [f"{'':{width}}" + "".join(f"  {name:>12}" for name in counts), *rows]


def last_lines(restored: Any, *, dry_run: bool) -> list[str]:
    """The lines after the counts."""
    taken_at = restored.manifest.taken_at
    cut = [CUT_SHORT] if restored.cut_short else []
    if dry_run:
        whole = f"the backup of {taken_at} is whole, and the store is empty: nothing was changed"
        return [*cut, CUT_UNCHANGED if cut else whole]
    lines = [*cut, f"the backup of {taken_at} is restored, key by key as it was"]
    if restored.expired:
        lines.append(f"{number(restored.expired)} of its keys have expired since, and are not restored")
    if restored.sharded:
        lines.append(f"{number(restored.sharded)} entries of the indexes of tasks were moved into shards")
    if restored.migrate:
        lines.append("it has an earlier layout: run `donebit migrate` before services and workers start")
    return lines
