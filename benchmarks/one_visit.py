"""One visit over HTTP, five periods and the exact count, against a route that does one bare SETBIT."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import numpy as np
from redis import Redis

from benchmarks.figures import Figure
from benchmarks.load import a_second
from benchmarks.own_server import own_server
from benchmarks.waiting import wait_until
from donebit import clock
from donebit.activity.events import ingest
from donebit.activity.site import Site
from donebit.addresses import LOOPBACK, address
from donebit.config import Settings
from donebit.demo.ports import free_server_port
from donebit.demo.probes import health_is_ok
from donebit.names import EXAMPLE_EVENT
from donebit.store import Store

ROUNDS, SECONDS = 5, 2.0
ROUTES = ("/bare/", "/distinct?userId=")  # before the user
AT_LEAST = {10**6: 0.8, 10**8: 0.5}
BATCH = 10**6
SERVE = "from donebit.web.serving import serve; serve('benchmarks.bare_route:create_app', 'distinct_port')"


def measure() -> list[Figure]:
    """Answers a second, in turns; every other user was here before."""
    return [figure for users in AT_LEAST for figure in at(users)]


def at(users: int) -> list[Figure]:
    with own_server() as client:
        fill(Store.on(client), users)
        client.setbit("bare", users, 1)
        with served(client) as port:
            pairs = [tuple(rate(port, route, users) for route in ROUTES) for _ in range(ROUNDS)]
    ratio = median(visit / bare for bare, visit in pairs)
    bare, visit = (median(rates) for rates in zip(*pairs, strict=True))
    bound = AT_LEAST[users]
    return [
        Figure(
            f"POST /distinct at {users:,} users",
            f"{visit:,.0f}/s",
            f"{bare:,.0f}/s (one SETBIT)",
            f"{ratio:.2f}x",
            f"at least {bound}x",
            ratio >= bound,
        )
    ]


def fill(store: Store, users: int) -> None:
    site, now = Site.of(store, Settings()), clock.now()
    for start in range(0, users, BATCH):
        ids = np.arange(start, start + BATCH, 2, dtype=np.uint32)
        ingest.record_ids(site, EXAMPLE_EVENT, ids, at=now, now=now)


@contextmanager
def served(client: Redis) -> Iterator[int]:
    """distinct_app on granian, over this server; its port."""
    port = free_server_port()
    redis = f"redis://{LOOPBACK}:{client.connection_pool.connection_kwargs['port']}/0"
    environment = {**os.environ, "REDIS_URL": redis, "DISTINCT_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-c", SERVE], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until(health_is_ok(address(LOOPBACK, port), "distinct_app"))
        yield port
    finally:
        process.terminate()
        process.wait()


def rate(port: int, route: str, users: int) -> float:
    dice = random.Random(users)
    return a_second(port, (f"{route}{dice.randrange(users)}" for _ in itertools.count()), SECONDS)
