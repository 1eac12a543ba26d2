"""`python -m benchmarks.beside_questions`: a step and a visit beside the heaviest questions, and alone.

Each mark is the only one under way, and another client asks a question meanwhile: marks are made for as long
as that is not answered. They take turns. It prints the medians and their ratio, and ends with 1 if one is
above the bound.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from itertools import count
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from redis import Redis

from benchmarks.against import REPOSITORY
from benchmarks.figures import Figure, compared, table
from benchmarks.load import receive, send
from benchmarks.own_server import own_server
from benchmarks.served_builds import STEPS, TASK, USERS, Served, fill, services
from donebit import clock
from donebit.addresses import LOOPBACK
from donebit.store import Store, keys
from donebit.store.bitmaps import FULL_BYTES, Bitmap

ROUNDS, MARKS = 20, 50
BOUND = 3.0
EVENT, DAYS = "heavy", 256  # a million users, a bitmap a day
MARK = {"step": ("PUT", f"/tasks/{TASK}/steps/{{}}", STEPS), "visit": ("POST", "/distinct?userId={}", USERS)}


class Question(NamedTuple):
    """A request: a GET, or a POST if it has a body."""

    path: str
    body: dict[str, Any] | None = None


def measure() -> list[Figure]:
    """Medians of single marks, one after the other on one connection, in turns."""
    with own_server() as client:
        client.config_set("appendonly", "no")  # what is laid is not what is measured
        store, now = Store.on(client, "donebit:"), clock.now()
        fill(store)
        lay(client, now)
        with services(client, REPOSITORY, "donebit:") as served:
            return [figure for mark in MARK for figure in of_mark(served, mark, questions(now))]


def of_mark(served: Served, mark: str, asked: dict[str, Question]) -> Iterator[Figure]:
    """The rows of one kind of mark."""
    ways = {"alone": None, **asked}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    with marking(served, mark) as once:
        for _ in range(ROUNDS):
            for name, question in ways.items():
                taken[name] += marks_beside(served.distinct_port, question, once)
    alone = median(taken["alone"])
    for name in asked:
        yield compared(f"a {mark} beside {name}", median(taken[name]), "alone", alone, at_most=BOUND)


@contextmanager
def marking(served: Served, mark: str) -> Iterator[Callable[[], float]]:
    """What makes one mark, and returns its seconds."""
    method, path, most = MARK[mark]
    port = served.done_port if mark == "step" else served.distinct_port
    numbers = count()
    with socket.create_connection((LOOPBACK, port)) as connection:

        def once() -> float:
            number = next(numbers) * 7919 % most
            began = time.perf_counter()
            send(connection, path.format(number), method)
            receive(connection)
            return time.perf_counter() - began

        for _ in range(MARKS):
            once()
        yield once


def marks_beside(port: int, question: Question | None, once: Callable[[], float]) -> list[float]:
    """The seconds of each mark until a question is answered; of so many without one."""
    if question is None:
        return [once() for _ in range(MARKS)]
    begun, taken = threading.Event(), []
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, port, question, begun)
        begun.wait()
        while not asked.done():
            taken.append(once())
    asked.result()  # raises what went wrong
    return taken


def ask(port: int, question: Question, begun: threading.Event) -> None:
    """
    Raises:
        RuntimeError: the answer is not 200.
    """
    with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=60)) as connection:
        body = json.dumps(question.body) if question.body else None
        connection.request(
            "POST" if body else "GET", question.path, body, {"Content-Type": "application/json"}
        )
        begun.set()
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{question.path} was answered with {answer.status}: {said[:300]!r}")


def days_until(now: datetime, number: int) -> list[str]:
    return [f"{now - timedelta(days=back):%Y-%m-%d}" for back in range(number)]


def questions(now: datetime) -> dict[str, Question]:
    """The heaviest that are allowed of each kind; a matrix of 10,000 cells, an expression of 256 bitmaps."""
    days = days_until(now, DAYS)
    union = {"query": {"or": [{"event": EVENT, "at": day} for day in days]}}
    of_event, matrix = f"/events/{EVENT}", "granularity=day&rows=100&columns=100"
    paths = {
        "retention, 100 x 100 days": f"{of_event}/retention?{matrix}&cohort=recurring",
        "first-time retention": f"{of_event}/retention?{matrix}",
        f"the streaks of {DAYS} days": f"{of_event}/streaks?granularity=day&from={days[-1]}",
        f"a lifecycle of {DAYS - 1} days": f"{of_event}/lifecycle?granularity=day&periods={DAYS - 1}",
        "a series of 100-day windows": f"{of_event}/series?granularity=day&from={days[-1]}&rolling=100",
    }
    return {
        f"an expression of {DAYS} days": Question("/query", union),
        **{name: Question(path) for name, path in paths.items()},
    }


def lay(client: Redis, now: datetime) -> None:
    """Lay the days down as visits leave them: a full bitmap, a registry, and the list of days."""
    random = np.random.default_rng(1)
    days = days_until(now, DAYS)
    client.hset(keys.event_meta(EVENT), "kind", "integers")
    client.hset(keys.EVENTS, EVENT, "integers")
    client.zadd(keys.periods(EVENT), dict.fromkeys(days, 0))
    for day in days:
        bitmap = Bitmap(EVENT, day)
        client.setbit(bitmap.registry(keys), 0, 1)
        client.set(bitmap.segment(keys, 0), random.bytes(FULL_BYTES))


def main() -> int:
    """Print the rows; 1 if the bound does not hold."""
    figures = measure()
    print(table(figures))
    return int(any(figure.holds is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
