"""100 scattered steps of a task reported from elsewhere: in one HTTP request, and in a request each."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from statistics import median

from benchmarks.figures import Figure, compared
from benchmarks.keep_alive import KeepAlive
from benchmarks.own_stack import own_stack

COUNT, STEPS, ROUNDS = 1_000_000, 100, 20
BOUND = 1 / 20


def measure() -> list[Figure]:
    """Medians of rounds in which both take turns, on one connection that is kept."""
    with own_stack() as stack, KeepAlive(stack.trigger) as trigger, KeepAlive(stack.done) as done:
        task = f"/tasks/{trigger.ask('POST', '/tasks', {'count': COUNT})['task_id']}"
        rounds = [
            (seconds(lambda: at_once(done, task)), seconds(lambda: one_by_one(done, task)))
            for _ in range(ROUNDS)
        ]
    together, apart = (median(taken) for taken in zip(*rounds, strict=True))
    return [compared("100 scattered steps in one request", together, "a request each", apart, at_most=BOUND)]


def scattered() -> list[int]:
    return random.sample(range(COUNT), STEPS)


def at_once(done: KeepAlive, task: str) -> None:
    done.ask("POST", f"{task}/steps", {"steps": scattered()})


def one_by_one(done: KeepAlive, task: str) -> None:
    for step in scattered():
        done.ask("PUT", f"{task}/steps/{step}")


def seconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
