"""The real thing together: a server, the services, a worker and beat, shared by the tests of a group."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kombu.exceptions import OperationalError

from donebit import queue
from donebit.completion import lifecycle
from donebit.completion.task import Task
from donebit.config import Settings
from donebit.demo import programs
from donebit.demo.process import Program
from donebit.errors import Conflict, NotFound
from donebit.queue import Publisher
from donebit.queue_lengths import read_lengths
from donebit.store import Store, keys
from donebit.store.store import WORKER_TIMEOUT
from tests.ports import SERVICES, named_ports
from tests.receiver import SECRET
from tests.servers import RunningServer, valkey_binary
from tests.started import Started, eventually

OWN_JOBS = "tests.integration.own_jobs"
START_SECONDS = 60.0  # a machine with other things to do; 2 to 3 on an idle one
DONE_SECONDS = 40.0
ANSWER_SECONDS = 20.0  # where it is not in question how soon
QUIET_LOOKS = 4
STALL_AFTER = timedelta(seconds=1)

_http = urllib3.PoolManager(retries=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said; status 0 when it said nothing in time."""

    status: int
    said: Mapping[str, Any]


def ask(
    method: str,
    url: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    within_seconds: float = ANSWER_SECONDS,
) -> Answer:
    try:
        answer = _http.request(method, url, json=body, headers=headers, timeout=within_seconds)
    except urllib3.exceptions.HTTPError:
        return Answer(0, {})
    with suppress(ValueError):
        return Answer(answer.status, json.loads(answer.data))
    return Answer(answer.status, {})


