"""Thirty days of 10^8 users taken together, against the fewest BITOPs on flat keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

import numpy as np
from redis import Redis

from benchmarks.fan_out import longest_command, note_slow_commands
from benchmarks.figures import Figure, bounded, compared, duration
from benchmarks.own_server import own_server
from donebit.activity.analytics import series
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import both, union, without
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap

USERS = 10**8
DAYS = 30
SOURCES = 16  # above that, older servers leave their fast path: more BITOPs are quicker than one
ROUNDS = 15
ROLLING = 30
BLOCKED = 0.002

DAY = [Bitmap("bench", f"2026-11-{day + 1:02}") for day in range(DAYS)]
FLAT = [f"flat:{day}" for day in range(DAYS)]
RESULT = "flat:result"


def measure() -> list[Figure]:
    """Medians of rounds that take turns; ours is the whole call, its registries and its Python included."""
    with own_server() as client:
        client.config_set("appendonly", "no")  # what is asked is not written, and what is laid is 750 MB
        lay(client)
        store = Store.on(client)
        return [*union_of_days(client, store), *other_questions(client, store)]


def union_of_days(client: Redis, store: Store) -> list[Figure]:
    ways = {"ours": lambda: algebra.count(store, union(DAY)), "flat": lambda: flat_union(client)}
    assert algebra.count(store, union(DAY)) == flat_union(client)
    taken = in_turns(ways)
    what = f"{DAYS}-day OR over {USERS:,} users, counted"
    return [compared(what, taken["ours"], "fewest BITOPs, flat keys", taken["flat"], at_most=1.0)]


def other_questions(client: Redis, store: Store) -> list[Figure]:
    """What else is asked of as many users, and the longest script of all of it."""
    mixed = without(both(union(DAY[:7]), union(DAY[7:14])), union(DAY[14:]))
    ways = {
        f"an expression of all {DAYS} days, with and, or and minus": lambda: algebra.count(store, mixed),
        "the users of one day with ids from 10^7 to 9 x 10^7": lambda: algebra.count(
            store, DAY[0], ids=range(10**7, 9 * 10**7)
        ),
        f"a rolling {ROLLING // 2}-day series of {DAYS - ROLLING // 2 + 1} days": lambda: sum(
            series.rolling_counts(store, DAY, ROLLING // 2)
        ),
    }
    taken = in_turns(ways)
    ways["union"] = lambda: algebra.count(store, union(DAY))
    blocked, name = min(longest(client, ways) for _ in range(ROUNDS))
    figures = [Figure(what, duration(seconds)) for what, seconds in taken.items()]
    return [
        *figures,
        bounded(f"longest command of the server meanwhile, quickest round: {name}", blocked, at_most=BLOCKED),
    ]


def longest(client: Redis, ways: Mapping[str, Callable[[], int]]) -> tuple[float, str]:
    """(seconds, name) of the command that held the server up for longest while each was asked once.

    By the server's clock, so whatever takes the core away from it meanwhile is in it too.
    """
    note_slow_commands(client)
    for way in ways.values():
        way()
    name, blocked = longest_command(client)
    return blocked, name


def in_turns(ways: Mapping[str, Callable[[], int]]) -> dict[str, float]:
    """The median of each."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - began)
    return {name: median(runs) for name, runs in taken.items()}


def flat_union(client: Redis) -> int:
    """In one round trip: as few BITOPs of at most 16 sources as there can be."""
    with client.pipeline(transaction=False) as pipe:
        pipe.bitop("OR", RESULT, *FLAT[:SOURCES])
        pipe.bitop("OR", RESULT, RESULT, *FLAT[SOURCES:])
        pipe.bitcount(RESULT)
        pipe.unlink(RESULT)
        counted: int = pipe.execute()[2]
    return counted


def lay(client: Redis) -> None:
    """The same users both ways, a tenth of them a day: once in flat keys, once in segments."""
    random = np.random.default_rng(1)
    for bitmap, name in zip(DAY, FLAT, strict=True):
        packed = np.packbits(random.random(USERS, np.float32) < 0.1).tobytes()
        client.set(name, packed)
        lay_segments(client, bitmap, packed)


def lay_segments(client: Redis, bitmap: Bitmap, packed: bytes) -> None:
    """Lay bits down as the segments that ingest makes of them."""
    width = SEGMENT_BITS // 8
    segments = -(-len(packed) // width)
    client.set(bitmap.registry(keys), np.packbits(np.ones(segments, np.uint8)).tobytes())
    for segment in range(segments):
        part = packed[segment * width : (segment + 1) * width].ljust(width, b"\0")
        client.set(bitmap.segment(keys, segment), part)
