"""A task of a high priority behind a thousand waiting steps of normal ones."""

from __future__ import annotations

from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually

NORMAL_TASKS, STEPS_EACH = 4, 250  # each step a message of its own
HIGH_STEPS = 40
SLEEP = {"sleep_ms": 100}


def steps_done(stack: Stack, *tasks: str) -> int:
    return sum(stack.task(task_id).done_steps for task_id in tasks)


def steps_done_before_end(stack: Stack, task_id: str, *others: str) -> int:
    """How many steps of others were done when the task was last seen at work: more are while a test waits."""
    done = [0]

    def has_ended() -> bool:
        found = steps_done(stack, *others)
        if stack.task(task_id).ended:
            return True
        done.append(found)
        return False

    eventually(has_ended, DONE_SECONDS, what="it does not end")
    return done[-1]


def normal_steps_done_before_high(stack: Stack) -> int:
    """Run a task of a high priority while a thousand steps wait; how many of these were done meanwhile."""
    normal = [stack.create(STEPS_EACH, job="demo", params=SLEEP, stall_after=60) for _ in range(NORMAL_TASKS)]
    for task_id in normal:
        stack.await_dispatched(task_id)
    before = steps_done(stack, *normal)
    task_id = stack.create(HIGH_STEPS, job="demo", params=SLEEP, stall_after=60, priority="high")
    done = steps_done_before_end(stack, task_id, *normal) - before
    for one in normal:
        ask("POST", f"{stack.done}/tasks/{one}/cancel")
    return done
