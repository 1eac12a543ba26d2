"""`python -m benchmarks` runs all and writes docs/benchmarks.md; with names, it prints only those."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from benchmarks import (
    asked_meanwhile,
    chord,
    chord_backend,
    cluster_activity,
    cluster_completions,
    demo_memory,
    directory,
    expressions,
    fan_out,
    flatness,
    ingest,
    items_and_results,
    jobs_and_schedules,
    kept_beside,
    one_completion,
    one_visit,
    page,
    retention,
    scattered,
    server_time,
    sharded_directory,
    streaks,
    users_page,
    warehouse,
    whole_product,
)
from benchmarks.dashboard import dashboards, frames, page_load
from benchmarks.figures import Figure

MODULES = (
    one_completion,
    server_time,
    flatness,
    scattered,
    fan_out,
    chord,
    asked_meanwhile,
    chord_backend,
    items_and_results,
    jobs_and_schedules,
    kept_beside,
    whole_product,
    ingest,
    one_visit,
    expressions,
    directory,
    sharded_directory,
    streaks,
    retention,
    warehouse,
    users_page,
    cluster_completions,
    cluster_activity,
    page_load,
    frames,
    dashboards,
    demo_memory,
)
BENCHMARKS: dict[str, ModuleType] = {module.__name__.rpartition(".")[2]: module for module in MODULES}


def main(names: Sequence[str], written_to: Path = page.PAGE) -> int:
    """Measure, print and write. A bound that does not hold is not an error: the machine may be busy."""
    if unknown := set(names) - set(BENCHMARKS):
        print(
            f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr
        )
        return 2
    measured = measure(names or list(BENCHMARKS))
    print(measured)
    if not names:
        page.write(measured, written_to)
    return 0


def measure(names: Sequence[str]) -> str:
    """Run the benchmarks, and return the text for the page: date, machine and tables."""
    where, load, began = page.machine(), page.load(), time.monotonic()
    figures: dict[str, list[Figure]] = {}
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        figures[name] = BENCHMARKS[name].measure()
    taken = time.monotonic() - began
    loads = f"Load average {load} before and {page.load()} after; {taken:.0f} s in all"
    heading = textwrap.fill(f"Measured on {page.today()}, on {where}. {loads}.", width=110)
    return f"{heading}\n\n{page.tables(figures, titles())}"


def titles() -> dict[str, str]:
    """Return what each measures: the first line of its module's docstring."""
    return {name: (module.__doc__ or "").splitlines()[0] for name, module in BENCHMARKS.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
