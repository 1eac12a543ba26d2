"""Server time of one completion against an empty script and one SETBIT in it, in turns by the same client."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from redis import Redis

from benchmarks.figures import Figure, compared, duration
from benchmarks.one_completion import bare_script
from benchmarks.own_server import own_server
from donebit.completion import lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.store import Store
from tests.completion.arranged import TTLS

ROUNDS, CALLS = 60, 100
BOUND = 3.0
MICROSECOND = 1e-6
EMPTY = "return 1"
ONE_SETBIT = "return redis.call('SETBIT', KEYS[1], ARGV[1], 1)"


def measure() -> list[Figure]:
    """Medians of rounds in which the scripts take turns; by the server's own clock."""
    with own_server() as client:
        store, size = Store.on(client), ROUNDS * CALLS + 1
        reported, marked = (
            lifecycle.start(store, TaskSpec(size), ttls=TTLS, max_steps=size).task for _ in range(2)
        )
        nonce = reported.nonce
        calls: list[Callable[[int], object]] = [
            evaluated(client, EMPTY),
            evaluated(client, ONE_SETBIT),
            lambda step: reporting.report(store, reported.id, [step], nonce=nonce),
            bare_script(client, marked),
        ]
        reporting.report(store, marked.id, [size - 1])  # which loads the script
        rounds = [[server_seconds(client, call, begun) for call in calls] for begun in range(ROUNDS)]
    empty, setbit, report, bare = (median(times) for times in zip(*rounds, strict=True))
    peer = "empty script + SETBIT"
    return [
        Figure("server time of an empty script", duration(empty)),
        Figure("server time of a SETBIT in it", duration(setbit - empty)),
        compared("server time of a report by a worker", report, peer, setbit, at_most=BOUND),
        compared("the same of its script, sent by itself", bare, peer, setbit, at_most=BOUND),
    ]


def evaluated(client: Redis, script: str) -> Callable[[int], object]:
    """A script with one key and one argument, by its digest."""
    digest = client.script_load(script)
    return lambda step: client.evalsha(digest, 1, "plain", step)


def server_seconds(client: Redis, call: Callable[[int], object], begun: int) -> float:
    """Seconds of the server a call, in the round of this number."""
    client.config_resetstat()
    for step in range(begun * CALLS, (begun + 1) * CALLS):
        call(step)
    return int(client.info("commandstats")["cmdstat_evalsha"]["usec"]) * MICROSECOND / CALLS
