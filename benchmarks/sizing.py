"""What docs/sizing.md reckons with: what tasks and segments take, what reports and visits cost, and shares.

`.venv/bin/python -m benchmarks.sizing` prints the table, in a minute.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from redis import Redis

from benchmarks.figures import Figure, duration, size, table
from benchmarks.own_server import own_server
from donebit import clock
from donebit.activity.events import ingest
from donebit.activity.events.single_visit import visit
from donebit.activity.periods.calendar import Granularity
from donebit.activity.site import Site
from donebit.completion import lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.config import Settings
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS
from donebit.store.slots import SLOTS, slot_of
from tests.clusters import cluster_of
from tests.completion.arranged import TTLS

STEPS, LARGE = 1000, 100_000_000
TASKS, CALLS, ROUNDS = 200, 500, 9
USERS = 1_000_000_000
PRIMARIES = (3, 6, 12)
CLUSTERED_TASKS, CLUSTERED_STEPS = 300, 24
EVENT = "seen"


def measure() -> list[Figure]:
    """Return every figure: on one server, by the names of keys, and on a cluster of three primaries."""
    with own_server() as client:
        store = Store.on(client)
        figures = [*of_tasks(client, store), *of_users(client, Site.of(store, Settings())), *shares(store)]
    return [*figures, share_of_reports()]


def of_tasks(client: Redis, store: Store) -> list[Figure]:
    """Bytes of a task, with its place in the lists of all tasks, and what a report costs."""
    empty = used(client)
    small = [start(store, STEPS) for _ in range(TASKS)]
    each = (used(client) - empty) / TASKS
    steps = iter(range(STEPS * TASKS))
    report = a_call(
        client, lambda: reporting.report(store, small[(one := next(steps)) % TASKS], [one // TASKS])
    )
    large = start(store, LARGE)
    bitmap = int(client.memory_usage(store.keys.bitmap(large)) or 0)
    return [
        Figure(f"memory of a task of {STEPS:,} steps", size(each)),
        Figure(f"memory of the bitmap of {LARGE:,} steps", f"{bitmap / 1e6:.3g} MB"),
        Figure("processor time of the server for a report of one step", duration(report)),
    ]


def of_users(client: Redis, site: Site) -> list[Figure]:
    """Bytes of a full segment of one period, and what a visit costs."""
    now = clock.now()
    day = site.calendar.period_at(Granularity.DAY, now).name
    ids = np.arange(SEGMENT_BITS, dtype=np.uint32)
    ingest.record_ids(site, EVENT, ids, at=now, now=now)
    segment = int(client.memory_usage(site.store.keys.segment(0, EVENT, day)) or 0)
    everyone = iter(random.Random(1).choices(range(SEGMENT_BITS), k=CALLS * ROUNDS))
    visited = a_call(client, lambda: visit(site, EVENT, next(everyone), now))
    return [
        Figure(f"memory of a segment ({SEGMENT_BITS:,} users) in one period", f"{segment / 1e3:.4g} kB"),
        Figure(
            "processor time of the server for a visit, five periods and the exact count", duration(visited)
        ),
    ]


def start(store: Store, count: int) -> str:
    return lifecycle.start(store, TaskSpec(count), ttls=TTLS, max_steps=count).task.id


def used(client: Redis) -> int:
    return int(client.info("memory")["used_memory_dataset"])


def a_call(client: Redis, call: Callable[[], object]) -> float:
    """Return the seconds of a processor that the server takes for a call: the quickest of some rounds."""
    return min(of_round(client, call) for _ in range(ROUNDS))


def of_round(client: Redis, call: Callable[[], object]) -> float:
    before = processor(client)
    for _ in range(CALLS):
        call()
    return (processor(client) - before) / CALLS


def processor(client: Redis) -> float:
    found = client.info("cpu")
    return float(found["used_cpu_user"] + found["used_cpu_sys"])


def shares(store: Store) -> list[Figure]:
    """Return the share of the busiest of these many primaries, each with as many slots."""
    segments = [store.keys.segment(number, EVENT, "all") for number in range(USERS // SEGMENT_BITS + 1)]
    tasks = [store.keys.bitmap(f"{random.Random(one).getrandbits(48):012x}") for one in range(100_000)]
    return [
        Figure(f"the busiest of {primaries} primaries, {what}", f"{busiest(names, primaries):.3g}")
        for what, names in ((f"{len(segments)} segments", segments), ("100,000 tasks", tasks))
        for primaries in PRIMARIES
    ]


def share_of_reports() -> Figure:
    """Return the share of all scripts that the busiest of three primaries ran, of tasks from start to end."""
    with TemporaryDirectory() as folder, cluster_of(Path(folder), 3) as cluster:
        store = Store.at(cluster.url)
        tasks = [start(store, CLUSTERED_STEPS) for _ in range(CLUSTERED_TASKS)]
        steps = [(one, step) for one in tasks for step in range(CLUSTERED_STEPS)]
        random.Random(1).shuffle(steps)
        for task_id, step in steps:
            reporting.report(store, task_id, [step])
        ran = [node.client.info("commandstats")["cmdstat_evalsha"]["calls"] for node in cluster.primaries]
    what = f"{CLUSTERED_TASKS} tasks of {CLUSTERED_STEPS} steps, from start to end"
    return Figure(f"the busiest of 3 primaries, {what}", f"{max(ran) / sum(ran):.3g}")


def busiest(names: Iterable[str], primaries: int) -> float:
    counts = Counter(slot_of(name) * primaries // SLOTS for name in names)
    return max(counts.values()) / counts.total()


if __name__ == "__main__":
    sys.stdout.write(table(measure()) + "\n")
