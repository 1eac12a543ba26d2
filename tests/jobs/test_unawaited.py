"""A job whose function returns before its work is done is refused: nothing would run, and all be done."""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from functools import cache, partial, wraps
from itertools import starmap, takewhile
from multiprocessing import Process
from multiprocessing.pool import ThreadPool
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Event, Thread
from typing import Any

import pytest

from donebit import job
from donebit.config import Settings
from donebit.errors import ConfigurationError
from donebit.jobs.registry import Job, load_jobs
from donebit.jobs.unawaited import NothingRan, refuse_unawaited
from tests.jobs.conftest import WriteModule

AWAIT = "whose work nothing awaits: write a plain function that calls asyncio.run"
LOOP = "whose work nothing does: use a for loop in the step"
ENTER = "whose work nothing does: use a with statement in the step"
WAIT = "whose work may not be done: wait for it in the step"


async def fetch(step: int) -> None: ...


async def stream(step: int) -> AsyncIterator[int]:
    yield step


def walk(step: int) -> Iterator[int]:
    yield step


class Called:
    async def __call__(self, step: int) -> None: ...


class Fetching(Called):
    async def fetch(self, step: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (fetch, f"a coroutine function, {AWAIT}"),
        (stream, f"an async generator function, {AWAIT}"),
        (walk, f"a generator function, {LOOP}"),
        (Fetching(), f"a coroutine function, {AWAIT}"),
        (Fetching().fetch, f"a coroutine function, {AWAIT}"),
        (partial(fetch), f"a coroutine function, {AWAIT}"),
        (partial(partial(Fetching())), f"a coroutine function, {AWAIT}"),
        (partial(walk), f"a generator function, {LOOP}"),
        (cache(fetch), f"a coroutine function, {AWAIT}"),
    ],
    ids=["async", "async generator", "generator", "object", "method", "partial", "twice", "lazy", "cached"],
)
def test_a_function_that_only_prepares_its_work_is_refused(function: Callable[..., Any], what: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        job("fetch")(function)

    assert str(refused.value) == f"job fetch: its function is {what}"


@pytest.mark.parametrize("function", [7, Path().exists, len], ids=["number", "method", "built in"])
def test_what_cannot_be_a_job_is_refused_in_one_sentence(function: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^job odd: .* cannot be "):
        job("odd")(function)


def test_a_decorator_above_the_job_does_not_hide_a_generator() -> None:
    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def inner(step: int) -> Iterator[int]:
            yield function(step)

        return inner

    @logged
    @job("walk")
    def plain(step: int) -> None: ...

    with pytest.raises(ConfigurationError, match=r"^job walk: its function is a generator function, "):
        Job.from_function(plain)


def test_a_plain_function_that_runs_a_coroutine_is_a_job() -> None:
    @job("fetch")
    @wraps(fetch)
    def run(step: int) -> None:
        asyncio.run(fetch(step))

    assert Job.from_function(run).function is run


def test_a_module_with_a_coroutine_function_is_refused_at_start(write_module: WriteModule) -> None:
    code = "from donebit import job\n\n@job('fetch')\nasync def fetch(step):\n    pass\n"
    write_module("jobs_of_coroutines", code)

    with pytest.raises(ConfigurationError, match=r"^job fetch: its function is a coroutine function"):
        load_jobs(Settings(jobs=("jobs_of_coroutines",)))


def ended() -> Future[int]:
    finished: Future[int] = Future()
    finished.set_result(1)
    return finished


class Awaitable:
    def __await__(self) -> Iterator[None]:
        yield


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: fetch(1), f"a coroutine, {AWAIT}"),
        (lambda: [fetch(1), fetch(2)], f"a coroutine, {AWAIT}"),
        (lambda: stream(1), f"an async_generator, {AWAIT}"),
        (Awaitable, f"an Awaitable, {AWAIT}"),
        (lambda: walk(1), f"a generator, {LOOP}"),
        (lambda: map(print, [1]), f"a map, {LOOP}"),
        (lambda: starmap(print, [(1,)]), f"a starmap, {LOOP}"),
        (lambda: zip(map(print, [1]), [2], strict=False), f"a zip, {LOOP}"),
        (lambda: takewhile(print, [1]), f"a takewhile, {LOOP}"),
        (lambda: contextmanager(walk)(1), f"a _GeneratorContextManager, {ENTER}"),
        (lambda: asynccontextmanager(stream)(1), f"a _AsyncGeneratorContextManager, {ENTER}"),
        (Future, f"a Future, {WAIT}"),
        (lambda: [ended(), Future()], f"a Future, {WAIT}"),
        (Thread, f"a Thread, {WAIT}"),
        (Process, f"a Process, {WAIT}"),
    ],
    ids=[
        "coroutine",
        "several",
        "async generator",
        "awaitable",
        "generator",
        "map",
        "starmap",
        "zip",
        "takewhile",
        "context",
        "async context",
        "future",
        "futures",
        "thread",
        "process",
    ],
)
def test_work_returned_undone_is_refused_and_closed(make: Callable[[], object], what: str) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(NothingRan) as refused:
            refuse_unawaited("fetch", make())
        gc.collect()

    assert str(refused.value) == f"job fetch returned {what}"
    assert [str(one.message) for one in warned] == []


def test_any_other_value_may_be_returned(tmp_path: Path) -> None:
    closed = Process()  # as only one that does not run can be
    closed.close()
    finished = (ended(), [ended()], closed)

    for value in (None, 0, "done", [], [1, 2], (3,), {"a": 1}, {1}, *finished, tmp_path, iter([1])):
        refuse_unawaited("fetch", value)


def test_a_command_that_is_not_waited_for_is_refused_while_it_runs() -> None:
    with Popen([sys.executable, "-c", "input()"], stdin=PIPE) as command:
        with pytest.raises(NothingRan, match=f"^job fetch returned a Popen, {WAIT}$"):
            refuse_unawaited("fetch", command)
        command.communicate(b"\n")

        refuse_unawaited("fetch", command)


def test_a_thread_that_is_not_waited_for_is_refused_while_it_runs() -> None:
    go_on = Event()
    thread = Thread(target=go_on.wait)
    thread.start()
    try:
        with pytest.raises(NothingRan, match=f"^job fetch returned a Thread, {WAIT}$"):
            refuse_unawaited("fetch", thread)
    finally:
        go_on.set()
        thread.join()

    refuse_unawaited("fetch", thread)


def test_the_results_of_a_pool_are_refused_until_all_are_there() -> None:
    go_on = Event()
    with ThreadPool(1) as pool:
        one, several = pool.apply_async(go_on.wait), pool.map_async(str, [1])
        for undone, kind in ((one, "an ApplyResult"), ([several, one], "a MapResult")):
            with pytest.raises(NothingRan, match=f"^job fetch returned {kind}, {WAIT}$"):
                refuse_unawaited("fetch", undone)
        for made in (pool.imap, pool.imap_unordered):
            lazy = made(str, [1])
            with pytest.raises(NothingRan, match=f"^job fetch returned an {type(lazy).__name__}, {LOOP}$"):
                refuse_unawaited("fetch", lazy)
        go_on.set()
        several.wait()

        refuse_unawaited("fetch", [one, several])
