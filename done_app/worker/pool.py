"""The pool of processes that steps run in: which kinds of Celery's pools are fit for it."""

from __future__ import annotations

from celery.concurrency import get_implementation
from celery.concurrency.prefork import TaskPool

from donebit.errors import ConfigurationError


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
