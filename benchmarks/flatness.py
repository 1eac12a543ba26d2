"""Server time of one completion in tasks of 10^3 to 10^7 steps, in four situations; and the naive way's."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from statistics import mean, median

from redis import Redis

from benchmarks.figures import Figure, compared
from benchmarks.own_server import own_server
from donebit.completion import failing, lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.store import Store
from tests.completion.arranged import TTLS

SIZES = (10**3, 10**4, 10**5, 10**6, 10**7)
ROUNDS = 12
CALLS = 250
BOUND = 1.3
MICROSECOND = 1e-6

# Which steps of a task are reported, one by one: those before them, or after them, are done already.
ORDERS: dict[str, Callable[[int], Sequence[int]]] = {
    "in order": lambda size: range(size // 2, size // 2 + CALLS),
    "reversed": lambda size: range(size // 2 - 1, size // 2 - 1 - CALLS, -1),
    "after a failure": lambda size: range(size // 2, size // 2 + CALLS),
    "at random": lambda size: random.sample(range(size), CALLS),
}


def measure() -> list[Figure]:
    """Medians of rounds in which the sizes take turns; the server's own clock, INFO commandstats."""
    with own_server() as client:
        ordered = [figure(client, order) for order in ORDERS]
        naive = [[seed_way(client, size) for size in (SIZES[0], SIZES[-1])] for _ in range(ROUNDS // 3)]
    least, most = (median(times) for times in zip(*naive, strict=True))
    return [*ordered, compared("SETBIT, BITPOS, BITCOUNT instead, 10^7", most, "10^3", least)]


def figure(client: Redis, order: str) -> Figure:
    """The size at which a completion is the dearest, against that at which it is the cheapest."""
    rounds = [[completion(client, size, order) for size in SIZES] for _ in range(ROUNDS)]
    a_step = dict(zip(SIZES, typical(rounds), strict=True))
    dearest, cheapest = max(SIZES, key=a_step.__getitem__), min(SIZES, key=a_step.__getitem__)
    return compared(
        f"server time of a completion {order}, {power(dearest)}",
        a_step[dearest],
        power(cheapest),
        a_step[cheapest],
        at_most=BOUND,
    )


def typical(rounds: list[list[float]]) -> list[float]:
    """Each size as it stands to the others of its round: the machine's pace may change between rounds."""
    shares = [[taken / mean(times) for taken in times] for times in rounds]
    pace = median(mean(times) for times in rounds)
    return [pace * median(of_size) for of_size in zip(*shares, strict=True)]


def power(size: int) -> str:
    return f"10^{len(str(size)) - 1}"


def completion(client: Redis, size: int, order: str) -> float:
    """Seconds of the server a step, through the domain."""
    store = Store.on(client)
    task_id = lifecycle.start(store, TaskSpec(size), ttls=TTLS, max_steps=size).task.id
    if order != "at random":
        done = (size // 2, size) if order == "reversed" else (0, size // 2)
        reporting.report(store, task_id, ranges=[done])
    if order == "after a failure":
        failing.fail(store, task_id, size - 1, "benchmark")
    steps = ORDERS[order](size)
    client.config_resetstat()
    for step in steps:
        reporting.report(store, task_id, [step])
    taken = server_seconds(client, "evalsha")
    lifecycle.delete(store, task_id)
    return taken


def upper_half(size: int) -> range:
    """Steps not yet done, spread over all of the half."""
    return range(size // 2, size, size // 2 // CALLS)[:CALLS]


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
