"""Items and results: what they add to 100,000 steps, what they take in Redis, and how soon they are read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from base64 import b64encode
from hashlib import sha256
from statistics import median

from celery import Celery, chord
from redis import Redis

from benchmarks.celery_chord import PEER, TIMEOUT_SECONDS, chord_worker
from benchmarks.chord_worker import finish, number_step
from benchmarks.figures import Figure, compared, rate, size
from benchmarks.keep_alive import KeepAlive
from benchmarks.own_stack import Stack, announced_at, own_stack
from benchmarks.waiting import wait_until
from donebit import Donebit
from donebit.store.key_names import Keys

STEPS, PARTS, RESULTS = 100_000, 10_000, 1_000_000
RUNS = 5
READ = r"""
import re, sys, time
from pathlib import Path
from donebit import Donebit
donebit = Donebit(*sys.argv[1:3])
began = time.perf_counter()
count = sum(1 for _ in donebit.results(sys.argv[3]))
taken = time.perf_counter() - began
# Not getrusage: its peak begins with that of the process that started this one.
peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
print(count, taken, peak[1])
"""


def measure() -> list[Figure]:
    """Measure with and without in turns, as one of all the processes' sleeps is in both."""
    with own_stack(JOBS="benchmarks.item_jobs") as stack, Redis.from_url(stack.redis) as client:
        figures = [*of_time(stack), *of_bytes(stack, client), *of_reading(stack)]
        with chord_worker(f"{stack.redis}/1") as app:
            run_chord(app)  # warm up
            against = median(run_chord(app) for _ in range(2))
        ours = median(run(stack, items_of(PARTS)) for _ in range(RUNS))
    return [
        *figures,
        compared("10,000 steps with item and result", ours, PEER, against, at_most=1 / 25),
    ]


def items_of(count: int) -> list[str]:
    """Texts of 20 bytes as JSON that have little in common."""
    digests = (sha256(b"%d" % number).digest() for number in range(count))
    return [b64encode(digest)[:18].decode() for digest in digests]


def run(stack: Stack, items: list[str] | None = None, task_id: str = "") -> float:
    """Return the seconds from the HTTP call to the announcement in the task's record."""
    body: dict[str, object] = {"job": "bare", "count": STEPS}
    if items is not None:
        body = {"job": "numbered", "items": items, **({"task_id": task_id} if task_id else {})}
    began = time.time()
    with KeepAlive(stack.trigger) as trigger:
        started = trigger.ask("POST", "/tasks", body)
    with KeepAlive(stack.done) as done:
        return announced_at(done, f"/tasks/{started['task_id']}").timestamp() - began


def of_time(stack: Stack) -> list[Figure]:
    """Return what items and results add to the time."""
    items = items_of(STEPS)
    run(stack, items)  # warm up
    pairs = [(run(stack, items), run(stack)) for _ in range(RUNS)]
    with_items, without = (median(one) for one in zip(*pairs, strict=True))
    return [
        compared("100,000 steps with item and result, announced", with_items, "without", without, at_most=2)
    ]


def of_bytes(stack: Stack, client: Redis) -> list[Figure]:
    """Return what items and results take in Redis, by MEMORY USAGE of their keys."""
    keys, found = Keys(), []
    alike = [f"/photos/{number:08}.jpg" for number in range(STEPS)]
    for name, items, at_most in (("hardly alike", items_of(STEPS), 1.1), ("alike", alike, 0.5)):
        run(stack, items, task_id=name.replace(" ", "-"))
        key = keys.items(name.replace(" ", "-"))
        kept, text = memory(client, key), len(json.dumps(items, separators=(",", ":")))
        what = f"kept of items that are {name}, an item"
        found.append(compared(what, kept / STEPS, "as JSON", text / STEPS, at_most=at_most, write=size))
    results = memory(client, keys.results("alike")) / STEPS
    return [*found, Figure("kept of an integer result", size(results), bound=size(12), holds=results <= 12)]


def memory(client: Redis, key: str) -> int:
    return int(client.memory_usage(key, samples=0) or 0)


def of_reading(stack: Stack) -> list[Figure]:
    """Return how soon a million results are read, and the memory of the process that reads them."""
    with Donebit(stack.trigger, stack.done) as donebit:
        task_id = donebit.start(RESULTS)
        donebit.report(task_id, results={step: step for step in range(RESULTS)})
    command = [sys.executable, "-c", READ, stack.trigger, stack.done, task_id]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    count, seconds, peak = int(said[0]), float(said[1]), int(said[2]) * 1024
    if count != RESULTS:
        raise RuntimeError(f"{count} results were read")
    return [
        rate("10^6 results read by the client", count / seconds, at_least=500_000),
        Figure("memory of the process that reads", f"{peak / 1e6:.0f} MB", bound="100 MB", holds=peak < 1e8),
    ]


def run_chord(app: Celery) -> float:
    """Return the seconds of a chord whose parts return their numbers."""
    began = time.perf_counter()
    header = [app.signature(number_step.name, (number,)) for number in range(PARTS)]
    result = chord(header, app=app)(app.signature(finish.name))
    read = result.backend.get_task_meta
    wait_until(lambda: read(result.id)["status"] == "SUCCESS", TIMEOUT_SECONDS, every_seconds=0.05)
    return time.perf_counter() - began
