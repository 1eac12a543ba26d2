"""The pool of processes that steps run in: which kinds of Celery's pools are fit for it, and how it ends."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from billiard.connection import wait
from billiard.pool import TERMINATE, WorkersJoined
from celery.concurrency import asynpool, get_implementation
from celery.concurrency.prefork import TaskPool

from donebit.errors import ConfigurationError

LOOK_EVERY_SECONDS = 0.1  # whether a process has ended, where none of them writes


class ResultHandler(asynpool.ResultHandler):
    """Reads what the processes of a pool write, and at the end until each of them has ended.

    Celery's own stops as soon as it waits for the outcome of no message. One that was just on its way to a
    process is given up by then, and is run there all the same: such a process waits for half a minute for
    somebody to read its outcome before it ends, and the worker waits for the process.
    """

    def on_stop_not_started(self) -> None:
        """Read until no process is left; called once the pool is closed and each is asked to end."""
        super().on_stop_not_started()
        with suppress(WorkersJoined):
            _read_until_all_have_ended(self)


def _read_until_all_have_ended(handler: Any) -> None:
    """Read what processes write; raises WorkersJoined when no process is left."""
    processes, unreadable = handler.fileno_to_outq, set[int]()
    while handler._state != TERMINATE:
        handler.join_exited_workers(shutdown=True)
        written = [process.outq._reader for fd, process in processes.items() if fd not in unreadable]
        for reader in wait(written, LOOK_EVERY_SECONDS):
            handler._flush_outqueue(reader.fileno(), unreadable.add, processes, handler.on_state_change)


class StepProcesses(asynpool.AsynPool):
    """Celery's processes, with that handler."""

    ResultHandler = ResultHandler


class StepPool(TaskPool):
    """Celery's pool of such processes."""

    Pool = StepProcesses


POOL = f"{__name__}:{StepPool.__name__}"


def refuse_unfit(pool: str | type) -> None:
    """Refuse every pool but prefork, which runs each message in a process that can be ended.

    In threads and greenlets a step cannot be interrupted, so its step_timeout is not kept, and what ends one
    process ends every step in it; with `solo`, the worker itself and its heartbeats too.

    Args:
        pool: as Celery was given it, by `--pool` or its setting.

    Raises:
        ConfigurationError: it is another one.
    """
    if not _is_prefork(pool):
        name = pool if isinstance(pool, str) else pool.__module__
        raise ConfigurationError(
            f"the worker's pool is {name}; it must be prefork, as only in a process of its own can a step be "
            "ended by its step_timeout, or die without its neighbours: leave --pool out"
        )


def _is_prefork(pool: str | type) -> bool:
    try:
        found: object = get_implementation(pool)
    except (ImportError, AttributeError):  # of a library that is not installed
        return False
    return isinstance(found, type) and issubclass(found, TaskPool)
