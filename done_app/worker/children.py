"""Lets a step use `multiprocessing`, and ends the processes that it leaves running."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing import util
from multiprocessing.process import AuthenticationString  # type: ignore[attr-defined]  # no stub has it

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 0.5
END_AFTER_SECONDS = 2.0  # for a process that does not heed SIGTERM; less than a deploy waits for its worker


class OrphanWatch:
    """Ends each process that a step forks, soon after the one that forked it has died, by a kill too."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        util.register_after_fork(self, OrphanWatch.start)

    def start(self) -> None:
        """Start watching; called by multiprocessing in each process that it forks."""
        parent, self._pid = self._pid, os.getpid()
        threading.Thread(target=_end_after, args=(parent,), name="orphan watch", daemon=True).start()


def _hold_sigterm() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _release_sigterm() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _heed_sigterm() -> None:
    """Have SIGTERM end this process, one too that came since it was forked.

    Celery's handler raises SystemExit, which an executor's process takes for the result of its call. And a
    signal that comes before the handler is taken away would be lost, and its sender would wait for ever.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _release_sigterm()


def _end_after(parent: int) -> None:
    # The kernel could tell (PR_SET_PDEATHSIG), but of the thread that forked, not of its process.
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_SECONDS)
    os._exit(1)


@cache  # which keeps the watch
def allow_children() -> OrphanWatch:
    """Let this process of the pool have children; to be called in it as it starts.

    Celery's pool marks its processes as daemons, which multiprocessing lets have none, because nobody would
    end these with them. Here `end_children` and the watch do.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]  # its stubs leave it out
    config["daemon"] = False
    # The pool's own kind of key can be handed to the pool's own kind of process only, and not to one spawned.
    config["authkey"] = AuthenticationString(config["authkey"])
    os.register_at_fork(before=_hold_sigterm, after_in_parent=_release_sigterm, after_in_child=_heed_sigterm)
    return OrphanWatch()


@contextmanager
def forks_ended() -> Iterator[None]:
    """End a process here that the block has forked and that comes out of it, too, by a return or an error.

    It would report steps and take messages as this process does, and the worker knows nothing of it.
    """
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            log.warning("a step has forked process %d and let it return, which is ended", os.getpid())
            os._exit(1)


def end_children() -> None:
    """End what steps have left running in this process; to be called as it ends."""
    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    give_up_at = time.monotonic() + END_AFTER_SECONDS
    for child in children:
        child.join(max(0.0, give_up_at - time.monotonic()))
        if child.is_alive():
            child.kill()
