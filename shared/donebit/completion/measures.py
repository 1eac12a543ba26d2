"""What is counted of tasks over all processes, and the counts that one process has not handed on yet."""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from donebit.completion.state import ANY_END
from donebit.store.key_names_of_tasks import KINDS

NO_JOB: Final = "(none)"  # of tasks whose steps are reported from elsewhere; no job can have such a name
SUM: Final = "us"  # the part of a histogram that holds the sum, in us
# Why steps are sent again.
NO_PROGRESS: Final = "no_progress"
LOST_WORKER: Final = "lost_worker"


class Measure(NamedTuple):
    """Something that is counted, or whose durations are.

    Attributes:
        name: of the metric, after `donebit_`
        text: what it counts, for people
        labels: beside the job's name, each with the values that it can have
        bounds_seconds: of the buckets that durations are sorted into; none: it is a counter
        has_job: whether it is counted by job
    """

    name: str
    text: str
    labels: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    bounds_seconds: tuple[float, ...] = ()
    has_job: bool = True


ENDS = Measure("tasks_ended", "Tasks whose end was announced, by how they ended", {"end": tuple(ANY_END)})
TASK_TIMES = Measure(
    "task_duration_seconds",
    "From the start of a task to its end; not of one that was resumed",
    bounds_seconds=(1, 5, 15, 60, 300, 900, 3600, 14400, 43200, 86400),
)
STEPS = Measure("steps", "Steps that workers finished")
STEP_TIMES = Measure(
    "step_duration_seconds",
    "How long the function of a job took for a step that was done",
    bounds_seconds=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300, 1800),
)
RETRIES = Measure("step_retries", "Failed attempts at steps that are tried again")
FAILURES = Measure("step_failures", "Steps that workers gave up")
QUEUE_TIMES = Measure(
    "queue_wait_seconds",
    "How long messages with steps waited for a worker",
    bounds_seconds=(0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800),
)
RESENDS = Measure(
    "resends",
    "How often missing steps of a task were sent again, by why",
    {"reason": (NO_PROGRESS, LOST_WORKER)},
)
STALLS = Measure("stalls", "Tasks that the sweep gave up as stalled")
DELIVERIES = Measure(
    "deliveries",
    "Attempts to deliver an end, by what came of them",
    {"kind": KINDS, "outcome": ("delivered", "failed", "given_up")},
    has_job=False,
)
MEASURES: Final = (
    ENDS,
    TASK_TIMES,
    STEPS,
    STEP_TIMES,
    RETRIES,
    FAILURES,
    QUEUE_TIMES,
    RESENDS,
    STALLS,
    DELIVERIES,
)


class Count(NamedTuple):
    """So much to be added to one figure.

    Attributes:
        name: of the figure: the measure, its labels, and the part of a histogram, with slashes between
        job: that it is counted for; empty where that does not matter
        amount: a whole number
    """

    name: str
    job: str
    amount: int


class Tally:
    """Counts that wait to be added to those of all processes."""

    def __init__(self, counts: Iterable[Count] = ()) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self.add(counts)

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __iter__(self) -> Iterator[Count]:
        return (Count(name, job, amount) for (name, job), amount in self._counts.items())

    def add(self, counts: Iterable[Count]) -> None:
        for name, job, amount in counts:
            self._counts[name, job] += amount

    def count(self, measure: Measure, job: str | None = None, *labels: str, amount: int = 1) -> None:
        """Count something, `amount` times.

        Args:
            job: None for a task without one
            labels: the values of the measure's labels
        """
        if amount:
            self._counts[figure_name(measure, *labels), job_label(measure, job)] += amount

    def observe(self, measure: Measure, job: str | None, seconds: float) -> None:
        """Sort a duration into its bucket."""
        buckets = [0] * (len(measure.bounds_seconds) + 1)
        buckets[bisect.bisect_left(measure.bounds_seconds, seconds)] = 1
        self.observe_sorted(measure, job, buckets, seconds)

    def observe_sorted(
        self, measure: Measure, job: str | None, buckets: Sequence[int], seconds: float
    ) -> None:
        """Add durations that are sorted already.

        Args:
            buckets: how many there are in each, the last one without a bound
            seconds: all of them together
        """
        of_job = job_label(measure, job)
        for bound, times in zip((*measure.bounds_seconds, math.inf), buckets, strict=True):
            if times:
                self._counts[figure_name(measure, f"{bound:g}"), of_job] += times
        if any(buckets):
            self._counts[figure_name(measure, SUM), of_job] += max(0, round(seconds * 1e6))


def figure_name(measure: Measure, *rest: str) -> str:
    return "/".join((measure.name, *rest))


def job_label(measure: Measure, job: str | None) -> str:
    return (job or NO_JOB) if measure.has_job else ""
