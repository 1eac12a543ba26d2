"""Lets an embedded server start on a snapshot alone, which an append-only server would ignore."""

from __future__ import annotations

import shutil
from pathlib import Path

from donebit.demo.errors import CannotStart

SNAPSHOT = "dump.rdb"
LOG_FOLDER = "appendonlydir"
MANIFEST = "appendonly.aof.manifest"
BASE = "appendonly.aof.1.base.rdb"


def adopt_snapshot(folder: Path) -> None:
    """Make a snapshot the base of an append-only file, where there is none yet.

    Args:
        folder: The data folder of a server that does not run.

    Raises:
        CannotStart: The folder of the append-only file has files, but not the manifest that names them.
    """
    snapshot, log = folder / SNAPSHOT, folder / LOG_FOLDER
    if (log / MANIFEST).exists():
        return
    if log.exists() and any(log.iterdir()):
        raise CannotStart(
            f"{log}/ has files, but not {MANIFEST}: the server would start empty; "
            "restore the whole folder (docs/backup.md), or delete it"
        )
    if snapshot.exists():
        made = folder / f"{LOG_FOLDER}.part"
        shutil.rmtree(made, ignore_errors=True)  # of a start that was stopped here
        made.mkdir()
        shutil.copyfile(snapshot, made / BASE)
        (made / MANIFEST).write_text(f"file {BASE} seq 1 type b\n")
        made.rename(log)
