"""A Celery chord of 1000 and of 10,000 parts on donebit+redis:// and on redis://: commands, time, bytes.

A lean chord is one whose header's tasks ignore their results: they are kept with the chord only.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from celery import Celery, Task, chord, group
from celery.result import AsyncResult, GroupResult
from redis import Redis

from benchmarks.celery_chord import TIMEOUT_SECONDS, chord_worker, memory_of, state_bytes
from benchmarks.chord_worker import finish, held_step, lean_step, number_step
from benchmarks.figures import Figure, compared, size
from benchmarks.own_server import own_server
from benchmarks.waiting import wait_until
from donebit.celery import progress
from donebit.names import DEFAULT_KEY_PREFIX

FEW, ROUNDS = 1000, 5
MANY, ASKED_PARTS = 10_000, 5000
DONEBIT, LEAN, PEER, LEAN_PEER = "donebit", "lean", "redis://", "redis://, lean"
MESSAGES = "group without results"  # of which the server knows nothing but the messages
SETTLED_SECONDS = 0.3  # by then the last task has reported


@dataclass(frozen=True, slots=True)
class Way:
    """One of the ways to run the same parts."""

    app: Celery
    client: Redis
    part: Task[[int], int]
    parts: int = FEW

    def of(self, parts: int) -> Way:
        """Return the same way to run another number of parts."""
        return replace(self, parts=parts)

    def call(self, first: str = "") -> AsyncResult[Any]:
        """Call a chord; `first` is the name of a task in place of its first part."""
        names = [first or self.part.name, *[self.part.name] * (self.parts - 1)]
        header = [self.app.signature(name, (number,)) for number, name in enumerate(names)]
        return chord(header, app=self.app)(self.app.signature(finish.name))

    def run(self) -> float:
        """Run a chord, and return the seconds from the call to the end of its callback."""
        began = time.perf_counter()
        result = self.call()
        read = result.backend.get_task_meta
        wait_until(lambda: read(result.id)["status"] == "SUCCESS", TIMEOUT_SECONDS, every_seconds=0.01)
        assert read(result.id)["result"] == self.parts
        return time.perf_counter() - began

    def run_group(self) -> float:
        """Run the parts without a callback, and return the seconds until each has been taken by a process."""
        began = time.perf_counter()
        header = [self.app.signature(self.part.name, (n,)) for n in range(self.parts)]
        group(header, app=self.app).apply_async()
        self.wait_for_messages()
        taken = time.perf_counter() - began
        time.sleep(SETTLED_SECONDS)
        return taken

    def wait_for_messages(self) -> None:
        """Wait until every message has been taken by a process."""
        queued, taken = self.client.llen, self.client.hlen
        wait_until(lambda: not queued("celery") + taken("unacked"), TIMEOUT_SECONDS, every_seconds=0.01)

    def kept_bytes(self) -> int:
        """Return the bytes of all but the broker's messages when one part has not ended yet."""
        self.client.flushdb()
        self.call(first=held_step.name)
        self.wait_for_messages()
        time.sleep(SETTLED_SECONDS)
        ours = list(self.client.scan_iter(f"{DEFAULT_KEY_PREFIX}*", count=10_000))
        return state_bytes(self.client) + sum(memory_of(self.client, ours))


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


@contextmanager
def server_time(way: Way, used: list[float]) -> Iterator[None]:
    """Add the seconds of the server's time a part of what is run on an empty database."""
    way.client.flushdb()
    before = server_seconds(way.client)
    yield
    used.append((server_seconds(way.client) - before) / way.parts)


