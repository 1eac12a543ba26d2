"""The folder with the embedded server's file: two servers writing it at once would ruin it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from donebit.demo.errors import CannotStart
from donebit.demo.watcher import GRACE_SECONDS


def lock(folder: Path, patience_seconds: float = GRACE_SECONDS + 0.5) -> int:
    """Make the folder if need be, and take it for this demo alone.

    The lock lives as long as any process holds the open file that is returned, so it is handed to the server
    as well: should the demo be killed, the folder is taken for as long as the server still writes.

    Raises:
        CannotStart: another demo has it, and not merely the remains of one that was killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience_seconds
    while not _taken(handle):
        if time.monotonic() > deadline:
            os.close(handle)
            raise CannotStart(f"another demo is running on the data in {folder}/: stop that one first")
        time.sleep(0.05)
    return handle


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
