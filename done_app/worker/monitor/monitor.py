"""The worker's showing, begun and ended with it."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace

from done_app.worker.monitor.collector import Collector
from done_app.worker.monitor.emitter import Emitter, LineHandler
from done_app.worker.monitor.pipe import Pipe
from donebit import clock
from donebit.store import Store
from donebit.workers.presence import Worker


class Monitor:
    """Made when the worker's module is imported, where it is no worker yet, and may never be one.

    A process that is not forked, as where the pool is set to spawn them, has no pipe and stays silent; its
    lines are on standard output as ever.
    """

    def __init__(self) -> None:
        self.voice = Emitter()
        self._worker: Worker | None = None
        self._keeper: Collector | None = None

    def begin(self, queues: Sequence[str]) -> None:
        """Before the fork."""
        host, pid, now = socket.gethostname(), os.getpid(), clock.now()
        self._worker = Worker(f"{host}:{pid}", host, pid, 0, queues, now, now, [])
        self.voice.pipe = Pipe()

    def add_handler(self) -> None:
        """Have what is logged shown, in a worker."""
        if self.voice.pipe is not None and self._worker is not None:
            logging.getLogger().addHandler(LineHandler(self.voice.pipe, self._worker.name))

    def keep(self, store: Store, processes: int) -> None:
        """Beside the pool: no thread may be there when it is forked."""
        if self.voice.pipe is None or self._worker is None:
            return
        self._keeper = Collector(store, self.voice.pipe, replace(self._worker, processes=processes))
        threading.Thread(target=self._keeper.run_for_ever, name="keeper", daemon=True).start()

    def end(self) -> None:
        if self._keeper is not None:
            self._keeper.end()
