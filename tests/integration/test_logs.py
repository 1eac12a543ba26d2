"""`donebit logs` shows what real workers said, and goes on as they say more."""

from __future__ import annotations

import signal

from tests.command_line.command import IN_TIME, Donebit
from tests.stack import Stack
from tests.started import eventually


def texts(donebit: Donebit, task_id: str) -> list[str]:
    return [line["text"] for line in donebit("logs", "--task", task_id, "--json").lines]


def test_the_log_of_a_task_is_what_its_workers_said(stack: Stack, donebit: Donebit) -> None:
    task_id = stack.trigger_done(5, 0)
    stack.await_told(task_id)
    number = 7  # the fan-out, five steps, the end: each process writes its own, in whatever order
    eventually(lambda: len(stack.log_of(task_id)) >= number, IN_TIME, what="lines lack at the terminal")
    eventually(lambda: len(texts(donebit, task_id)) >= number, IN_TIME, what="lines lack")

    assert sorted(texts(donebit, task_id)) == sorted(stack.log_of(task_id))
    assert len(stack.log_of(task_id)) == number


def test_followed_it_shows_each_line_once_as_it_is_said(stack: Stack, donebit: Donebit) -> None:

    other = stack.create(4, job="demo", params={"sleep_ms": 0}, task_id="followed-at-a-terminal")
    followed = donebit.at_terminal("logs", "-f", "--task", other, columns=200)
    followed.wait_for(f"task {other} is done: 4 steps")
    followed.process.send_signal(signal.SIGINT)

    assert followed.exit_code() == 130
    assert followed.seen.count(f"task {other} is done: 4 steps") == 1
