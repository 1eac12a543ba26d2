"""Large tasks of no-op steps with two worker processes: from the HTTP call to the announcement."""

from __future__ import annotations

import time
from statistics import median

from redis import Redis

from benchmarks.figures import Figure, bounded, compared
from benchmarks.own_stack import own_stack
from donebit.store.client import scripts_of

BOUNDS = {10**5: 4.0, 10**6: 0.8, 10**7: 0.25}  # of the time of as many SETBITs in pipelines
MESSAGES, MESSAGES_BOUND = 10**4, 30.0  # as many SETBITs one after the other
PIPELINED = 1000
RUNS = 3
NOTED_FROM_MICROSECONDS = 200
BLOCKED = 0.005


def measure() -> list[Figure]:
    """Medians; and the longest that one command held the server up in all of the runs, by its SLOWLOG."""
    with own_stack(WORKER_PROCESSES="2") as stack, Redis.from_url(stack.redis) as client:
        stack.run_no_op_steps(min(BOUNDS))
        note_slow_commands(client)
        taken = {count: [stack.run_no_op_steps(count) for _ in range(RUNS)] for count in BOUNDS}
        single = [stack.run_no_op_steps(MESSAGES, batch=1) for _ in range(RUNS)]
        pipelined = median(setbit_seconds(client, PIPELINED) for _ in range(RUNS))
        alone = median(setbit_seconds(client, 1) for _ in range(RUNS))
        name, blocked = longest_command(client)
    return [
        *(
            compared(
                f"{count:,} no-op steps announced",
                median(taken[count]),
                "as many SETBITs, pipelined",
                pipelined * count,
                at_most=bound,
            )
            for count, bound in BOUNDS.items()
        ),
        compared(
            f"{MESSAGES:,} no-op steps announced, a message each",
            median(single),
            "as many SETBITs",
            alone * MESSAGES,
            at_most=MESSAGES_BOUND,
        ),
        bounded(f"longest command of the server meanwhile: {name}", blocked, at_most=BLOCKED),
    ]


def setbit_seconds(client: Redis, together: int) -> float:
    """Seconds of a SETBIT, so many of them in each pipeline."""
    began = time.perf_counter()
    for first in range(0, MESSAGES, together):
        with client.pipeline(transaction=False) as pipe:
            for step in range(first, first + together):
                pipe.setbit("plain", step, 1)
            pipe.execute()
    client.delete("plain")
    return (time.perf_counter() - began) / MESSAGES


def note_slow_commands(client: Redis) -> None:
    client.config_set("slowlog-max-len", 10_000)
    client.config_set("slowlog-log-slower-than", NOTED_FROM_MICROSECONDS)
    client.slowlog_reset()


def longest_command(client: Redis) -> tuple[str, float]:
    """(its name, a script's where it is one of ours; seconds) of all that was noted."""
    noted = client.slowlog_get(10_000)
    if not noted:
        return "none", NOTED_FROM_MICROSECONDS / 1e6
    # A script is noted as a whole and with the command in it that was slow: the whole is what blocked.
    slowest = max(noted, key=lambda entry: int(entry["duration"]))
    names = {script.sha: name for name, script in scripts_of(client).items()}
    words: list[str] = slowest["command"].decode(errors="replace").split()
    name = next((names[word] for word in words if word in names), words[0])
    return name, int(slowest["duration"]) / 1e6
