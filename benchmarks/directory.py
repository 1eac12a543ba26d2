"""Text ids to dense numbers and back again, in batches: speed and memory."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from redis import Redis

from benchmarks.figures import Figure, compared, rate, size
from benchmarks.own_server import own_server
from donebit.store import Store

COUNT = 10**6
RUNS = 3


def measure() -> list[Figure]:
    return [
        *figures(
            "UUIDs", lambda number: str(uuid.UUID(int=uuid.NAMESPACE_URL.int ^ number << 64)), at_most=90
        ),
        *figures("texts of 36 characters", lambda number: f"user-{number:031}", at_most=120),
    ]


def figures(what: str, text: Callable[[int], str], *, at_most: float) -> list[Figure]:
    texts = [text(number) for number in range(COUNT)]
    with own_server() as client:
        store = Store.on(client)
        new = seconds(lambda: store.directory.number_users(texts))
        known = min(seconds(lambda: store.directory.known(texts)) for _ in range(RUNS))
        named = min(seconds(lambda: store.directory.texts_of(range(COUNT))) for _ in range(RUNS))
        held = used(client) / COUNT
    return [
        rate(f"{what}, new", COUNT / new, at_least=0.25e6),
        rate(f"{what}, known", COUNT / known, at_least=1.5e6),
        Figure(f"{what}, named back", f"{COUNT / named / 1e6:.3g} M/s"),
        compared(f"{what}, an id both ways", held, "the bound", at_most, at_most=1.0, write=size),
    ]


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def used(client: Redis) -> float:
    """Return the bytes of every key."""
    return float(sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter(count=1000)))
