"""A task of a high priority behind a thousand waiting steps of normal ones."""

from __future__ import annotations

from tests.stack import Stack, ask

NORMAL_TASKS, STEPS_EACH = 4, 250  # each step a message of its own
HIGH_STEPS = 40
SLEEP = {"sleep_ms": 100}


def normal_steps_done_before_high(stack: Stack) -> int:
    """Run a task of a high priority while a thousand steps wait; how many of these were done at its end."""
    normal = [stack.create(STEPS_EACH, job="demo", params=SLEEP, stall_after=60) for _ in range(NORMAL_TASKS)]
    for task_id in normal:
        stack.await_dispatched(task_id)
    task_id = stack.create(HIGH_STEPS, job="demo", params=SLEEP, stall_after=60, priority="high")
    stack.await_told(task_id)
    done = sum(stack.task(one).done_steps for one in normal)
    for one in normal:
        ask("POST", f"{stack.done}/tasks/{one}/cancel")
    return done
