"""`python -m benchmarks.hot_routes [REV [ROUNDS [SECONDS]]]`: single reports and visits over HTTP, by wrk.

This build and that of REV (by default the one of before.txt) serve side by side, each in one process over the
same server, and are loaded in turns; which goes first alternates. For 16 and 64 connections it prints the
medians of the answers a second and of the processor time of one, and the ratio of the two builds with a 95 %
interval; then the latency that 99 of 100 answers keep at 0.7 of the earlier build's best rate. webdis, where
it is installed, stands beside them: one bare SETBIT by HTTP.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import wrk
from benchmarks.against import REPOSITORY, checked_out, interval
from benchmarks.figures import Figure, duration, table
from benchmarks.own_server import own_server
from benchmarks.served_builds import Build, Load, Loading, serving, webdis

ROUNDS, SECONDS = 5, 10
BOUNDS = {16: 4.0, 64: 5.0}  # times the answers a second of before, by connections
PACED_CONNECTIONS, SHARE, P99_BOUND = 64, 0.7, 0.5
BEFORE = Path(__file__).parent / "before.txt"

Loads = tuple[Mapping[int, Load], Mapping[int, Load]]  # of this build and of the earlier one, by round


def measure(revision: str, rounds: int, seconds: int) -> list[Figure]:
    """The rows: a figure each for rates, ratios and latencies."""
    with own_server() as client, checked_out(revision) as folder, ExitStack() as stack:
        old = stack.enter_context(serving(client, folder, "before:"))
        new = stack.enter_context(serving(client, REPOSITORY, "now:"))
        figures = [
            figure
            for route in Build._fields
            for figure in of_route(getattr(new, route), getattr(old, route), route, rounds, seconds)
        ]
        if shutil.which("webdis"):
            load = stack.enter_context(webdis(client))
            figures += [of_webdis(load, connections, seconds) for connections in BOUNDS]
    return figures


def of_route(new: Loading, old: Loading, route: str, rounds: int, seconds: int) -> Iterator[Figure]:
    """The rows of one route."""
    name = {"step": "PUT /tasks/{id}/steps/{n}", "visit": "POST /distinct"}[route]
    best = 0.0
    for connections, bound in BOUNDS.items():
        found = in_turns(new, old, rounds, connections=connections, seconds=seconds)
        best = max(best, median(load.rate for load in found[1].values()))
        yield row(f"{name}, {connections} connections", found, "rate", at_least=bound)
        yield row("the same: processor time of an answer", found, "processor_seconds")
    found = in_turns(new, old, rounds, connections=PACED_CONNECTIONS, seconds=seconds, rate=SHARE * best)
    yield row(f"the same at {SHARE * best:,.0f}/s: p99", found, "p99_seconds", at_most=P99_BOUND)


def in_turns(new: Loading, old: Loading, rounds: int, **load: float) -> Loads:
    """What both did under a load."""
    found: tuple[dict[int, Load], dict[int, Load]] = ({}, {})
    for number in range(rounds):
        order = ((new, found[0]), (old, found[1]))
        for build, loads in order if number % 2 else reversed(order):
            loads[number] = build(**load)
    return found


def row(
    what: str, loads: Loads, field: str, *, at_least: float = 0.0, at_most: float = float("inf")
) -> Figure:
    """A row of the table: the medians of a figure of both builds, and their ratio with its interval."""
    figures = [{at: getattr(load, field) for at, load in one.items()} for one in loads]
    ratio = interval(figures[0], figures[1])
    assert ratio is not None
    write: Callable[[float], str] = duration if field.endswith("seconds") else "{:,.0f}/s".format
    measured, before = (write(median(one.values())) for one in figures)
    bound = f"at least {at_least}x" if at_least else f"at most {at_most}x"
    is_bounded = at_least > 0 or at_most < float("inf")
    return Figure(
        what,
        measured,
        f"{before} (before)",
        f"{ratio.ratio:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}]",
        bound if is_bounded else "",
        at_least <= ratio.ratio <= at_most if is_bounded else None,
    )


def of_webdis(load: Loading, connections: int, seconds: int) -> Figure:
    """A row without a bound."""
    rate = load(connections=connections, seconds=seconds).rate
    return Figure(f"webdis, one bare SETBIT, {connections} connections", f"{rate:,.0f}/s")


def main(arguments: Sequence[str]) -> int:
    """Print the rows; 1 if a bound does not hold, 2 where wrk is missing."""
    if not wrk.is_installed():
        sys.stderr.write("wrk is not installed (Debian: apt-get install wrk webdis)\n")
        return 2
    defaults = (BEFORE.read_text().strip(), str(ROUNDS), str(SECONDS))
    revision, rounds, seconds = (*arguments, *defaults[len(arguments) :])
    figures = measure(revision, int(rounds), int(seconds))
    print(table(figures))
    return int(any(figure.holds is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
