"""One completion against the round trip of one SETBIT, by the same client on the same connection."""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Callable
from statistics import median
from typing import Any

from redis import Redis

from benchmarks.figures import Figure, compared, duration
from benchmarks.own_server import own_server
from donebit.completion import lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.store import Store, keys
from donebit.store.client import scripts_of
from tests.completion.arranged import TTLS

CALLS = 10_000
BOUND = 1.25
COUNTED = 100  # completions of which round trips are counted


def measure() -> list[Figure]:
    """Medians of three calls that take turns, so that whatever disturbs one disturbs all."""
    with own_server() as client:
        store = Store.on(client)
        reported, marked = (
            lifecycle.start(store, TaskSpec(2 * CALLS), ttls=TTLS, max_steps=2 * CALLS) for _ in range(2)
        )

        def report(step: int) -> object:
            return reporting.report(store, reported.task.id, [step])

        seconds = medians(
            lambda step: client.setbit("plain", step, 1), report, bare_script(client, marked.task)
        )
        asked = [clock_calls(lambda: client.setbit("plain", CALLS, 1)), clock_calls(lambda: report(CALLS))]
        trips = round_trips(client, lambda step: report(CALLS + 1 + step))
    setbit, completed, script = seconds
    return [
        compared("one completion: the script alone", script, "SETBIT", setbit, at_most=BOUND),
        compared("one completion: lifecycle.report", completed, "SETBIT", setbit, at_most=BOUND),
        Figure("round trips of a completion", f"{trips:g}", bound="1", holds=trips == 1),
        Figure("looks at a clock in a completion", str(asked[1]), against=f"{asked[0]} (SETBIT)"),
        Figure("cost of a look at a clock", duration(clock_seconds())),
    ]


def medians(*calls: Callable[[int], object]) -> list[float]:
    """Seconds of each call, one round trip of each in turn."""
    seconds: list[list[float]] = [[] for _ in calls]
    for step in range(CALLS):
        for call, taken in zip(calls, seconds, strict=True):
            began = time.perf_counter()
            call(step)
            taken.append(time.perf_counter() - began)
    return [median(taken) for taken in seconds]


def bare_script(client: Redis, task: Task) -> Callable[[int], object]:
    """mark_steps as it is sent, without the domain and the store around it."""
    digest = scripts_of(client)["mark_steps"].sha
    names = (keys.bitmap(task.id), keys.record(task.id))
    now_ms = int(time.time() * 1000)
    return lambda step: client.evalsha(digest, 2, *names, now_ms, task.nonce, task.nonce, 1, step)


def clock_calls(call: Callable[[], object]) -> int:
    """How often a call looks at a clock; it is traced, not timed."""
    looks = 0

    def note(_: object, event: str, what: Any) -> None:
        nonlocal looks
        looks += event == "c_call" and getattr(what, "__module__", None) == "time"

    call()  # what only a first call needs
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return looks


def clock_seconds() -> float:
    """Seconds of one look at a clock: on a virtual machine it may be a call of the kernel."""
    return min(timeit.repeat(time.monotonic, number=10_000, repeat=5)) / 10_000


def round_trips(client: Redis, call: Callable[[int], object]) -> float:
    """How often a call sends something to the server and waits for the answer."""
    before = int(client.info("stats")["total_reads_processed"])
    for step in range(COUNTED):
        call(step)
    reads = int(client.info("stats")["total_reads_processed"]) - before
    return round(reads / COUNTED, 1)  # the figure's own is one of them
