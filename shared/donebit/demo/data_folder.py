"""Locks the embedded server's data folder: two servers writing there at once would destroy it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from donebit.demo.errors import CannotStart
from donebit.demo.watcher import GRACE_SECONDS


def lock(folder: Path, timeout_seconds: float = GRACE_SECONDS + 0.5) -> int:
    """Make the folder if needed, and lock it for this demo.

    The lock lasts as long as any process holds the file. The server inherits it, so that the folder stays
    locked while the server of a killed demo still writes.

    Args:
        folder: The folder of the data.
        timeout_seconds: How long to wait for the lock; a killed demo releases it after a moment.

    Returns:
        The descriptor of the open lock file.

    Raises:
        CannotStart: Another demo holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + timeout_seconds
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
