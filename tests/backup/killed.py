"""A restore that is killed at one of its trips: `python -m tests.backup.killed URL BACKUP TRIP`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from donebit.backup.restoring import open_backup, restore_backup
from donebit.store import Store, key_writing

flush = key_writing.KeyWriter.flush


def main(url: str, backup: str, trip: str) -> None:
    left = int(trip)

    def killed(writer: key_writing.KeyWriter) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        flush(writer)

    key_writing.COMMANDS_A_TRIP = 100
    key_writing.KeyWriter.flush = killed  # type: ignore[assignment,method-assign]  # until the kill
    restore_backup(Store.at(url), open_backup(Path(backup)))


if __name__ == "__main__":
    main(*sys.argv[1:])
