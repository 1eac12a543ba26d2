"""What metrics, history and log lines add to the processor time of running tasks, on worker and server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

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

WORKERS, ROUNDS, AT_MOST = 2, 12, 1.03
SETTLED_SECONDS = 1.3  # by then what is counted once a second is written
MODULE, SWITCH = "benchmarks.switched_worker", "KEEPS"
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
    switch: Path  # the file whose byte says whether it keeps anything

    @property
    def processor_seconds(self) -> float:
        """What the worker and its server have taken of the processor."""
        return processor.seconds(self.process) + server_seconds(self.client)

    def turn(self, *, keeps: bool) -> None:
        """Have it keep what it does, or nothing, from now on."""
        with self.switch.open("r+b") as file:  # which its processes have mapped: it must not be cut off
            file.write(bytes([keeps]))

    def seconds(self, tasks: int, steps: int) -> float:
        """What so many tasks take of the processor, one after the other."""
        before = self.processor_seconds
        for _ in range(tasks):
            wait_until(partial(self.is_announced, self.start(steps)), every_seconds=0.1)
        time.sleep(SETTLED_SECONDS)
        return self.processor_seconds - before

    def start(self, steps: int) -> str:
        """Start a task of no-op steps, and return its id."""
        spec, ttls = TaskSpec(steps, "demo", {"sleep_ms": 0}), TaskTtls.from_settings(self.settings)
        task = lifecycle.start(self.store, spec, ttls=ttls, max_steps=steps).task
        publish_start(Publisher(queue.make_celery(self.settings)), task)
        return task.id

    def is_announced(self, task_id: str) -> bool:
        return lifecycle.get_task(self.store, task_id).task.announced_at is not None


def measure() -> list[Figure]:
    """Measure several workers, each with and without in turns: two that do the same differ by a tenth."""
    taken = [Taken({}, {}) for _ in TASKS]
    for first in range(0, WORKERS * ROUNDS, ROUNDS):
        with own_worker() as worker:
            worker.seconds(1, 10_000)
            for of_one, tasks in zip(taken, TASKS.values(), strict=True):
                of_one.measure(worker, range(first, first + ROUNDS), *tasks)
    return [of_one.figure(what) for what, of_one in zip(TASKS, taken, strict=True)]


@dataclass(frozen=True, slots=True)
class Taken:
    """Processor seconds by round, for one kind of tasks."""

    keeping: dict[int, float]
    silent: dict[int, float]

    def measure(self, worker: Worker, rounds: range, tasks: int, steps: int) -> None:
        """Run so many tasks in each way; which comes first alternates."""
        for number in rounds:
            for keeps in (True, False) if number % 2 else (False, True):
                worker.turn(keeps=keeps)
                (self.keeping if keeps else self.silent)[number] = worker.seconds(tasks, steps)

    def figure(self, what: str) -> Figure:
        """The row: medians and their ratio; the bound fails if the whole 95 % interval is beyond it."""
        found = interval(self.keeping, self.silent)
        assert found is not None
        return Figure(
            f"processor time of {what}",
            duration(median(self.keeping.values())),
            f"{duration(median(self.silent.values()))} (without)",
            f"{found.ratio:.2f}x [{found.low:.2f}, {found.high:.2f}]",
            times(AT_MOST),
            found.low <= AT_MOST,
        )


@contextmanager
def own_worker() -> Iterator[Worker]:
    """Start a worker and a server for it; both are stopped afterwards."""
    with own_server() as client, TemporaryDirectory() as folder:
        switch = Path(folder, "keeps")
        switch.write_bytes(b"\1")
        url = f"redis://{LOOPBACK}:{client.connection_pool.connection_kwargs['port']}/0"
        environment = os.environ | {"REDIS_URL": url, "BROKER_URL": "", "LOG_LEVEL": "info", "JOBS": ""}
        environment |= {SWITCH: str(switch)}
        worker = ["worker", "--concurrency", "2"]
        command = [sys.executable, "-m", "celery", "--app", MODULE, "--quiet", *worker]
        nothing = subprocess.DEVNULL
        process = subprocess.Popen(
            command, env=environment, stdout=nothing, stderr=nothing, start_new_session=True
        )
        try:
            yield Worker(process.pid, client, Store.on(client), Settings(redis_url=url), switch)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
