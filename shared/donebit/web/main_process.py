"""The process that starts those that serve: without it nobody would replace or end them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time

LOOK_EVERY_SECONDS = 0.5


def end_after_main(within_seconds: float) -> None:
    """End this process too when the one that started it was killed: it would keep the port for ever.

    Args:
        within_seconds: for what it answers just then; an event stream would go on for ever
    """
    if main := multiprocessing.parent_process():
        threading.Thread(target=_wait_for_end, args=(main.pid, within_seconds), daemon=True).start()


def _wait_for_end(main: int | None, within_seconds: float) -> None:
    while os.getppid() == main:
        time.sleep(LOOK_EVERY_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(within_seconds)
    os._exit(1)
