"""One server and a cluster of three primaries, both asked by the same client code, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from redis import Redis

from benchmarks.figures import Figure, compared
from donebit.store import Store
from donebit.store.client import connect
from tests.clusters import cluster_of
from tests.servers import RunningServer, valkey_binary

PRIMARIES = 3
ROUNDS, AT_LEAST_SECONDS = 20, 4.0  # of two calls that take turns
BUSIEST = 0.45  # of all that the nodes do; a third would be even
TIMEOUT = timedelta(seconds=60)


@dataclass(frozen=True)
class Side:
    """One server, or the primaries of a cluster."""

    url: str
    client: Redis
    nodes: list[Redis]  # a connection to each

    @property
    def store(self) -> Store:
        return Store.on(self.client)

    def commands(self) -> list[float]:
        """How many commands each node has run."""
        return [float(node.info("stats")["total_commands_processed"]) for node in self.nodes]

    def processor(self) -> list[float]:
        """The seconds of a processor that each node has taken."""
        found = [node.info("cpu") for node in self.nodes]
        return [float(one["used_cpu_user"] + one["used_cpu_sys"]) for one in found]


Sides = tuple[Side, Side]  # one server, and a cluster


@contextmanager
def one_and_cluster(*, replicas: int = 0) -> Iterator[Sides]:
    """Give both, empty; the cluster with so many replicas in all."""
    with TemporaryDirectory() as folder, cluster_of(Path(folder), PRIMARIES, replicas) as cluster:
        one = RunningServer(valkey_binary(), Path(folder), options=())
        try:
            nodes = [node.client for node in cluster.primaries]
            yield side(one.url, [one.client]), side(cluster.url, nodes)
        finally:
            one.close()


def side(url: str, nodes: list[Redis]) -> Side:
    return Side(url, connect(url, connections=4, timeout=TIMEOUT), nodes)


def in_turns(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """The median seconds of each, of some rounds and for some seconds; which goes first alternates."""
    taken: tuple[list[float], list[float]] = ([], [])
    one(), other()  # what only a first call needs
    until = time.monotonic() + AT_LEAST_SECONDS
    while len(taken[0]) < ROUNDS or time.monotonic() < until:
        for run, seconds in list(zip((one, other), taken, strict=True))[:: 1 if len(taken[0]) % 2 else -1]:
            began = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - began)
    return median(taken[0]), median(taken[1])


def beside(
    what: str, sides: Sides, call_on: Callable[[Side], Callable[[], object]], *, at_most: float
) -> Figure:
    """Compare a call on the cluster with the same call on one server; `call_on` prepares and returns it."""
    one, cluster = map(call_on, sides)
    of_one, of_cluster = in_turns(one, cluster)
    return compared(what, of_cluster, "one server", of_one, at_most=at_most)


@contextmanager
def shares(cluster: Side, what: str, figures: list[Figure]) -> Iterator[None]:
    """Add what part of the commands and of the processor time the busiest node took in the block."""
    kinds = {"commands": cluster.commands, "processor time": cluster.processor}
    before = {kind: read() for kind, read in kinds.items()}
    yield
    for kind, read in kinds.items():
        each = [after - start for after, start in zip(read(), before[kind], strict=True)]
        share = max(each) / sum(each)
        name = f"the busiest of {PRIMARIES} nodes, its share of the {kind}: {what}"
        figures.append(Figure(name, f"{share:.2f}", bound=f"{BUSIEST}", holds=share <= BUSIEST))
