"""Server time of one completion in tasks of 10^3, 10^5 and 10^7 steps, half full; and the naive way's."""

from __future__ import annotations

from statistics import median

from redis import Redis

from benchmarks.figures import Figure, compared
from benchmarks.own_server import own_server
from shared.completion import lifecycle
from shared.completion.order import Order
from shared.store import Store

SIZES = (10**3, 10**5, 10**7)
ROUNDS = 12
CALLS = 250  # half of the steps that a half full task of 1000 still lacks
BOUND = 1.3
MICROSECOND = 1e-6


def measure() -> list[Figure]:
    """Medians of rounds in which the sizes take turns; the server's own clock, INFO commandstats."""
    with own_server() as client:
        flat = [[completion(client, size) for size in SIZES] for _ in range(ROUNDS)]
        naive = [[seed_way(client, size) for size in (SIZES[0], SIZES[-1])] for _ in range(ROUNDS // 3)]
    least, middle, most = (median(times) for times in zip(*flat, strict=True))
    naive_least, naive_most = (median(times) for times in zip(*naive, strict=True))
    return [
        compared("server time of a completion, N = 10^5", middle, "N = 10^3", least),
        compared("server time of a completion, N = 10^7", most, "N = 10^3", least, at_most=BOUND),
        compared("SETBIT, BITPOS, BITCOUNT instead, N = 10^7", naive_most, "N = 10^3", naive_least),
    ]


def upper_half(size: int) -> range:
    """Steps not yet done, spread over all of the half."""
    return range(size // 2, size, size // 2 // CALLS)[:CALLS]


def completion(client: Redis, size: int) -> float:
    """Seconds of the server a step, through the domain."""
    store = Store.on(client)
    task_id = lifecycle.start(store, Order(size), max_steps=size).task.id
    lifecycle.report(store, task_id, ranges=[(0, size // 2)])
    client.config_resetstat()
    for step in upper_half(size):
        lifecycle.report(store, task_id, [step])
    taken = server_seconds(client, "evalsha")
    lifecycle.delete(store, task_id)
    return taken


def seed_way(client: Redis, size: int) -> float:
    """The same of a bitmap whose every step asks the whole rule."""
    client.setbit("naive", size, 1)
    client.setrange("naive", 0, b"\xff" * (size // 16))
    client.config_resetstat()
    for step in upper_half(size):
        client.setbit("naive", step, 1)
        client.bitpos("naive", 0)
        client.bitcount("naive")
    taken = server_seconds(client, "setbit", "bitpos", "bitcount")
    client.delete("naive")
    return taken


def server_seconds(client: Redis, *commands: str) -> float:
    """What the commands took on the server since the last reset, a step."""
    stats = client.info("commandstats")
    microseconds = sum(int(stats[f"cmdstat_{name}"]["usec"]) for name in commands)
    return microseconds * MICROSECOND / CALLS
