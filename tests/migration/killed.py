"""A migration that is killed at one of its pages: `python -m tests.migration.killed URL PAGE`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from donebit.migration.run import migrate
from donebit.store import Store, moving

rename = moving.KeyMover.rename


def main(url: str, page: str) -> None:
    left = int(page)

    def killed(mover: moving.KeyMover, pairs: Sequence[tuple[str, str]]) -> list[moving.Renamed]:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(mover, pairs)

    moving.KEYS_A_PAGE = 10
    moving.KeyMover.rename = killed  # type: ignore[assignment,method-assign]  # until the kill
    migrate(Store.at(url), force=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
