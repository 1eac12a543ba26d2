"""200 open dashboards: what they ask the server beside a few, and how many steps they cost a running task."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from redis import Redis

from benchmarks.dashboard import steps
from benchmarks.dashboard.page_load import served
from benchmarks.dashboard.streams import Held, held
from benchmarks.figures import Figure, compared, duration
from benchmarks.own_stack import Stack, own_stack
from donebit.completion import lifecycle, reporting
from donebit.completion.spec import TaskSpec
from tests.completion.arranged import TTLS

MANY = 200
COUNT = 10_000_000  # more than are done meanwhile
SETTLED_SECONDS, SECONDS, PAIRS, LOOKS = 1.0, 3.0, 5, 3
READS = 1.25  # times those of a few; what the rest of the product asks is not quite even
AT_LEAST = 0.9
JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "up to 20 ms, as the demo's": ("demo", {"sleep_ms": 20}),
    "0.1 ms, both cores busy": ("short", {"sleep_us": 100}),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """How busy the server was."""

    commands: float  # a second
    connections: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Steps a second without dashboards and then with them; seconds that the page of tasks took meanwhile."""

    alone: float
    beside: float
    page: float
    held: Held

    @property
    def ratio(self) -> float:
        return self.beside / self.alone


def measure() -> list[Figure]:
    """Clients that read and forget, in one process; steps in turns, with them and without."""
    with own_stack(JOBS=steps.JOBS) as stack, Redis.from_url(stack.redis) as client:
        reader = of_reader(stack, client)
        return [*reader, *(figure for length in JOBS for figure in of_task(stack, length))]


def views_of(task_id: str) -> tuple[str, ...]:
    """What the stream of each is called: of three views, and of an opened task."""
    return ("done", "distinct/distinct", "workers", f"task/{task_id}")


def of_reader(stack: Stack, client: Redis) -> list[Figure]:
    """With a task that stands still: what is asked on top is the dashboards'."""
    views = views_of(half_done(stack))
    some = ((), views[:1], MANY * views[:1], views, MANY // 4 * views)
    asked = [asked_with(stack, client, one) for one in some]
    beside = [now.commands - asked[0].commands for now in asked]
    return [
        connections(f"connections to the server with 0, 1, {MANY}, 4 and {MANY} dashboards", asked),
        reads(f"commands for {MANY} dashboards of one view", beside[2], "for 1", beside[1]),
        reads(f"commands for {MANY} dashboards of four views", beside[4], "for 4", beside[3]),
    ]


def connections(what: str, asked: Sequence[Asked]) -> Figure:
    """The reader's is at most one more than there are without it."""
    numbers = [now.connections for now in asked]
    holds = max(numbers) <= numbers[0] + 1
    return Figure(what, ", ".join(map(str, numbers)), bound="one more", holds=holds)


def reads(what: str, measured: float, peer: str, against: float) -> Figure:
    return compared(what, measured, peer, against, at_most=READS, write=a_second)


def half_done(stack: Stack) -> str:
    store = stack.store()
    task = lifecycle.start(store, TaskSpec(COUNT), ttls=TTLS, max_steps=COUNT).task
    reporting.report(store, task.id, ranges=[(0, COUNT // 2)])
    return task.id


def asked_with(stack: Stack, client: Redis, views: Sequence[str]) -> Asked:
    with held(stack, views):
        time.sleep(SETTLED_SECONDS)
        # The least of some: whatever else the product asks now and then only adds to it.
        commands = min(rate(lambda: commands_of(client)) for _ in range(LOOKS))
        return Asked(commands, int(client.info("clients")["connected_clients"]))


def commands_of(client: Redis) -> int:
    return int(client.info("stats")["total_commands_processed"])


def of_task(stack: Stack, length: str) -> Iterator[Figure]:
    task_id = stack.start(COUNT, *JOBS[length])
    time.sleep(SETTLED_SECONDS)
    pairs = [pair(stack, task_id) for _ in range(PAIRS)]
    stack.cancel(task_id)
    yield of_pairs(f"steps of {length}, beside {MANY} dashboards", pairs)
    yield Figure("GET / meanwhile, median", duration(median(one.page for one in pairs)))
    yield Figure("a core's share for trigger_app meanwhile", share(one.held.service for one in pairs))
    yield Figure("a core's share for the clients themselves", share(one.held.clients for one in pairs))
    received = median(one.held.received for one in pairs) / MANY / 1e3
    yield Figure("received per dashboard", f"{received:.3g} KB/s")


def pair(stack: Stack, task_id: str) -> Pair:
    store = stack.store()

    def done() -> int:
        return lifecycle.get_task(store, task_id).task.done_steps

    alone = rate(done)
    with held(stack, MANY // 4 * views_of(task_id)) as dashboards:
        time.sleep(SETTLED_SECONDS)
        beside = rate(done)
        page = served(stack.trigger)
    return Pair(alone, beside, page, dashboards)


def of_pairs(what: str, pairs: Sequence[Pair]) -> Figure:
    ratio = median(one.ratio for one in pairs)
    alone, beside = median(one.alone for one in pairs), median(one.beside for one in pairs)
    bound, holds = f"at least {AT_LEAST}x", ratio >= AT_LEAST
    return Figure(what, a_second(beside), f"{a_second(alone)} (alone)", f"{ratio:.2f}x", bound, holds)


def rate(count: Callable[[], int]) -> float:
    """How many a second."""
    before, began = count(), time.perf_counter()
    time.sleep(SECONDS)
    return (count() - before) / (time.perf_counter() - began)


def a_second(number: float) -> str:
    return f"{number:,.0f}/s"


def share(shares: Iterator[float]) -> str:
    taken = median(shares)
    return f"{100 * taken:.2g} %" if taken else "not available on this system"
