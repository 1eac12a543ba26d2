"""What metrics, history and log lines add to the processor time of running tasks, on worker and server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median

from redis import Redis

from benchmarks.against import interval
from benchmarks.chord_backend import server_seconds
from benchmarks.dashboard import processor
from benchmarks.figures import Figure, duration, times
from benchmarks.own_server import own_server
from benchmarks.waiting import wait_until
from donebit import queue
from donebit.addresses import LOOPBACK
from donebit.completion import lifecycle
from donebit.completion.spec import TaskSpec
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.publishing import publish_start
from donebit.queue import Publisher
from donebit.store import Store

PAIRS, AT_MOST = 20, 1.03
TASKS = {  # what runs: (how many tasks, steps of each)
    "300,000 no-op steps": (1, 300_000),
    "500 no-op steps, a message and a log line each": (2, 250),
}


@dataclass(frozen=True, slots=True, eq=False)
class Worker:
    """A worker of two processes, alone on a server of its own."""

    process: int
    client: Redis
    store: Store
    settings: Settings

    @property
    def processor_seconds(self) -> float:
        """What the worker and its server have taken of the processor."""
        return processor.seconds(self.process) + server_seconds(self.client)

    def start(self, steps: int) -> str:
        """Start a task of no-op steps, and return its id."""
        spec, ttls = TaskSpec(steps, "demo", {"sleep_ms": 0}), TaskTtls.from_settings(self.settings)
        task = lifecycle.start(self.store, spec, ttls=ttls, max_steps=steps).task
        publish_start(Publisher(queue.make_celery(self.settings)), task)
        return task.id

    def is_announced(self, task_id: str) -> bool:
        return lifecycle.get_task(self.store, task_id).task.announced_at is not None


def measure() -> list[Figure]:
    """Measure many pairs of workers, once each: how they started matters more than what they keep."""
    taken = [Taken({}, {}) for _ in TASKS]
    for number in range(PAIRS):
        with pair_of_workers() as workers:
            for of_one, tasks in zip(taken, TASKS.values(), strict=True):
                of_one.measure(*workers, number, *tasks)
    return [of_one.figure(what) for what, of_one in zip(TASKS, taken, strict=True)]


@contextmanager
def pair_of_workers() -> Iterator[tuple[Worker, Worker]]:
    """A worker that keeps all, and one that keeps nothing, both warm."""
    with (
        own_worker("done_app.worker", "info") as keeps,
        own_worker("benchmarks.silent_worker", "error") as silent,
    ):
        seconds_at_once([keeps, silent], 1, 10_000)
        yield keeps, silent


@dataclass(frozen=True, slots=True)
class Taken:
    """Processor seconds by pair, for one kind of tasks."""

    keeping: dict[int, float]
    silent: dict[int, float]

    def measure(self, keeps: Worker, silent: Worker, number: int, tasks: int, steps: int) -> None:
        """Run so many tasks; which worker is given its task first alternates."""
        workers = (keeps, silent) if number % 2 else (silent, keeps)
        seconds = dict(zip(workers, seconds_at_once(workers, tasks, steps), strict=True))
        self.keeping[number], self.silent[number] = seconds[keeps], seconds[silent]

    def figure(self, what: str) -> Figure:
        """The row: medians, and their ratio with its 95 % interval."""
        found = interval(self.keeping, self.silent)
        assert found is not None
        return Figure(
            f"processor time of {what}",
            duration(median(self.keeping.values())),
            f"{duration(median(self.silent.values()))} (without)",
            f"{found.ratio:.2f}x [{found.low:.2f}, {found.high:.2f}]",
            times(AT_MOST),
            found.ratio <= AT_MOST,
        )


def seconds_at_once(workers: Sequence[Worker], tasks: int, steps: int) -> list[float]:
    """Have all run as many tasks at the same time, and return what each took of the processor.

    So whatever disturbs one disturbs the others.
    """
    before = [worker.processor_seconds for worker in workers]
    for _ in range(tasks):
        for worker, task_id in [(worker, worker.start(steps)) for worker in workers]:
            wait_until(partial(worker.is_announced, task_id), every_seconds=0.1)
    return [worker.processor_seconds - since for worker, since in zip(workers, before, strict=True)]


@contextmanager
def own_worker(module: str, log_level: str) -> Iterator[Worker]:
    """Start a worker and a server for it; both are stopped afterwards."""
    with own_server() as client:
        url = f"redis://{LOOPBACK}:{client.connection_pool.connection_kwargs['port']}/0"
        environment = os.environ | {"REDIS_URL": url, "BROKER_URL": "", "LOG_LEVEL": log_level, "JOBS": ""}
        command = [sys.executable, "-m", "celery", "--app", module, "--quiet", "worker", "--concurrency", "2"]
        nothing = subprocess.DEVNULL
        process = subprocess.Popen(
            command, env=environment, stdout=nothing, stderr=nothing, start_new_session=True
        )
        try:
            yield Worker(process.pid, client, Store.on(client), Settings(redis_url=url))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
