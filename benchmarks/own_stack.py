"""All of Donebit, as `make demo` runs it: server, three services, a worker of 8 processes, and beat."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.keep_alive import KeepAlive
from benchmarks.waiting import wait_until
from donebit.addresses import LOOPBACK
from donebit.demo.local_http import ask
from donebit.store import Store

REPOSITORY = Path(__file__).parents[1]
SERVICES = ("TRIGGER_PORT", "DONE_PORT", "DISTINCT_PORT")
SERVER = re.compile(r"redis is .* at (\S+),")
ANSWER_WITHIN_SECONDS = 10.0
TIMEOUT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Stack:
    """The addresses of its parts."""

    trigger: str
    done: str
    redis: str
    process: int  # that has started all of them

    def store(self) -> Store:
        """Return a store, to write data without the services."""
        return Store.at(self.redis, timeout=TIMEOUT)

    def start_task(self, count: int, sleep_ms: int) -> tuple[str, float]:
        """POST /trigger/done, and return the task's id and the seconds until the answer."""
        began = time.perf_counter()
        url = f"{self.trigger}/trigger/done?count={count}&sleep_ms={sleep_ms}"
        task_id = ask("POST", url, ANSWER_WITHIN_SECONDS).said["task_id"]
        return task_id, time.perf_counter() - began

    def start(self, count: int, job: str, params: Mapping[str, Any]) -> str:
        """POST /tasks, and return the task's id."""
        with KeepAlive(self.trigger) as trigger:
            asked = {"count": count, "job": job, "params": params}
            return str(trigger.ask("POST", "/tasks", asked)["task_id"])

    def look(self, task_id: str) -> Mapping[str, Any]:
        return ask("GET", f"{self.done}/tasks/{task_id}", ANSWER_WITHIN_SECONDS).said

    def cancel(self, task_id: str) -> None:
        ask("POST", f"{self.done}/tasks/{task_id}/cancel", ANSWER_WITHIN_SECONDS)

    def run_task(self, count: int, sleep_ms: int) -> tuple[float, float]:
        """Return the seconds from the POST to the answer, and to the task seen done."""
        began = time.perf_counter()
        task_id, answered = self.start_task(count, sleep_ms)
        wait_until(lambda: self.look(task_id)["state"] == "done")
        return answered, time.perf_counter() - began

    def run_no_op_steps(self, count: int, batch: int | None = None, task_id: str | None = None) -> float:
        """Return the seconds from the HTTP call to the announcement in the task's record."""
        asked = {"count": count, "job": "demo", "params": {"sleep_ms": 0}, "batch": batch, "task_id": task_id}
        began = time.time()
        with KeepAlive(self.trigger) as trigger:
            started = trigger.ask("POST", "/tasks", {name: value for name, value in asked.items() if value})
        with KeepAlive(self.done) as done:
            announced = announced_at(done, f"/tasks/{started['task_id']}")
        return announced.timestamp() - began


def announced_at(done: KeepAlive, task: str) -> datetime:
    """Return when a task's end was announced; polled rarely, since requests take time from the workers."""
    wait_until(lambda: done.ask("GET", task)["announced_at"], every_seconds=0.1, within_seconds=300)
    return datetime.fromisoformat(done.ask("GET", task)["announced_at"])


@contextmanager
def own_stack(**settings: str) -> Iterator[Stack]:
    """Start it and wait until it is idle. The settings are the demo's, except for those given."""
    with tempfile.TemporaryDirectory() as folder:
        ports = {name: str(_free_port()) for name in SERVICES}
        environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
        lines = Path(folder) / "lines"
        with lines.open("w") as out:
            demo = subprocess.Popen(
                [sys.executable, "-m", "donebit.demo", "--end-with-parent"],
                cwd=folder,
                env={**environment, **ports, "SAMPLE": "0", **settings},
                stdout=out,
            )
        try:
            # The demo starts two tasks of its own; after them it is idle.
            wait_until(lambda: lines.read_text().count(" is done: ") == 2 or demo.poll() is not None)
            yield _stack(ports, lines.read_text(), demo.pid)
        finally:
            demo.terminate()
            demo.wait()


def _stack(ports: Mapping[str, str], said: str, process: int) -> Stack:
    server = SERVER.search(said)
    if server is None or "ready: " not in said:  # it ended before
        raise RuntimeError(f"the demo did not start:\n{said}")
    trigger, done = (f"http://{LOOPBACK}:{ports[name]}" for name in SERVICES[:2])
    return Stack(trigger, done, f"redis://{server[1]}", process)


def _free_port() -> int:
    with closing(socket.create_server((LOOPBACK, 0))) as listener:
        return int(listener.getsockname()[1])
