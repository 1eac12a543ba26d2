"""The memory of all processes of `make demo`, a minute after it is ready, with no page open."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.own_stack import own_stack

IDLE_SECONDS = 60.0
PROCESSES = Path("/proc")


def measure() -> list[Figure]:
    """The proportional set sizes: a page that several processes share is counted once."""
    with own_stack() as stack:
        time.sleep(IDLE_SECONDS)
        sizes = [proportional_bytes(process) for process in family(stack.process)]
    return [Figure(f"all {len(sizes)} processes of the demo", f"{sum(sizes) / 1e6:.0f} MB")]


def family(root: int) -> Iterator[int]:
    """A process and all that it started, and what they started."""
    children = defaultdict(list)
    for status in PROCESSES.glob("[0-9]*/stat"):
        parent = int(status.read_text().rpartition(")")[2].split()[1])
        children[parent].append(int(status.parent.name))
    waiting = [root]
    while waiting:
        process = waiting.pop()
        waiting += children[process]
        yield process


def proportional_bytes(process: int) -> int:
    """What a process holds, its part of what it shares."""
    found = re.search(r"^Pss:\s+(\d+) kB", (PROCESSES / str(process) / "smaps_rollup").read_text(), re.M)
    return int(found.group(1)) * 1024 if found else 0
