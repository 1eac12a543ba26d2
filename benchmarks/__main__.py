"""`python -m benchmarks`: all of them in about two minutes; with names, only those."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks import chord, flatness, ingest, one_completion, whole_product
from benchmarks.figures import Figure, table
from benchmarks.own_server import own_server

BENCHMARKS: dict[str, Callable[[], list[Figure]]] = {
    "one_completion": one_completion.measure,
    "flatness": flatness.measure,
    "whole_product": whole_product.measure,
    "chord": chord.measure,
    "ingest": ingest.measure,
}


def main(names: Sequence[str]) -> int:
    """Measure and print. A bound that does not hold is no failure: the machine may be busy."""
    if unknown := set(names) - set(BENCHMARKS):
        print(
            f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr
        )
        return 2
    print(machine(), flush=True)
    began = time.monotonic()
    figures: list[Figure] = []
    for name in names or BENCHMARKS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        figures += BENCHMARKS[name]()
    print(f"load average after it {load()}, took {time.monotonic() - began:.0f} s\n\n{table(figures)}")
    return 0


def machine() -> str:
    with own_server() as client:
        said = client.info("server")
    server = (
        f"Valkey {said['valkey_version']}" if "valkey_version" in said else f"Redis {said['redis_version']}"
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, Python {platform.python_version()}, {server}, load average before it {load()}"


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
