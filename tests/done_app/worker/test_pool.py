"""The pool of processes ends as soon as they have done what they do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kombu.asynchronous import Hub

from done_app.worker.pool import StepProcesses
from tests.started import eventually

GIVEN_UP_SECONDS = 30.0  # for so long a process waits for somebody to read what came of its last message


@contextmanager
def running_pool() -> Iterator[tuple[Any, Any]]:
    """A pool of two processes, and the turns of its event loop."""
    hub: Any = Hub()
    pool: Any = StepProcesses(2, threads=False)
    pool.register_with_event_loop(hub)
    try:
        yield pool, hub.create_loop()
    finally:
        pool.terminate()
        hub.close()


def test_a_message_given_up_on_its_way_does_not_hold_up_the_end(tmp_path: Path) -> None:
    done = tmp_path / "done"
    with running_pool() as (pool, turns):
        given = pool.apply_async(done.touch)
        eventually(lambda: (next(turns), given._write_to)[1], what="it is not written")
        eventually(done.exists, what="it does not run")
        given.discard()  # as Celery does with what no process has accepted when the worker is to end

        began = time.monotonic()
        pool.close()
        pool.join()

    assert time.monotonic() - began < GIVEN_UP_SECONDS
