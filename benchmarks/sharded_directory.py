"""Text ids in 64 shards on a cluster of three primaries, against one directory on one server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from redis import Redis

from benchmarks.directory import seconds
from benchmarks.figures import Figure, compared
from benchmarks.own_server import TIMEOUT, own_server
from donebit.store import Store
from donebit.store.activity_layout import layout
from donebit.store.client import connect
from donebit.store.id_shards import OF_A_CLUSTER
from tests.clusters import cluster_of

COUNT = 400_000
ROUNDS = 3


def measure() -> list[Figure]:
    with own_server() as one, own_cluster() as cluster:
        return [
            *figures("UUIDs", uuids, one, cluster),
            *figures("texts of 36 characters", lambda number: f"user-{number:031}", one, cluster),
        ]


def uuids(number: int) -> str:
    return str(uuid.UUID(int=uuid.NAMESPACE_URL.int ^ number << 64))


@contextmanager
def own_cluster() -> Iterator[Redis]:
    """Give a client of an empty cluster of three primaries."""
    with (
        TemporaryDirectory() as folder,
        cluster_of(Path(folder), 3) as cluster,
        connect(cluster.url, connections=4, timeout=TIMEOUT) as client,
    ):
        yield client


def figures(what: str, text: Callable[[int], str], one: Redis, cluster: Redis) -> list[Figure]:
    texts = [text(number) for number in range(COUNT)]
    rounds = [(taken(one, 1, texts), taken(cluster, OF_A_CLUSTER, texts)) for _ in range(ROUNDS)]
    new, known, highest = zip(*(in_shards for _, in_shards in rounds), strict=True)
    new_whole, known_whole, _ = zip(*(whole for whole, _ in rounds), strict=True)
    return [
        an_id(f"{what}, new, an id", new, new_whole, at_least=1.2),
        an_id(f"{what}, known, an id", known, known_whole, at_least=0.9),
        Figure(f"{what}, highest number over ids", f"{highest[0] / COUNT:.3f}"),
    ]


def an_id(what: str, in_shards: Sequence[float], whole: Sequence[float], *, at_least: float) -> Figure:
    """Seconds an id, which are to be so many times as quick at least."""
    return compared(
        what, median(in_shards) / COUNT, "one server", median(whole) / COUNT, at_most=1 / at_least
    )


def taken(client: Redis, shards: int, texts: list[str]) -> tuple[float, float, int]:
    """Seconds to number texts and to look them up, with so many shards, and the highest number."""
    client.flushall()
    store = Store.on(client)
    client.set(store.keys.LAYOUT, layout("UTC", shards))
    new = seconds(lambda: store.directory.number_users(texts))
    known = min(seconds(lambda: store.directory.known(texts)) for _ in range(3))
    return new, known, int(store.directory.known(texts).max())
