"""`python -m benchmarks.against REV NAME...`: this build beside an earlier one, in turns, row by row.

Each round runs the named benchmarks once with the code of REV and once with this folder's, which goes first
alternates. For each row of figures it prints the ratio of the medians, this build over REV, and a 95 %
interval of that ratio by bootstrap over the rounds. A row is slower where the whole interval lies above 1,
and faster where it lies below.

REV is checked out into a temporary folder and runs with the packages that are installed here.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[1]
ROUNDS = 20
RESAMPLES = 2000
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
DURATION = re.compile(r"([\d.]+) (ns|us|ms|s)\b")
RATE = re.compile(r"([\d.,]+)( M)?(?:/s| frames/s)")

Rounds = Mapping[str, Mapping[int, float]]  # a row's name -> its figure by the number of the round


class Interval(NamedTuple):
    """The ratio of two medians, and its 95 % interval."""

    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        if self.low > 1:
            return "SLOWER"
        return "faster" if self.high < 1 else "same"


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """A folder that holds the files of a revision."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", revision], cwd=REPOSITORY, check=True, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield Path(folder)


def run(folder: Path, names: Sequence[str]) -> dict[str, float]:
    """One run of these benchmarks with the code of a folder; seconds by row, a rate as its inverse."""
    # Before there was a package, `shared` was one itself, whose queue.py must not stand for Python's.
    roots = [folder, folder / "shared"] if (folder / "shared" / "donebit").exists() else [folder]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, roots))}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *names],
        cwd=folder,
        env=environment,
        check=False,  # it is not 0 where a bound does not hold, which is not asked here
        capture_output=True,
        text=True,
    )
    if not (rows := rows_of(done.stdout)):
        raise SystemExit(f"no figures of {' '.join(names)} in {folder}: {done.stderr.strip()[-500:]}")
    return rows


def rows_of(printed: str) -> dict[str, float]:
    """The rows of the printed tables whose figure is a duration or a rate."""
    rows = (line.split("|") for line in printed.splitlines() if line.startswith("| "))
    found = {cells[1].strip(): seconds_of(cells[2]) for cells in rows if len(cells) > 3}
    return {what: seconds for what, seconds in found.items() if seconds}


def seconds_of(cell: str) -> float | None:
    """The seconds of a duration; of a rate, the seconds of one."""
    if duration := DURATION.search(cell):
        return float(duration[1]) * UNITS[duration[2]]
    if rate := RATE.search(cell):
        return 1 / (float(rate[1].replace(",", "")) * (1e6 if rate[2] else 1))
    return None


def interval(new: Mapping[int, float], old: Mapping[int, float]) -> Interval | None:
    """The ratio of the medians of a row, with its 95 % bootstrap interval.

    Args:
        new: the figures of this build, by the number of the round
        old: those of the other

    Returns:
        What the rounds say that both have; None where there is no such round.
    """
    rounds = sorted(new.keys() & old.keys())
    if not rounds:
        return None
    chance = random.Random(1)  # the same figures give the same interval
    drawn = sorted(ratio(new, old, chance.choices(rounds, k=len(rounds))) for _ in range(RESAMPLES))
    at = int(RESAMPLES * 0.025)
    return Interval(ratio(new, old, rounds), drawn[at], drawn[-1 - at])


def ratio(new: Mapping[int, float], old: Mapping[int, float], rounds: Sequence[int]) -> float:
    """The ratio of the medians over these rounds, of which one may be drawn several times."""
    return median(new[one] for one in rounds) / median(old[one] for one in rounds)


def take_turns(old: Path, names: Sequence[str]) -> tuple[Rounds, Rounds]:
    """(the rows of this build, the rows of the old one), a figure for each round."""
    taken: dict[Path, defaultdict[str, dict[int, float]]] = {
        folder: defaultdict(dict) for folder in (REPOSITORY, old)
    }
    for number in range(ROUNDS):
        folders = (REPOSITORY, old) if number % 2 else (old, REPOSITORY)
        for folder in folders:
            for what, seconds in run(folder, names).items():
                taken[folder][what][number] = seconds
        sys.stderr.write(f"round {number + 1} of {ROUNDS}\n")
    return taken[REPOSITORY], taken[old]


def main(arguments: Sequence[str]) -> int:
    """Print a line for each row; 1 if one is slower."""
    if len(arguments) < 2:
        sys.stderr.write("usage: python -m benchmarks.against REV NAME...\n")
        return 2
    revision, *names = arguments
    with checked_out(revision) as old_folder:
        new, old = take_turns(old_folder, names)
    slower = False
    for what in sorted(new.keys() | old.keys()):
        found = interval(new.get(what, {}), old.get(what, {}))
        if found is None:
            print(f"in no round of both builds: {what}")
        else:
            slower |= found.verdict == "SLOWER"
            print(f"{found.verdict:7} {found.ratio:.3f} [{found.low:.3f}, {found.high:.3f}] {what}")
    return int(slower)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