def measure() -> list[Figure]:
    """Measure both backends on one server, in turns."""
    with own_server() as server, ExitStack() as running:
        port = server.connection_pool.connection_kwargs["port"]

        def on(database: int, scheme: str = "") -> tuple[Celery, Redis]:
            url = f"redis://127.0.0.1:{port}/{database}"
            client = running.enter_context(Redis.from_url(url))
            return running.enter_context(chord_worker(url, scheme)), client

        celery, donebit = on(1), on(2, "donebit+")
        ways = {
            PEER: Way(*celery, number_step),
            DONEBIT: Way(*donebit, number_step),
            LEAN: Way(*donebit, lean_step),
        }
        groups = {
            "group": Way(*celery, number_step),
            MESSAGES: Way(*celery, lean_step),
        }
        many = {name: way.of(MANY) for name, way in ways.items()}
        plain = {name: commands_of(way, way.run_group) for name, way in groups.items()}
        figures = [
            *of_time(ways, groups[MESSAGES]),
            *of_commands(ways, plain),
            of_progress(ways[DONEBIT].of(ASKED_PARTS)),
            *of_time(many, groups[MESSAGES].of(MANY), rounds=1),
            *of_commands(many, plain),
        ]
        # The last of all: each holds one of its worker's processes until that ends.
        kept = of_bytes({**ways, LEAN_PEER: groups[MESSAGES]}), of_bytes(many)
    return [*figures, *kept[0], *kept[1]]


def of_time(ways: dict[str, Way], messages: Way, rounds: int = ROUNDS) -> list[Figure]:
    """Return the medians of the server's time and of the time to the callback."""
    used: dict[str, list[float]] = {name: [] for name in (*ways, MESSAGES)}
    seconds: dict[str, list[float]] = {name: [] for name in (*ways, MESSAGES)}
    for _ in range(rounds):
        for name, way in ways.items():
            with server_time(way, used[name]):
                seconds[name].append(way.run())
        with server_time(messages, used[MESSAGES]):
            seconds[MESSAGES].append(messages.run_group())
    rows: tuple[tuple[str, dict[str, list[float]], dict[str, float | None]], ...] = (
        ("server time a part", used, {DONEBIT: 0.7, LEAN: 0.7, MESSAGES: None}),
        ("call to callback", seconds, {DONEBIT: 1.0, LEAN: 1 / 1.3}),
        ("call to last message taken", seconds, {MESSAGES: None}),
    )
    return [
        compared(
            f"{named(name, messages)}: {what}",
            statistics.median(taken[name]),
            PEER,
            statistics.median(taken[PEER]),
            at_most=at_most,
        )
        for what, taken, bounds in rows
        for name, at_most in bounds.items()
    ]


def named(name: str, way: Way) -> str:
    """Return the name of a way in a row, with the number of its parts where that is not the usual one."""
    return name if way.parts == FEW else f"{name}, {way.parts:,} parts"


def commands_of(way: Way, run: Callable[[], object]) -> float:
    """Return the commands a part that clients send while this runs, and a moment after."""
    with counted(way.client) as count:
        run()
        time.sleep(SETTLED_SECONDS)
    return count[0] / way.parts


def of_commands(ways: dict[str, Way], groups: dict[str, float]) -> list[Figure]:
    """Return how many commands clients send a part.

    Args:
        groups: how many they are of plain groups with results and without
    """
    found = {name: commands_of(way, way.run) for name, way in ways.items()}
    return [
        Figure(
            f"{named(name, ways[name])}: commands a part",
            f"{found[name]:.1f}",
            f"{found[PEER]:.1f} ({PEER}), {groups[plain]:.1f} ({plain})",
            bound=f"{groups[plain] + more:.1f}",
            holds=found[name] <= groups[plain] + more,
        )
        for name, plain, more in ((DONEBIT, "group", 1), (LEAN, MESSAGES, 2))
    ]


def of_progress(way: Way) -> Figure:
    """Return the time of asking how far a chord is."""
    result = way.call()
    wait_until(lambda: progress(result).called, TIMEOUT_SECONDS)
    asked = [_timed(lambda: progress(result)) for _ in range(20)]
    by_celery = _timed(cast(GroupResult, result.parent).completed_count)
    return compared(
        f"how many of {way.parts:,} parts are done",
        statistics.median(asked),
        "completed_count",
        by_celery,
        at_most=1 / 1000,
    )


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def of_bytes(ways: dict[str, Way]) -> list[Figure]:
    """Return what is kept a part until the body is called."""
    kept = {name: way.kept_bytes() / way.parts for name, way in ways.items()}
    rows = ((DONEBIT, PEER, 0.6), (LEAN, PEER, 0.2), (LEAN, LEAN_PEER, None))
    return [
        compared(
            f"{named(name, ways[name])}: bytes kept a part",
            kept[name],
            peer,
            kept[peer],
            at_most=at_most,
            write=size,
        )
        for name, peer, at_most in rows
        if peer in kept
    ]
