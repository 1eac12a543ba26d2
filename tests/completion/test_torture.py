"""Many real processes at once, each step reported by any of them, a quarter of the steps twice."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from redis import Redis

from shared.completion.task import State, Task
from shared.store import Store
from tests.completion.arranged import now, start
from tests.completion.reporter import Reports, meet_at, report_all
from tests.conftest import keys_without_ttl
from tests.servers import RunningServer

PROCESSES, TASKS, STEPS = 8, 300, 32


def shares(tasks: list[Task], chance: random.Random) -> list[Reports]:
    """Each process's reports: the first half of the tasks at random, the rest task by task.

    At random is how a queue delivers; task by task, all processes are at the end of one task at once.
    """
    dealt: list[Reports] = [[] for _ in range(PROCESSES)]
    for task in tasks:
        steps = [*range(STEPS), *chance.sample(range(STEPS), STEPS // 4)]
        for step in chance.sample(steps, len(steps)):
            chance.choice(dealt).append((task.id, step))
    mixed = {task.id for task in tasks[: TASKS // 2]}
    for share in dealt:
        first = [report for report in share if report[0] in mixed]
        share[:] = chance.sample(first, len(first)) + [report for report in share if report[0] not in mixed]
    return dealt


def test_each_of_300_tasks_is_completed_once_under_8_processes(
    real_store: Store, real_client: Redis, valkey: RunningServer
) -> None:
    tasks = [start(real_store, STEPS) for _ in range(TASKS)]
    dealt = shares(tasks, random.Random(2))
    context = get_context("spawn")
    barrier = context.Barrier(PROCESSES)

    with ProcessPoolExecutor(PROCESSES, context, meet_at, (barrier,)) as pool:
        completed = Counter(
            task_id for told in pool.map(report_all, [valkey.url] * PROCESSES, dealt) for task_id in told
        )

    assert sum(map(len, dealt)) == TASKS * (STEPS + STEPS // 4)
    assert completed == dict.fromkeys((task.id for task in tasks), 1)
    assert {now(real_store, task).state for task in tasks} == {State.DONE}
    assert keys_without_ttl(real_client) == set()