class Stack:
    """Everything that `make demo` runs, each process in a folder of its own, on ports of its own.

    Args:
        store_url: of a store that is elsewhere; the stack's own server is the broker alone then
        environment: more of it for every process
    """

    def __init__(self, folder: Path, store_url: str = "", **environment: str) -> None:
        self._folder = folder
        self.ports = named_ports(SERVICES)
        self.trigger, self.done, self.distinct = (f"http://127.0.0.1:{port}" for port in self.ports.values())
        self._running: dict[str, Started] = {}
        self.server = RunningServer(valkey_binary(), self.folder("server"))
        self.store = Store.at(store_url or self.server.url, timeout=WORKER_TIMEOUT)
        self._has_store_elsewhere = bool(store_url)
        self._settings = Settings(redis_url=self.server.url, broker_url=environment.get("BROKER_URL", ""))
        self._celery = queue.make_celery(self._settings)
        self.publisher = Publisher(self._celery)
        self._environment = {
            # Empty is as good as unset: nothing of the shell that runs the tests shall reach the stack.
            **dict.fromkeys(("BROKER_URL", "API_TOKEN", "HOST", "ALLOWED_HOSTS", "DISTINCT_URL"), ""),
            **{name: str(port) for name, port in self.ports.items()},
            "REDIS_URL": store_url or self.server.url,
            **({"BROKER_URL": self.server.url} if store_url else {}),
            "JOBS": OWN_JOBS,
            "WEBHOOK_HOSTS": "127.0.0.1",
            "WEBHOOK_SECRET": SECRET,
            "CALLBACKS": "reports.finished",
            "STALL_AFTER": str(STALL_AFTER.total_seconds()),
            "WORKER_PROCESSES": "4",
            "PYTHONUNBUFFERED": "1",
            **environment,
        }

    def folder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def start(self) -> None:
        """Start everything that does not run, and wait until it answers."""
        missing = [program for program in self.programs() if not self._runs(program.name)]
        for program in missing:
            self._running[program.name] = self.started(program.name, program.argv)
        for program in missing:
            if program.awaited:
                self._await(program)

    def started(self, name: str, command: tuple[str, ...], **environment: str) -> Started:
        return Started(command, self.folder(name), **self._environment | environment)

    def programs(self) -> list[Program]:
        trigger, done, distinct = self.ports.values()
        settings = Settings(trigger_port=trigger, done_port=done, distinct_port=distinct)
        return programs.donebit_programs(settings)

    def _await(self, program: Program) -> None:
        started = self._running[program.name]

        def is_ready() -> bool:
            assert started.process.poll() is None, started.out + started.err
            return program.ready()

        eventually(is_ready, START_SECONDS, what=f"{program.name} did not start")

    def _runs(self, name: str) -> bool:
        return name in self._running and self._running[name].process.poll() is None

    @property
    def worker(self) -> Started:
        return self._running["worker"]

    def services(self) -> dict[str, str]:
        return {"trigger": self.trigger, "done": self.done, "distinct": self.distinct}

    def processes(self) -> dict[str, int]:
        """The main process of each program, by its name."""
        return {name: started.process.pid for name, started in self._running.items() if self._runs(name)}

    @property
    def log(self) -> str:
        """All that the workers have written, the ones before this one too."""
        files = sorted(self.folder("worker").glob("*.out"))
        return "".join(file.read_text(errors="replace") for file in files)

    def log_of(self, task_id: str) -> list[str]:
        return [line for line in self.log.splitlines() if f"task {task_id} " in line]

    def told(self, task_id: str) -> list[str]:
        """The ids under which its end was told, once for each time."""
        told = re.compile(rf"task {task_id} is (?:done|failed|cancelled): .* \[(\S+)\]$")
        return [found.group(1) for line in self.log_of(task_id) if (found := told.search(line))]

    def kill_worker(self) -> None:
        """kill -9, of the worker and of every process of its pool at once."""
        os.killpg(self.worker.process.pid, signal.SIGKILL)
        self.worker.process.wait()
        eventually(self.worker.is_gone)

    def create(self, count: int, **body: object) -> str:
        """A new task's id, asked for over HTTP."""
        return self._created({"count": count, **body})

    def create_items(self, items: list[Any], **body: object) -> str:
        """The same, of a task whose steps have items."""
        return self._created({"items": items, **body})

    def _created(self, body: dict[str, object]) -> str:
        answer = ask("POST", f"{self.trigger}/tasks", body)
        assert answer.status == 202, answer
        return str(answer.said["task_id"])

    def create_endless(self) -> str:
        """A task that takes an hour, in few messages: they are soon through once it has ended."""
        return self.create(100_000, job="demo", params={"sleep_ms": 200}, batch=10_000)

    def trigger_done(self, count: int, sleep_ms: int) -> str:
        answer = ask("POST", f"{self.trigger}/trigger/done?count={count}&sleep_ms={sleep_ms}")
        assert answer.status == 202, answer
        return str(answer.said["task_id"])

    def task(self, task_id: str) -> Task:
        return lifecycle.get_task(self.store, task_id).task

    def answer(self, task_id: str) -> Mapping[str, Any]:
        return ask("GET", f"{self.done}/tasks/{task_id}").said

    def await_progress(self, task_id: str, steps: int = 1) -> None:
        eventually(lambda: self.task(task_id).done_steps >= steps, DONE_SECONDS, what=f"no {steps} steps")

    def await_dispatched(self, task_id: str) -> None:
        """Wait until its steps are sent."""
        eventually(lambda: self.task(task_id).dispatched_at, DONE_SECONDS, what="its steps are not sent")

    def await_told(self, task_id: str, *, swept: bool = False, times: int = 1) -> None:
        """Wait until its end is told; `swept` to have the sweep look now and not after its usual pause."""

        deadline = time.monotonic() + DONE_SECONDS
        while swept and not self.told(task_id) and time.monotonic() < deadline:
            with suppress(OperationalError):  # a Sentinel may still name the master that went
                self.sweep(task_id)
            eventually(self._is_all_taken, DONE_SECONDS, what="nobody takes the messages")
        what = f"the end of {task_id} was not told {times} times"
        eventually(lambda: len(self.told(task_id)) >= times, DONE_SECONDS, what=what)

    def sweep(self, task_id: str) -> None:
        """Have the sweep look at this task now, as beat would have it do after some seconds."""
        self.store.task_index.look_again(task_id, 0)
        self._celery.send_task(queue.SWEEP, queue=queue.CONTROL)

    def await_quiet(self) -> None:
        """Wait until no message of a task's steps waits, or is being worked at."""
        looks: list[bool] = []

        def stays_quiet() -> bool:  # a message just taken is in neither place for a moment
            looks.append(self._is_quiet())
            return len(looks) > QUIET_LOOKS and all(looks[-QUIET_LOOKS:])

        eventually(stays_quiet, DONE_SECONDS, what="messages are still there")

    def _is_all_taken(self) -> bool:
        # Of the store, as it may be another server by now, unless that is not the broker.
        broker = Store.at(self.server.url) if self._has_store_elsewhere else self.store
        lengths = read_lengths(broker, self._settings)
        return lengths is not None and not sum(lengths.values())

    def _is_quiet(self) -> bool:
        return self._is_all_taken() and not self.server.client.hlen(keys.of_broker("unacked"))

    def restore(self) -> None:
        """Whatever a test has broken or left, for the next one."""
        self.server.process.send_signal(signal.SIGCONT)
        if not self.server.answers():
            self.server.start()
        self.start()
        for task_id, _ in self.store.task_index.newest(None, 1000):
            with suppress(NotFound, Conflict):
                lifecycle.cancel(self.store, task_id)
        self._await_all_taken()
        # What a killed worker held, or one cut off from its server, would be held for an hour.
        self.server.client.delete(keys.of_broker("unacked"), keys.of_broker("unacked_index"))

    def _await_all_taken(self) -> None:
        """Wait until no message waits; where some stay, only this test fails, and not all after it."""
        try:
            eventually(self._is_all_taken, DONE_SECONDS, what="messages are still there")
        except AssertionError:  # such as where a test failed while its steps waited for it
            self.kill_worker()
            self.start()
            raise

    def close(self) -> None:
        for started in self._running.values():
            started.end()
        self.server.close()


@contextmanager
def started_stack(folder: Path, store_url: str = "", **environment: str) -> Iterator[Stack]:
    """A stack that runs, ended afterwards."""
    stack = Stack(folder, store_url, **environment)
    try:
        stack.start()
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with started_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def stack(running_stack: Stack) -> Iterator[Stack]:
    """The stack, whole; what the test breaks of it is mended."""
    yield running_stack
    running_stack.restore()
