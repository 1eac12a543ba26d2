"""Tasks on a cluster of three primaries against one server: a completion, a look, scattered completions."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import count

from benchmarks.figures import Figure, compared
from benchmarks.one_and_cluster import (
    PRIMARIES,
    ROUNDS,
    Side,
    Sides,
    beside,
    in_turns,
    one_and_cluster,
    shares,
)
from donebit.completion import lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.store import Store
from tests.completion.arranged import TTLS

MANY = 10**6  # steps, which one by one nobody reports to the end
PROCESSES = 4
TASKS, STEPS_A_ROUND = 300, 34  # 10,200 completions
ONE_BOUND, SCATTERED_BOUND, WAIT_BOUND = 1.2, 1.4, 1.6

Report = tuple[str, int]  # a task and a step of it


def measure() -> list[Figure]:
    """Medians of calls and of rounds that take turns."""
    with one_and_cluster() as sides:
        figures = [*one_by_one(sides), *scattered(sides)]
    return [*figures, confirmed()]


def one_by_one(sides: Sides) -> list[Figure]:
    return [
        beside("one completion", sides, reports_on, at_most=ONE_BOUND),
        beside("a look at a task", sides, looks_on, at_most=ONE_BOUND),
    ]


def reports_on(side: Side) -> Callable[[], object]:
    """Report the next step of a task that does not end."""
    return reports_to(side.store)


def reports_to(store: Store) -> Callable[[], object]:
    task_id, steps = start(store, MANY), count()
    return lambda: reporting.report(store, task_id, [next(steps)])


def looks_on(side: Side) -> Callable[[], object]:
    return partial(lifecycle.get_task, side.store, start(side.store, 1000))


def start(store: Store, steps: int) -> str:
    return lifecycle.start(store, TaskSpec(steps), ttls=TTLS, max_steps=steps).task.id


def scattered(sides: Sides) -> list[Figure]:
    """Each round reports the next steps of all tasks, in an order of its own."""
    what = f"{TASKS * STEPS_A_ROUND:,} scattered completions, {PROCESSES} processes"
    figures: list[Figure] = []
    pool = ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn"))
    with pool as processes, shares(sides[1], "scattered completions", figures):
        beside_one = beside(what, sides, partial(rounds_on, processes), at_most=SCATTERED_BOUND)
    return [beside_one, *figures]


def rounds_on(processes: ProcessPoolExecutor, side: Side) -> Callable[[], object]:
    tasks = [start(side.store, STEPS_A_ROUND * (ROUNDS + 2)) for _ in range(TASKS)]
    rounds = count()

    def run() -> None:
        first = next(rounds) * STEPS_A_ROUND
        reports = [(task, step) for task in tasks for step in range(first, first + STEPS_A_ROUND)]
        random.Random(first).shuffle(reports)
        list(processes.map(report_all, [side.url] * PROCESSES, dealt(reports)))

    return run


def dealt(reports: Sequence[Report]) -> list[Sequence[Report]]:
    return [reports[process::PROCESSES] for process in range(PROCESSES)]


def report_all(url: str, reports: Sequence[Report]) -> None:
    store = opened(url)
    for task_id, step in reports:
        reporting.report(store, task_id, [step])


@cache
def opened(url: str) -> Store:
    """Return this process's own connection to a server, or to a cluster."""
    return Store.at(url)


def confirmed() -> Figure:
    """A completion that a replica confirms in the same write, against one that nobody confirms."""
    with one_and_cluster(replicas=PRIMARIES) as (_, cluster):
        bare, waiting = (reports_to(Store.at(cluster.url, replicas=replicas)) for replicas in (0, 1))
        alone, seconds = in_turns(bare, waiting)
    return compared(
        "one completion with WAIT_REPLICAS=1", seconds, "without, on the cluster", alone, at_most=WAIT_BOUND
    )
