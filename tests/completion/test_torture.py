"""Many real processes at once, each step reported by any of them, a quarter of the steps twice."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from redis import Redis

from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.store import Store
from tests.completion.arranged import now, start
from tests.completion.reporter import Pile, Report, report_all, share
from tests.conftest import keys_without_ttl
from tests.forked import forking_context

PROCESSES, TASKS, STEPS = 8, 300, 32


def reports_of(tasks: list[Task], chance: random.Random) -> list[Report]:
    """Every step in random order, a quarter of them twice: one half of the tasks mixed, the other in turn.

    In turn, all processes are at the end of one task at the same moment: there the races are.
    """
    reports: list[Report] = []
    for task in tasks:
        steps = [*range(STEPS), *chance.sample(range(STEPS), STEPS // 4)]
        reports += [(task.id, step) for step in chance.sample(steps, len(steps))]
    half = len(reports) // 2
    return chance.sample(reports[:half], half) + reports[half:]


def test_each_of_300_tasks_is_completed_once_under_8_processes(
    real_store: Store, real_client: Redis, real_url: str
) -> None:
    tasks = [start(real_store, STEPS) for _ in range(TASKS)]
    reports = reports_of(tasks, random.Random(2))
    context = forking_context()
    pile = Pile.of(reports, context, PROCESSES)

    with ProcessPoolExecutor(PROCESSES, context, share, (pile,)) as pool:
        told = list(pool.map(report_all, [real_url] * PROCESSES))

    completed = Counter(task_id for by_one_process in told for task_id in by_one_process)
    assert len(reports) == TASKS * (STEPS + STEPS // 4)
    assert completed == dict.fromkeys((task.id for task in tasks), 1)
    assert {now(real_store, task).state for task in tasks} == {State.DONE}
    assert keys_without_ttl(real_client) == set()
