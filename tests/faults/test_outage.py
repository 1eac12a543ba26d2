"""Redis away for a while, in the middle of everything: everything goes on by itself, and nothing is lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from donebit.completion import lifecycle, missing
from tests.servers import RunningServer
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually

STEPS = 3000

OutageOf = Callable[[RunningServer], None]


def kill(server: RunningServer) -> None:
    server.end()


def freeze(server: RunningServer) -> None:
    server.process.send_signal(signal.SIGSTOP)


def thaw(server: RunningServer) -> None:
    server.process.send_signal(signal.SIGCONT)


class Reporter:
    """A client that reports step after step over HTTP, and keeps what was acknowledged, and when."""

    def __init__(self, stack: Stack, task_id: str, pause_seconds: float = 0.0) -> None:
        self._url = f"{stack.done}/tasks/{task_id}/steps"
        self._pause_seconds = pause_seconds
        self._enough = threading.Event()
        self.acknowledged: dict[int, float] = {}
        self.statuses: set[int] = set()

    def run(self) -> None:
        for step in range(100_000):
            answer = ask("PUT", f"{self._url}/{step}")
            self.statuses.add(answer.status)
            if answer.status == 200:
                self.acknowledged[step] = time.monotonic()
            if self._enough.wait(self._pause_seconds):
                return

    def longest_pause(self) -> float:
        """The longest time between two that were acknowledged, in seconds."""
        return max(later - before for before, later in pairwise(self.acknowledged.values()))

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._enough.set()
            thread.join()


@pytest.mark.parametrize(("begin", "end"), [(kill, RunningServer.start), (freeze, thaw)])
def test_all_goes_on_when_redis_is_back_and_no_acknowledged_step_is_lost(
    stack: Stack, begin: OutageOf, end: OutageOf
) -> None:
    processes = stack.processes()
    own = stack.create(100_000)
    task_id = stack.trigger_done(STEPS, 10)
    reporter = Reporter(stack, own)
    with reporter.running():
        stack.await_progress(task_id, 50)
        eventually(lambda: len(reporter.acknowledged) > 20)

        begin(stack.server)
        refused = {
            name: ask("GET", f"{url}/health", within_seconds=3) for name, url in stack.services().items()
        }
        eventually(lambda: 503 in reporter.statuses)
        end(stack.server)

        back_at = len(reporter.acknowledged)
        eventually(lambda: len(reporter.acknowledged) > back_at + 20, DONE_SECONDS)
        stack.await_told(task_id, swept=True)

    assert {name: answer.status for name, answer in refused.items()} == dict.fromkeys(stack.services(), 503)
    assert {answer.said["status"] for answer in refused.values()} == {"unavailable"}
    assert reporter.statuses == {200, 503}
    assert not set(reporter.acknowledged).intersection(missing_steps(stack, own))
    assert set(stack.told(task_id)) == {f"{task_id}.1.done"}
    assert stack.processes() == processes


def missing_steps(stack: Stack, task_id: str) -> set[int]:
    task = lifecycle.get_task(stack.store, task_id).task
    return {
        step
        for start, stop in missing.iterate(stack.store, task, 0, task.count)
        for step in range(start, stop)
    }


def test_a_request_while_redis_is_away_says_when_to_come_again(stack: Stack) -> None:
    freeze(stack.server)

    answer = ask("POST", f"{stack.trigger}/trigger/done?count=10", within_seconds=3)

    assert answer.status == 503
    assert answer.said["detail"] == "Redis cannot be reached"
