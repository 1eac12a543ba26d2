"""The same Celery chord on redis:// and on donebit+redis://: commands, server time, bytes, time.

    .venv/bin/python -m benchmarks.chord_backend 1000

A lean chord is one whose header's tasks ignore their results: they are kept with the chord only.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from celery import Celery, Task, chord, group
from redis import Redis

from benchmarks.celery_chord import TIMEOUT_SECONDS, chord_worker
from benchmarks.chord import watched
from benchmarks.chord_worker import finish, lean_step, number_step
from benchmarks.figures import Figure, compared, size, table
from benchmarks.own_server import own_server
from benchmarks.waiting import wait_until
from donebit.celery import progress

PARTS, ROUNDS = 1000, 5
PEER = "redis://"
SETTLED_SECONDS = 0.3  # by then the last task has reported


@dataclass(frozen=True, slots=True)
class Way:
    """One of the ways to run the same parts."""

    app: Celery
    part: Task[[int], int]

    def run(self, parts: int) -> float:
        """Run a chord, and return the seconds from the call to the end of its callback."""
        began = time.perf_counter()
        header = [self.app.signature(self.part.name, (number,)) for number in range(parts)]
        result = chord(header, app=self.app)(self.app.signature(finish.name))
        read = result.backend.get_task_meta
        wait_until(lambda: read(result.id)["status"] == "SUCCESS", TIMEOUT_SECONDS, every_seconds=0.01)
        assert read(result.id)["result"] == parts
        return time.perf_counter() - began

    def run_group(self, parts: int, client: Redis) -> None:
        """Run the parts without a callback, until none is left."""
        group([self.app.signature(self.part.name, (n,)) for n in range(parts)], app=self.app).apply_async()
        wait_until(lambda: not client.llen("celery") + client.hlen("unacked"), TIMEOUT_SECONDS)
        time.sleep(SETTLED_SECONDS)


@contextmanager
def counted(client: Redis) -> Iterator[list[int]]:
    """Count the commands that clients send; those of scripts are the server's own."""
    count, ready = [0], threading.Event()

    def count_them() -> None:
        with client.monitor() as monitor:  # type: ignore[no-untyped-call]  # the library leaves it untyped
            ready.set()
            for command in monitor.listen():
                if "the count is over" in command["command"]:
                    return
                count[0] += command["client_type"] != "lua"

    thread = threading.Thread(target=count_them)
    thread.start()
    ready.wait()
    time.sleep(0.1)
    yield count
    client.echo("the count is over")
    thread.join()


def server_seconds(client: Redis) -> float:
    """Return the seconds of processor time that the server has used."""
    cpu = client.info("cpu")
    return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])


def commands(ways: dict[str, Way], clients: dict[str, Redis], parts: int) -> dict[str, float]:
    """Return the commands a part of each way, and of plain groups with results and without."""
    found: dict[str, float] = {}
    for name, way in ways.items():
        with counted(clients[name]) as count:
            way.run(parts)
            time.sleep(SETTLED_SECONDS)
        found[name] = count[0] / parts
    for name, part in (("group", number_step), ("group without results", lean_step)):
        with counted(clients[PEER]) as count:
            Way(ways[PEER].app, part).run_group(parts, clients[PEER])
        found[name] = count[0] / parts
    return found


def measure(parts: int = PARTS) -> list[Figure]:
    """Measure both backends on one server, in turns."""
    with own_server() as server, ExitStack() as running:
        port = server.connection_pool.connection_kwargs["port"]
        urls = {PEER: f"redis://127.0.0.1:{port}/1", "donebit": f"redis://127.0.0.1:{port}/2"}
        clients = {name: running.enter_context(Redis.from_url(url)) for name, url in urls.items()}
        celery = running.enter_context(chord_worker(urls[PEER]))
        donebit = running.enter_context(chord_worker(urls["donebit"], "donebit+"))
        ways = {PEER: Way(celery, number_step), "donebit": Way(donebit, number_step)}
        ways["lean"], clients["lean"] = Way(donebit, lean_step), clients["donebit"]

        seconds, used, grown = rounds(ways, clients, parts)
        figures = of_commands(commands(ways, clients, parts), parts)
        for name in ("donebit", "lean"):
            what = f"{name}, {parts:,} parts"
            figures += [
                compared(f"{what}: server time a part", used[name] / parts, PEER, used[PEER] / parts),
                compared(f"{what}: call to callback", seconds[name], PEER, seconds[PEER]),
                compared(f"{what}: bytes a part", grown[name] / parts, PEER, grown[PEER] / parts, write=size),
            ]
        return [*figures, of_progress(ways, parts)]


def rounds(
    ways: dict[str, Way], clients: dict[str, Redis], parts: int
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return the medians of seconds and of server time, and the most bytes at a peak, of each way."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    used: dict[str, list[float]] = {name: [] for name in ways}
    grown: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, way in ways.items():
            clients[name].flushdb()
            before = server_seconds(clients[name])
            if number == ROUNDS:  # with the memory watched, which costs time
                grown[name].append(watched(clients[name], partial(way.run, parts))[1])
                continue
            seconds[name].append(way.run(parts))
            used[name].append(server_seconds(clients[name]) - before)
    medians = [{name: statistics.median(all_[name]) for name in ways} for all_ in (seconds, used, grown)]
    return medians[0], medians[1], medians[2]


def of_commands(found: dict[str, float], parts: int) -> list[Figure]:
    """Return how many commands clients send a part."""
    return [
        Figure(
            f"{name}, {parts:,} parts: commands a part",
            f"{found[name]:.1f}",
            f"{found[PEER]:.1f} ({PEER}), {found[plain]:.1f} ({plain})",
            bound=f"{found[plain] + more:.1f}",
            holds=found[name] <= found[plain] + more,
        )
        for name, plain, more in (("donebit", "group", 1), ("lean", "group without results", 2))
    ]


def of_progress(ways: dict[str, Way], parts: int) -> Figure:
    """Return the time of asking how far a chord is."""
    app = ways["donebit"].app
    result = chord([app.signature(number_step.name, (n,)) for n in range(parts)], app=app)(
        app.signature(finish.name)
    )
    wait_until(lambda: progress(result).called, TIMEOUT_SECONDS)
    asked = [_timed(lambda: progress(result)) for _ in range(20)]
    parent = result.parent
    assert parent is not None
    counted_by_celery = _timed(parent.completed_count)  # type: ignore[attr-defined]  # of a GroupResult
    return compared(
        f"progress of {parts:,} parts", statistics.median(asked), "completed_count", counted_by_celery
    )


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    print(table(measure(*map(int, sys.argv[1:]))))
