"""What metrics, history and log lines add to the processor time of running tasks, on worker and server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
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

ROUNDS, AT_MOST = 10, 1.03
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
    """Measure both workers at once, each on a server of its own."""
    with ExitStack() as stack:
        keeps = stack.enter_context(own_worker("done_app.worker", "info"))
        silent = stack.enter_context(own_worker("benchmarks.silent_worker", "error"))
        seconds_at_once([keeps, silent], 1, 10_000)  # warm up
        return [compare(what, keeps, silent, *tasks) for what, tasks in TASKS.items()]


def compare(what: str, keeps: Worker, silent: Worker, tasks: int, steps: int) -> Figure:
    """The row of one kind of tasks: medians, and their ratio with its 95 % interval."""
    taken: dict[Worker, dict[int, float]] = {keeps: {}, silent: {}}
    for number in range(ROUNDS):  # which is given its task first alternates
        workers = (keeps, silent) if number % 2 else (silent, keeps)
        for worker, seconds in zip(workers, seconds_at_once(workers, tasks, steps), strict=True):
            taken[worker][number] = seconds
    with_them, without = taken[keeps], taken[silent]
    found = interval(with_them, without)
    assert found is not None
    return Figure(
        f"processor time of {what}",
        duration(median(with_them.values())),
        f"{duration(median(without.values()))} (without)",
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
