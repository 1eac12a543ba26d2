"""What /metrics of done_app says about tasks: the figures that all processes add to, as Redis has them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from donebit import clock
from donebit.completion import counting
from donebit.completion.counting import Series
from donebit.completion.measures import Measure
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.workers import presence

JOB_LABEL = "job_name"  # Prometheus itself calls what it scrapes a job


class TaskMetrics(Collector):
    """Reads them when they are asked for: every done_app shows the same, so they must not be added up."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """The counters and histograms; none while Redis is away, which `donebit_up` says."""
        try:
            jobs = presence.jobs_of(presence.live_workers(self._store, clock.now())) or ()
            found = counting.read_series(self._store, jobs)
        except StoreUnavailable:
            return
        for measure, series in found:
            yield _histogram(measure, series) if measure.bounds_seconds else _counter(measure, series)


def _label_names(measure: Measure) -> list[str]:
    return [*([JOB_LABEL] if measure.has_job else []), *measure.labels]


def _counter(measure: Measure, series: Sequence[Series]) -> Metric:
    family = CounterMetricFamily(f"donebit_{measure.name}", measure.text, labels=_label_names(measure))
    for one in series:
        family.add_metric(one.labels, one.amount)
    return family


def _histogram(measure: Measure, series: Sequence[Series]) -> Metric:
    name = f"donebit_{measure.name}"
    family = HistogramMetricFamily(name, measure.text, labels=_label_names(measure))
    for one in series:
        # Those of a version with other bounds stay where they were.
        bounds = sorted({*measure.bounds_seconds, math.inf, *one.buckets})
        sums = itertools.accumulate(one.buckets.get(bound, 0) for bound in bounds)
        buckets = [
            ("+Inf" if math.isinf(bound) else str(float(bound)), upto)
            for bound, upto in zip(bounds, sums, strict=True)
        ]
        family.add_metric(one.labels, buckets=buckets, sum_value=one.sum_seconds)
    return family
