"""Each worker is listed under a name of its own, wherever it runs."""

from __future__ import annotations

import os
import re
import socket

from done_app.worker.identity import new_name
from done_app.worker.monitor.monitor import Monitor
from donebit import clock
from donebit.store import Store
from donebit.workers import presence
from tests.started import eventually


def started(store: Store) -> Monitor:
    """A monitor as a container starts it; all of them have this host's name and this process id."""
    monitor = Monitor(new_name())
    monitor.start(["donebit.steps"])
    monitor.start_collecting(store, 4, ["demo"])
    return monitor


def listed(store: Store) -> list[str]:
    return sorted(worker.name for worker in presence.read_presence(store, (), clock.now()).workers)


def test_two_workers_of_one_host_name_and_process_id_are_two(real_store: Store) -> None:
    first, second = started(real_store), started(real_store)
    names = sorted([first.worker_name, second.worker_name])
    eventually(lambda: listed(real_store) == names, what="they are not listed as two")

    second.stop()

    assert listed(real_store) == [first.worker_name]
    first.stop()
    assert listed(real_store) == []


def test_a_worker_is_named_after_its_host_and_process() -> None:
    before_the_random_part, _, random_part = new_name().rpartition("-")

    assert before_the_random_part == f"{socket.gethostname()}:{os.getpid()}"
    assert re.fullmatch("[0-9a-f]{6}", random_part)
