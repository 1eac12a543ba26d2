"""The same while workers run a task, through a broker that the harm is done to as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from random import Random
from typing import NamedTuple

from donebit.completion.state import State
from donebit.errors import StoreUnavailable
from tests.faults.torture.harms import SERVING_SECONDS, Aftermath
from tests.faults.torture.reporters import REPORTING_SECONDS
from tests.faults.torture.trial import TASKS_OF_A_LONG_RUN, Reporters, Trial, try_out
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually, say
from tests.torture import Healed

SHORT = 6, 6.0  # how many tasks are reported, and for how many seconds
OF_WORKERS, OF_WORKERS_IN_SHORT = (
    (100_000, 1, 400),
    (600, 20, 30),
)  # steps, milliseconds each, steps a message
THEIR_SECONDS = 300.0  # with room for a busy machine
STALL_AFTER_SECONDS = 2.0
UNSWEPT_SECONDS = 3600.0  # a stall_after: nothing of it is sent again


class AtWork(NamedTuple):
    """What was seen of a harm.

    Attributes:
        task_id: of the workers' task
        lost: between which moments reports were acknowledged that may be lost
        new_task: how long after all was served again the step of a new task had run, in seconds
    """

    trial: Trial
    task_id: str
    lost: tuple[float, float]
    new_task: float

    def assert_soon(self, healed: Healed, outage_seconds: float) -> None:
        """In a long run neither outage may be longer than that."""
        healed(self.trial.outage, outage_seconds, "until a report was acknowledged")
        healed(self.new_task, SERVING_SECONDS, "until a new task had run")


def try_at_work(
    stack: Stack,
    url: str,
    act: Callable[[], Aftermath],
    reporters: Reporters,
    chance: Random,
    *,
    is_long_run: bool,
) -> AtWork:
    """Do a harm while tasks are reported and workers run one."""
    seen: list[tuple[Aftermath, float]] = []

    def act_and_begin() -> Aftermath:
        aftermath = act()
        seen.append((aftermath, await_new_task(stack) - aftermath.working_from))
        aftermath.mend()
        return aftermath

    tasks, at_it = (TASKS_OF_A_LONG_RUN, REPORTING_SECONDS) if is_long_run else SHORT
    with workers_at_a_task(stack, is_long_run=is_long_run) as task_id:
        trial = try_out(url, tasks, act_and_begin, reporters, chance, seconds=at_it)
        [(aftermath, new_task)] = seen
        say(f"a report took {trial.outage:.1f} s, a new task had run after {new_task:.1f} s")
        if aftermath.begun:
            stack.await_told(aftermath.begun, swept=True)
    return AtWork(trial, task_id, aftermath.lost, new_task)


@contextmanager
def workers_at_a_task(stack: Stack, *, is_long_run: bool = True) -> Iterator[str]:
    """Have workers run a task of many steps, which is done at the end, and announced under one id."""
    steps, sleep_ms, batch = OF_WORKERS if is_long_run else OF_WORKERS_IN_SHORT
    params = {"sleep_ms": sleep_ms}
    task_id = stack.create(steps, job="demo", params=params, batch=batch, stall_after=STALL_AFTER_SECONDS)
    stack.await_progress(task_id)
    yield task_id
    if is_long_run:
        eventually(lambda: stack.told(task_id), THEIR_SECONDS, what="the workers' task does not end")
    else:
        stack.await_told(task_id, swept=True)
    task = stack.task(task_id)
    assert (task.state, task.done_steps, task.run) == (State.DONE, steps, 1)
    assert set(stack.told(task_id)) == {f"{task_id}.1.done"}


def await_new_task(stack: Stack) -> float:
    """Begin a task, as soon as that is possible; when its step has run."""
    body = {"count": 1, "job": "demo", "params": {"sleep_ms": 0}, "stall_after": UNSWEPT_SECONDS}
    begun: list[str] = []

    def is_begun() -> bool:
        answer = ask("POST", f"{stack.trigger}/tasks", body)
        begun.extend([str(answer.said["task_id"])] if answer.status == 202 else [])
        return bool(begun)

    eventually(is_begun, DONE_SECONDS, what="no task can be begun")
    eventually(partial(is_done, stack, begun[0]), DONE_SECONDS, what="a new task does not run")
    return time.monotonic()


def is_done(stack: Stack, task_id: str) -> bool:
    with suppress(StoreUnavailable):
        return stack.task(task_id).state is State.DONE
    return False
