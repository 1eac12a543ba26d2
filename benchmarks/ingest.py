"""Visits in batches, into five periods each, against SETBITs into one bitmap by pipelines of 1000."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
from redis import Redis

from benchmarks.figures import Figure, compared
from benchmarks.own_server import own_server
from shared import clock
from shared.activity import ingest
from shared.activity.calendar import Calendar
from shared.activity.site import Site
from shared.activity.users import Ids
from shared.store import Store

RUNS = 3
SIZES = (10**5, 10**6)
PIPELINE = 1000


def measure() -> list[Figure]:
    """Medians, per visit; the pipeline's from the smaller batch, for it costs the same at any size."""
    random = np.random.default_rng(1)
    batches = {size: random.permutation(size).astype(np.uint32) for size in SIZES}
    with own_server() as client:
        store = Store.on(client)
        taken = {size: per_visit(ids, lambda ids: record(store, ids)) for size, ids in batches.items()}
        pipelines = per_visit(batches[SIZES[0]], lambda ids: setbits(client, ids))
    return [
        compared(f"a visit, in a batch of {size:,}", taken[size], "SETBIT pipeline", pipelines)
        for size in SIZES
    ]


def per_visit(ids: Ids, write: Callable[[Ids], None]) -> float:
    runs = []
    for _ in range(RUNS):
        began = time.perf_counter()
        write(ids)
        runs.append((time.perf_counter() - began) / len(ids))
    return median(runs)


def record(store: Store, ids: Ids) -> None:
    """As a body of packed ids is recorded: into hour, day, week, month and all time."""
    now = clock.now()
    ingest.record_ids(Site(store, Calendar(ZoneInfo("UTC")), 64), "bench", ids, at=now, now=now)


def setbits(client: Redis, ids: Ids) -> None:
    for start in range(0, len(ids), PIPELINE):
        with client.pipeline(transaction=False) as pipe:
            for user in ids[start : start + PIPELINE].tolist():
                pipe.setbit("plain", user, 1)
            pipe.execute()
