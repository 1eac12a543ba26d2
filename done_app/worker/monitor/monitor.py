"""The monitor of a worker, started and stopped with it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace

from done_app.worker.monitor.collector import Collector
from done_app.worker.monitor.emitter import Emitter, LineHandler
from done_app.worker.monitor.pipe import Pipe
from donebit import clock, logs
from donebit.store import Store
from donebit.workers.presence import Worker


class Monitor:
    """Connects the emitter of each pool process with the collector of the main process.

    It is made when the worker's module is imported, which does not mean that a worker will run. A process
    that is spawned and not forked has no pipe and sends nothing; its lines still go to standard output.
    """

    def __init__(self, worker_name: str) -> None:
        """Make it without a pipe.

        Args:
            worker_name: the worker's name in the list of workers and in its log lines.
        """
        self.worker_name = worker_name
        self.emitter = Emitter()
        self._worker: Worker | None = None
        self._collector: Collector | None = None

    def start(self, queues: Sequence[str]) -> None:
        """Create the pipe; to be called before the pool is forked.

        Args:
            queues: those that the worker consumes.
        """
        now = clock.now()
        self._worker = Worker(self.worker_name, socket.gethostname(), os.getpid(), 0, queues, now, now, [])
        self.emitter.pipe = Pipe()

    def add_handler(self) -> None:
        """Send log lines through the pipe too, if this is a worker."""
        if self.emitter.pipe is not None and self._worker is not None:
            logs.add_handler(LineHandler(self.emitter.pipe, self._worker.name))

    def start_collecting(self, store: Store, processes: int, jobs: Sequence[str]) -> None:
        """Start the collector's thread; after the fork, as no thread may run during it.

        Args:
            processes: the size of the pool.
            jobs: the names of those that this worker has.
        """
        if self.emitter.pipe is None or self._worker is None:
            return
        worker = replace(self._worker, processes=processes, jobs=jobs)
        self._collector = Collector(store, self.emitter.pipe, worker)
        threading.Thread(target=self._collector.run_forever, name="collector", daemon=True).start()

    def stop(self) -> None:
        if self._collector is not None:
            self._collector.stop()
