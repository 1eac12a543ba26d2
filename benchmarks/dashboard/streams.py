"""Holds dashboards open in a process of their own, and measures what they and the service use."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import urlopen

from benchmarks.dashboard import processor
from benchmarks.own_stack import REPOSITORY, Stack
from benchmarks.waiting import wait_until


@dataclass(slots=True)
class Held:
    """Processor seconds per second, and bytes per second; known when all streams are closed."""

    clients: float = 0.0
    service: float = 0.0
    received: float = 0.0


@contextmanager
def held(stack: Stack, views: Sequence[str]) -> Iterator[Held]:
    """Open the stream of each view, as its page does, and wait until each has sent something.

    Raises:
        RuntimeError: A stream was refused, or has ended.
    """
    found = Held()
    if not views:
        yield found
        return
    paths = [f"/events/{view}" for view in views]
    command = (
        sys.executable,
        "-m",
        "benchmarks.dashboard.clients",
        str(urlsplit(stack.trigger).port),
        *paths,
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True) as clients:
        if clients.stdout is None or clients.stdout.readline() != "open\n":
            raise RuntimeError(f"not all of {len(views)} streams could be opened")
        service = processor.named(stack.process, "trigger_app")
        before, began = processor.seconds(service), time.monotonic()
        yield found
        found.service = (processor.seconds(service) - before) / (time.monotonic() - began)
        said, _ = clients.communicate()
    if clients.returncode != 0:
        raise RuntimeError("a stream has ended by itself")
    report = json.loads(said)
    found.clients, found.received = (report[what] / report["seconds"] for what in ("processor", "bytes"))
    # A closed stream that sends nothing is noticed only when its next keep-alive is due.
    wait_until(lambda: open_streams(stack) == 0, every_seconds=0.2)


def open_streams(stack: Stack) -> int:
    with urlopen(f"{stack.trigger}/metrics") as answer:  # noqa: S310  # our own service
        lines = answer.read().decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("donebit_event_streams "))))
