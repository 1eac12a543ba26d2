"""A million visits, into five periods each, with who is new: by HTTP, by the domain call, in memory."""

from __future__ import annotations

import http.client
import importlib
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
from redis import Redis

from benchmarks.figures import Figure, bounded, compared, rate
from benchmarks.own_server import own_server
from benchmarks.own_service import own_service, post
from donebit import clock
from donebit.activity.events import ingest
from donebit.activity.periods.calendar import Calendar, Granularity
from donebit.activity.site import Site
from donebit.activity.users.ids import LARGEST_ID, Ids
from donebit.store import Store

RUNS = 5
SIZE = 10**6
PEER_SIZE = 2000  # one by one, and at the same cost at any size
PIPELINE = 1000
PACKED, JSON = "application/octet-stream", "application/json"


def measure() -> list[Figure]:
    """Measure medians. Every batch is new to its event: sending it again would cost less."""
    random = np.random.default_rng(1)
    dense = random.permutation(SIZE).astype(np.uint32)
    spread = random.integers(0, 10**8, SIZE).astype(np.uint32)
    with own_server() as client:
        with own_service(client) as service:
            by_http = list(http_figures(service, dense, spread))
        client.flushall()
        by_domain = domain_figures(Store.on(client), client, dense, spread)
        client.flushall()
        return [*by_http, *by_domain, *memory_figures(client, dense)]


def http_figures(service: http.client.HTTPConnection, dense: Ids, spread: Ids) -> Iterator[Figure]:
    ways = {
        "packed, dense": (dense.tobytes(), PACKED, 30e6),
        "packed, spread over 10^8": (spread.tobytes(), PACKED, 2e6),
        "JSON, dense": (json.dumps({"users": dense.tolist()}).encode(), JSON, 2e6),
    }
    events = iter(range(1000))
    for way, (body, kind, bound) in ways.items():
        taken = per_visit(lambda: post(service, f"/events/e{next(events)}", body, kind), SIZE)  # noqa: B023  # called at once
        yield rate(f"HTTP {way}", 1 / taken, at_least=bound)


def domain_figures(store: Store, client: Redis, dense: Ids, spread: Ids) -> Iterator[Figure]:
    own = per_visit(lambda: record(store, dense), SIZE)
    yield rate("domain call, dense", 1 / own, at_least=30e6)
    yield rate(
        "domain call, spread over 10^8", 1 / per_visit(lambda: record(store, spread, "s"), SIZE), at_least=2e6
    )
    pipelines = per_visit(lambda: setbits(client, dense[:PEER_SIZE]), PEER_SIZE)
    yield compared("a visit by the domain call", own, "pipelined SETBITs", pipelines, at_most=1 / 50)
    if importlib.util.find_spec("bitmapist"):
        yield compared("the same", own, "bitmapist mark_event", marked(client, dense), at_most=1 / 2000)


def memory_figures(client: Redis, dense: Ids) -> Iterator[Figure]:
    """Measure the memory of every key, the registries included."""
    store, before = Store.on(client), used(client)
    record(store, dense)
    raw = SIZE / 8 * len(Granularity)
    yield compared(
        "memory of dense ids", used(client) - before, "raw bits", raw, at_most=1.06, write=megabytes
    )
    client.flushall()
    taken, before = [], used(client)
    for event in range(RUNS):
        began = time.perf_counter()
        record(store, np.array([LARGEST_ID], np.uint32), f"far-{event}")
        taken.append(time.perf_counter() - began)
    far = (used(client) - before) / RUNS
    yield compared(
        f"memory of one visit by {LARGEST_ID:,}", far, "the bound", 1e6, at_most=1.0, write=megabytes
    )
    yield bounded("the same, in time", median(taken), at_most=2e-3)


def used(client: Redis) -> float:
    return float(sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter()))


def megabytes(size: float) -> str:
    return f"{size / 1e6:.3g} MB"


def per_visit(write: Callable[[], object], size: int) -> float:
    runs = []
    for _ in range(RUNS):
        began = time.perf_counter()
        write()
        runs.append((time.perf_counter() - began) / size)
    return median(runs)


def record(store: Store, ids: Ids, event: str = "bench") -> None:
    """Record ids as a packed body is, in an event of its own: hour, day, week, month and all time."""
    now = clock.now()
    site = Site(store, Calendar(ZoneInfo("UTC")), 5000)
    ingest.record_ids(site, f"{event}-{time.perf_counter_ns()}", ids, at=now, now=now)


def setbits(client: Redis, ids: Ids) -> None:
    """Set the same bits with SETBIT, five per visit."""
    for start in range(0, len(ids), PIPELINE // len(Granularity)):
        with client.pipeline(transaction=False) as pipe:
            for user in ids[start : start + PIPELINE // len(Granularity)].tolist():
                for granularity in Granularity:
                    pipe.setbit(f"plain-{granularity}", user, 1)
            pipe.execute()


def marked(client: Redis, ids: Ids) -> float:
    """Return the seconds per visit of bitmapist, which writes three of the five periods."""
    bitmapist = importlib.import_module("bitmapist")
    bitmapist.setup_redis("default", "127.0.0.1", client.connection_pool.connection_kwargs["port"])
    users = ids[:PEER_SIZE].tolist()
    return per_visit(lambda: [bitmapist.mark_event("bench", user) for user in users], PEER_SIZE)
