"""The figures that all processes add to: kept in Redis, so that they outlast each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from itertools import product
from typing import Final, NamedTuple

from donebit.completion import throughput
from donebit.completion.measures import MEASURES, NO_JOB, SUM, Measure, Tally
from donebit.errors import StoreUnavailable
from donebit.store import Store

KEPT_FOR = timedelta(days=30)  # after the last count
MOST_JOBS = 100  # counted by their names; the others are counted together
BY_NAME: Final = {measure.name: measure for measure in MEASURES}


class Series(NamedTuple):
    """One figure of a measure, with the values of its labels: the job's name first, where it has one."""

    labels: tuple[str, ...]
    amount: int  # of a histogram how many durations there are
    buckets: Mapping[float, int]  # how many of them are in each, by its upper bound in seconds
    sum_seconds: float


def add_tally(store: Store, tally: Tally) -> None:
    """Add counts to those of all processes, and to those of the present time.

    Raises:
        StoreUnavailable: perhaps added; they must not be added again.
    """
    if tally:
        store.metrics.add_counts(list(tally), ttl=KEPT_FOR, most_jobs=MOST_JOBS)
        throughput.add_tally(store, tally)


def add_if_possible(store: Store, tally: Tally) -> None:
    """Add counts, or lose them: what is counted is done, and must not fail for it."""
    with suppress(StoreUnavailable):
        add_tally(store, tally)


Found = dict[str, dict[tuple[str, ...], Counter[str]]]


def read_series(store: Store, jobs: Iterable[str] = ()) -> list[tuple[Measure, list[Series]]]:
    """Read every figure, sorted by its labels.

    Args:
        jobs: that there are; what was never counted of them is 0, so that a first one is seen as a rise

    Raises:
        StoreUnavailable: the server cannot be reached.
    """
    found: Found = {measure.name: {} for measure in MEASURES}
    for figure, amount in store.metrics.counts().items():
        name, *rest, job = figure.split("/")
        if measure := BY_NAME.get(name):  # else it is one of another version
            labels = (*([job] if measure.has_job else []), *rest[: len(measure.labels)])
            part = "/".join(rest[len(measure.labels) :])
            found[name].setdefault(labels, Counter())[part] += amount
    _add_zeros(found, _shown_jobs(found, jobs))
    return [
        (BY_NAME[name], [_series(labels, parts) for labels, parts in sorted(of_labels.items())])
        for name, of_labels in found.items()
    ]


def _shown_jobs(found: Found, jobs: Iterable[str]) -> set[str]:
    """The jobs that have figures, and the given ones unless all would be too many to have names."""
    counted = {labels[0] for name, series in found.items() if BY_NAME[name].has_job for labels in series}
    both = counted.union(jobs, [NO_JOB])
    return both if len(both) <= MOST_JOBS else counted


def _add_zeros(found: Found, jobs: Iterable[str]) -> None:
    for measure in MEASURES:
        if not measure.bounds_seconds:
            of_jobs = [tuple(jobs)] if measure.has_job else []
            for labels in product(*of_jobs, *measure.labels.values()):
                found[measure.name].setdefault(labels, Counter())


def _series(labels: tuple[str, ...], parts: Counter[str]) -> Series:
    sum_us = parts.pop(SUM, 0)
    buckets = {float(bound): times for bound, times in parts.items() if bound}
    return Series(labels, sum(parts.values()), buckets, sum_us / 1e6)
