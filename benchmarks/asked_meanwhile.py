"""5000 steps, all but three done, as a task and as a chord: what both keep, and how soon they answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

from celery import Celery
from celery.result import GroupResult
from redis import Redis

from benchmarks.celery_chord import PEER, Results, afresh, chord_worker, hold_chord, memory_of, state_bytes
from benchmarks.figures import Figure, compared, size
from benchmarks.own_server import own_server
from donebit.addresses import LOOPBACK
from donebit.completion import lifecycle, missing, reporting
from donebit.completion.spec import TaskSpec
from donebit.store import Store
from tests.completion.arranged import TTLS

STEPS = 5000
MISSING = (1250, 2500, 3750)
LOOKS, CHORD_LOOKS = 100, 3
BOUND = 1 / 1000


def measure() -> list[Figure]:
    """Measure both on one server, the chord in a database of its own."""
    with own_server() as client:
        of_chords = f"redis://{LOOPBACK}:{client.connection_pool.connection_kwargs['port']}/1"
        with chord_worker(of_chords) as app, Redis.from_url(of_chords) as chords:
            return side_by_side(app, client, chords)


def side_by_side(app: Celery, client: Redis, chords: Redis) -> list[Figure]:
    results, store = hold_chord(app, chords, STEPS, MISSING), Store.on(client)
    task_id = hold_task(store)
    return [
        compared(
            "completion state a step of 5000, all but three done",
            own_bytes(client, task_id) / STEPS,
            PEER,
            state_bytes(chords) / STEPS,
            at_most=BOUND,
            write=size,
        ),
        asked("how many of 5000 are done", lambda: done(store, task_id), lambda: done_of(results)),
        asked("which of 5000 are missing", lambda: gaps(store, task_id), lambda: gaps_of(results)),
    ]


def hold_task(store: Store) -> str:
    """Make a task in the state in which it is while it runs."""
    task = lifecycle.start(store, TaskSpec(STEPS, "demo", {"sleep_ms": 0}), ttls=TTLS, max_steps=STEPS).task
    reporting.report(store, task.id, ranges=[(a + 1, b) for a, b in pairwise((-1, *MISSING, STEPS))])
    return task.id


def own_bytes(client: Redis, task_id: str) -> int:
    """Return the bytes of all keys of the task."""
    return sum(memory_of(client, list(client.scan_iter(f"donebit:done:{{{task_id}}}*"))))


def asked(what: str, ours: Callable[[], object], theirs: Callable[[], object]) -> Figure:
    """Time both; they must give the same answers."""
    if (own := ours()) != (other := theirs()):
        raise RuntimeError(f"{what}: {own} here, {other} by the chord")
    return compared(what, taken(ours, LOOKS), PEER, taken(theirs, CHORD_LOOKS), at_most=BOUND)


def taken(ask: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
    return median(seconds)


def done(store: Store, task_id: str) -> int:
    return lifecycle.get_task(store, task_id).task.done_steps


def done_of(results: Results) -> int:
    return GroupResult(results=afresh(results), app=results[0].app).completed_count()


def gaps(store: Store, task_id: str) -> list[int]:
    task = lifecycle.get_task(store, task_id).task
    return [step for step, _ in missing.list_missing(store, task, limit=STEPS).ranges]


def gaps_of(results: Results) -> list[int]:
    return [step for step, result in enumerate(afresh(results)) if not result.ready()]
