"""Three beats and two workers on one server and one driven clock, each to be killed and started again."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from donebit import queue
from donebit.config import Settings
from donebit.queue import Publisher
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT
from tests.faults.harness.driven_clock import CLOCK, DrivenClock
from tests.receiver import SECRET
from tests.servers import RunningServer, valkey_binary
from tests.started import Started

CELERY = (sys.executable, "-m", "celery", "--app", "tests.faults.harness.driven_worker", "--quiet")
WORKER = (*CELERY, "worker", "--without-mingle", "--without-gossip")
PROGRAMS = {f"beat {n}": (*CELERY, "beat") for n in range(3)} | {f"worker {n}": WORKER for n in range(2)}


class Fleet:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server = RunningServer(valkey_binary(), self._folder_of("server"))
        self.clock = DrivenClock.beginning_at(datetime(2026, 1, 1, tzinfo=UTC), folder / "clock")
        self.store = Store.at(self.server.url, timeout=WORKER_TIMEOUT)
        self.publisher = Publisher(queue.make_celery(Settings(redis_url=self.server.url)))
        self._running: dict[str, Started] = {}
        self._environment = {
            "REDIS_URL": self.server.url,
            "BROKER_URL": "",
            "JOBS": "tests.faults.harness.jobs",
            "WORKER_PROCESSES": "1",
            "WEBHOOK_HOSTS": "127.0.0.1",
            "WEBHOOK_SECRET": SECRET,
            "PYTHONUNBUFFERED": "1",
            CLOCK: str(folder / "clock"),
        }

    def _folder_of(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def start(self, name: str) -> None:
        """Start one of PROGRAMS that does not run."""
        if name not in self._running or self._running[name].process.poll() is not None:
            self._running[name] = Started(PROGRAMS[name], self._folder_of(name), **self._environment)

    def start_all(self) -> None:
        for name in PROGRAMS:
            self.start(name)

    def kill(self, name: str) -> None:
        """kill -9, of one and of every process of its pool at once."""
        process = self._running[name].process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @property
    def log(self) -> str:
        """What all of them have written."""
        return "".join(file.read_text(errors="replace") for file in self._folder.glob("* ?/*.out"))

    def close(self) -> None:
        for started in self._running.values():
            started.end()
        self.server.close()
