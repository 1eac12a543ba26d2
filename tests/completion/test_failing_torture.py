"""Many real processes at once: successes, failures and duplicates of both in a random mixture."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from redis import Redis

from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.store import Store
from tests.completion.arranged import now, start
from tests.completion.reporter import Pile, Report, report_and_fail_all, share
from tests.conftest import keys_without_ttl
from tests.forked import forking_context

PROCESSES, TASKS, STEPS = 8, 100, 16
FAILING = range(4)  # of the tasks that have failures

# What may become of a task: by turns without failures, with steps that only fail, with steps that do both.
ENDS = [{State.DONE}, {State.FAILED}, {State.DONE, State.FAILED}]


def reports_of(task: Task, kind: int, chance: random.Random) -> list[Report]:
    """Every step, some twice, in random order."""
    failures = [~step for step in FAILING] if kind else []
    successes = [step for step in range(STEPS) if kind != 1 or step not in FAILING]
    steps = [*successes, *failures, *chance.sample(successes, 4), *failures]
    return [(task.id, step) for step in chance.sample(steps, len(steps))]


def test_each_of_100_tasks_ends_once_and_rightly_under_8_processes(
    real_store: Store, real_client: Redis, real_url: str
) -> None:
    chance = random.Random(3)
    tasks = [start(real_store, STEPS) for _ in range(TASKS)]
    reports = [each for n, task in enumerate(tasks) for each in reports_of(task, n % 3, chance)]
    context = forking_context()
    pile = Pile.of(reports, context, PROCESSES)

    with ProcessPoolExecutor(PROCESSES, context, share, (pile,)) as pool:
        told = list(pool.map(report_and_fail_all, [real_url] * PROCESSES))

    ended = Counter(task_id for by_one_process in told for task_id in by_one_process)
    # A task that failed ends once more when the rest of its steps are done after all.
    most = {
        task.id: 2 if State.DONE in ENDS[n % 3] and State.FAILED in ENDS[n % 3] else 1
        for n, task in enumerate(tasks)
    }
    assert ended.keys() == most.keys()
    assert [task_id for task_id, times in ended.items() if times > most[task_id]] == []
    assert all(now(real_store, task).state in ENDS[n % 3] for n, task in enumerate(tasks))
    assert {now(real_store, task).missing_steps for task in tasks} == {0}
    assert keys_without_ttl(real_client) == set()
