"""One completion against the round trip of one SETBIT, by the same client on the same connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from redis import Redis

from benchmarks.figures import Figure, compared
from benchmarks.own_server import own_server
from donebit.completion import lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.store import Store, keys
from donebit.store.client import scripts_of
from tests.completion.arranged import TTLS

CALLS = 10_000
BOUND = 1.3


def measure() -> list[Figure]:
    """Medians of three calls that take turns, so that whatever disturbs one disturbs all."""
    with own_server() as client:
        store = Store.on(client)
        reported, marked = (
            lifecycle.start(store, TaskSpec(2 * CALLS), ttls=TTLS, max_steps=2 * CALLS) for _ in range(2)
        )
        setbit, report, script = medians(
            lambda step: client.setbit("plain", step, 1),
            lambda step: reporting.report(store, reported.task.id, [step]),
            bare_script(client, marked.task),
        )
    return [
        compared("one completion: the script alone", script, "SETBIT", setbit, at_most=BOUND),
        compared("one completion: lifecycle.report", report, "SETBIT", setbit, at_most=BOUND),
    ]


def medians(*calls: Callable[[int], object]) -> list[float]:
    """Seconds of each call, one round trip of each in turn."""
    seconds: list[list[float]] = [[] for _ in calls]
    for step in range(CALLS):
        for call, taken in zip(calls, seconds, strict=True):
            began = time.perf_counter()
            call(step)
            taken.append(time.perf_counter() - began)
    return [median(taken) for taken in seconds]


def bare_script(client: Redis, task: Task) -> Callable[[int], object]:
    """mark_steps as it is sent, without the domain and the store around it."""
    digest = scripts_of(client)["mark_steps"].sha
    names = (keys.bitmap(task.id), keys.record(task.id))
    now_ms = int(time.time() * 1000)
    return lambda step: client.evalsha(digest, 2, *names, now_ms, task.nonce, task.nonce, 1, step)
