"""Text ids to dense numbers and back again, in batches: speed and memory."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from redis import Redis

from benchmarks.figures import Figure, compared, size
from benchmarks.own_server import own_server
from donebit.store import Store

COUNT = 10**6
RUNS = 3
PLAIN, PIPELINE = 50_000, 1000


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
        named = min(seconds(lambda: store.directory.ids_of(range(COUNT))) for _ in range(RUNS))
        held = used(client) / COUNT
        plain_new, plain_known = plain(client, texts[:PLAIN])
    return [
        compared(f"{what}, new, an id", new / COUNT, "HSET and RPUSH, pipelined", plain_new, at_most=0.5),
        compared(f"{what}, known, an id", known / COUNT, "HGET, pipelined", plain_known, at_most=0.25),
        Figure(f"{what}, named back", f"{COUNT / named / 1e6:.3g} M/s"),
        compared(f"{what}, an id both ways", held, "the bound", at_most, at_most=1.0, write=size),
    ]


def plain(client: Redis, texts: list[str]) -> tuple[float, float]:
    """Seconds an id, as one would write it: to number it, counted by the caller, and to look it up."""

    def number() -> None:
        for start in range(0, len(texts), PIPELINE):
            with client.pipeline(transaction=False) as pipe:
                for place, text in enumerate(texts[start : start + PIPELINE], start):
                    pipe.hset("plain-numbers", text, place)
                    pipe.rpush("plain-texts", text)
                pipe.execute()

    def look_up() -> None:
        for start in range(0, len(texts), PIPELINE):
            with client.pipeline(transaction=False) as pipe:
                for text in texts[start : start + PIPELINE]:
                    pipe.hget("plain-numbers", text)
                pipe.execute()

    return seconds(number) / len(texts), min(seconds(look_up) for _ in range(RUNS)) / len(texts)


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def used(client: Redis) -> float:
    """Return the bytes of every key."""
    return float(sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter(count=1000)))
