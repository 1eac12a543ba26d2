"""The memory of all processes of `make demo`, a minute after it is ready, with no page open."""

from __future__ import annotations

import re
import time

from benchmarks.dashboard.processor import PROC, family
from benchmarks.figures import Figure
from benchmarks.own_stack import own_stack

IDLE_SECONDS = 60.0


def measure() -> list[Figure]:
    """The proportional set sizes: a page that several processes share is counted once."""
    with own_stack() as stack:
        time.sleep(IDLE_SECONDS)
        sizes = [proportional_bytes(process) for process in family(stack.process)]
    return [Figure(f"all {len(sizes)} processes of the demo", f"{sum(sizes) / 1e6:.0f} MB")]


def proportional_bytes(process: int) -> int:
    """What a process holds, its part of what it shares."""
    found = re.search(r"^Pss:\s+(\d+) kB", (PROC / str(process) / "smaps_rollup").read_text(), re.M)
    return int(found.group(1)) * 1024 if found else 0
