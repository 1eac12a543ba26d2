"""Refuses step functions whose work is not done when they return, such as coroutine functions.

The standard library alone, as for `decorator.py`, which uses it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from itertools import (
    accumulate,
    chain,
    compress,
    dropwhile,
    filterfalse,
    groupby,
    islice,
    starmap,
    takewhile,
    zip_longest,
)
from multiprocessing.pool import AsyncResult, IMapIterator
from multiprocessing.process import BaseProcess
from subprocess import Popen
from threading import Thread
from types import CoroutineType, GeneratorType

from donebit.errors import ConfigurationError

AWAIT = "whose work nothing awaits: write a plain function that calls asyncio.run"
LOOP = "whose work nothing does: use a for loop in the step"
ENTER = "whose work nothing does: use a with statement in the step"
WAIT = "whose work may not be done: wait for it in the step"
KINDS: tuple[tuple[str, Callable[[object], bool], str], ...] = (
    ("an async generator function", inspect.isasyncgenfunction, AWAIT),
    ("a coroutine function", inspect.iscoroutinefunction, AWAIT),
    ("a generator function", inspect.isgeneratorfunction, LOOP),
)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


# What these hold runs when they are iterated, and a worker does not.
CALLING = (map, filter, starmap, accumulate, dropwhile, filterfalse, groupby, takewhile)
PASSING_ON = (chain, compress, enumerate, islice, zip, zip_longest)
LAZY = (GeneratorType, *CALLING, *PASSING_ON, IMapIterator)
CONTEXT = type(_nothing()).__mro__[1]  # what contextlib makes of a generator, also of an async one
# What these stand for may still run.
RUNNING = (Future, AsyncResult, Popen, Thread, BaseProcess)
# Most steps return nothing; of what others do return, these need no closer look.
PLAIN = frozenset({type(None), bool, int, float, str, bytes, dict})


class NothingRan(Exception):
    """A step returned work in place of doing it."""


def refuse_asynchronous(name: str, function: object) -> None:
    """Refuse a step function that returns before its work is done, as far as can be seen before it runs.

    A plain function around a coroutine function is accepted: it may run the coroutine, as `asyncio.run` does.
    `refuse_unawaited` looks at what it returns.

    Args:
        name: of the job.
        function: the function, or whatever is to be called.

    Raises:
        ConfigurationError: it cannot be called, or is a coroutine function, a generator function, an async
            generator function, an object whose `__call__` is one, or a partial or cached form of one.
    """
    if not callable(function):
        raise ConfigurationError(f"job {name}: {function!r:.100} cannot be called")
    for called in _called(function):
        for kind, is_kind, remedy in KINDS:
            if is_kind(called):
                raise ConfigurationError(f"job {name}: its function is {kind}, {remedy}")


def _called(function: object) -> tuple[object, ...]:
    """The function that a call runs in the end, and the `__call__` of its type, which may be it."""
    while True:
        if isinstance(function, partial):
            function = function.func
        elif hasattr(function, "cache_parameters") and hasattr(function, "__wrapped__"):  # functools.cache
            function = function.__wrapped__
        else:
            return function, getattr(type(function), "__call__", None)  # noqa: B004 - not whether, but what


def refuse_unawaited(name: str, returned: object) -> None:
    """Refuse a value that says that a step's work has not been done.

    Args:
        name: of the job.
        returned: what its function returned, or a list of such; coroutines are closed, so that Python does
            not warn that they were never awaited.

    Raises:
        NothingRan: it is awaitable, an async iterator, a lazy iterator such as a generator, the context of
            one, or a future, a pool's result, a thread or a process that has not ended. The text is one
            sentence that names the job.
    """
    if type(returned) in PLAIN:
        return
    several = returned if isinstance(returned, list | tuple | set) else (returned,)
    if not several:
        return
    first = next(iter(several))  # of several coroutines the first tells enough
    runs = isinstance(first, RUNNING)
    if not (any(map(_runs, several)) if runs else _is_lazy(first)):
        return
    kind = type(first).__name__
    for one in several:
        if isinstance(one, CoroutineType | GeneratorType):
            one.close()
    article = "an" if kind[0].lower() in "aeiou" else "a"
    raise NothingRan(f"job {name} returned {article} {kind}, {_remedy(first)}")


def _remedy(returned: object) -> str:
    for kinds, remedy in ((RUNNING, WAIT), (CONTEXT, ENTER), (LAZY, LOOP)):
        if isinstance(returned, kinds):
            return remedy
    return AWAIT


def _runs(returned: object) -> bool:
    """Whether a future, a pool's result, a thread or a process has not ended, or has not begun."""
    if isinstance(returned, Thread | BaseProcess):
        with suppress(ValueError):  # by a process that is closed, as none can be that runs
            return returned.ident is None or returned.is_alive()
        return False
    if isinstance(returned, Popen):
        return returned.poll() is None
    if isinstance(returned, AsyncResult):
        return not returned.ready()
    return isinstance(returned, Future) and not returned.done()


def _is_lazy(returned: object) -> bool:
    kind = type(returned)
    return hasattr(kind, "__await__") or hasattr(kind, "__anext__") or isinstance(returned, (*LAZY, CONTEXT))
