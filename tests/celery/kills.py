"""300 chords of 32 parts while the processes that run them are killed; not part of `make test`.

A quarter of the parts is delivered twice. Pool processes are killed at random moments, and some that end a
chord exactly before they gather its results or send its body's message.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import ModuleType
from typing import cast

import pytest
from celery import chord
from redis import Redis

from donebit.celery import progress
from tests.celery.conftest import Workers
from tests.servers import RunningServer
from tests.started import Started, eventually

CHORDS, PARTS = 300, 32
KILLS_APART_S = 0.4


@contextmanager
def killing(worker: Started) -> Iterator[list[int]]:
    """Kill one of the worker's pool processes again and again."""
    over, killed = Event(), list[int]()
    leader = worker.process.pid

    def kill() -> None:
        while not over.wait(KILLS_APART_S * random.uniform(0.2, 1.8)):
            children = sorted(worker.family() - {leader})
            if children:
                killed.append(random.choice(children))
                os.kill(killed[-1], signal.SIGKILL)

    thread = Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def bodies(client: Redis, number: int) -> list[list[str]]:
    """Each run of a body: its id, whether its message was delivered before, and the results."""
    runs = cast(list[bytes], client.lrange(f"ran:{number}", 0, -1))
    return [run.decode().split(" ", 2) for run in runs]


@pytest.mark.timeout(900)
def test_every_body_runs_once_per_id_with_the_right_results(
    project: ModuleType, workers: Workers, valkey: RunningServer
) -> None:
    worker = workers("--pool=prefork", "--concurrency=4", ACKS_LATE="1", DIE="0.05")
    started = time.monotonic()

    with killing(worker) as killed:
        results = [
            chord([project.twice.s(n) for n in range(PARTS)], project.note.s(number=number)).apply_async()
            for number in range(CHORDS)
        ]
        eventually(
            lambda: valkey.client.zcard("donebit:done:open") < CHORDS // 5, 400, what="it does not end"
        )
    eventually(lambda: all(progress(one).called for one in results), 200, what="some body is not called")
    eventually(
        lambda: all(bodies(valkey.client, n) for n in range(CHORDS)), 100, what="some body did not run"
    )

    runs = [bodies(valkey.client, number) for number in range(CHORDS)]
    took, again = time.monotonic() - started, worker.err.count("was not called by the process that ended it")
    print(f"{len(killed)} killed at random, {again} bodies called by the sweep, {took:.0f} s")
    assert [{run[0] for run in of_one} for of_one in runs] == [{one.id} for one in results]
    assert {run[2] for of_one in runs for run in of_one} == {str(list(range(PARTS)))}
    # A run that a killed process began is Celery's to repeat, and marked; the body is published once.
    assert [n for n, of_one in enumerate(runs) if sum(run[1] == "0" for run in of_one) > 1] == []
    assert again > 0
    assert len(killed) > 20
