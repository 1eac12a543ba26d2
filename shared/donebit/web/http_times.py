"""How long the requests of one process took, by route and status, for /metrics."""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Iterable
from itertools import accumulate

from flask import Flask, Response, g, request
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BOUNDS_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LE = (*map(str, BOUNDS_SECONDS), "+Inf")
EXTENSION = "donebit_http_times"
NO_ROUTE = "(none)"  # of a path that is no route, or a method that the route does not take


class HttpTimes(Collector):
    """Counts and durations of requests, up to the beginning of each answer. Thread-safe.

    The labels are bounded: a route is a rule of the service, and the method one that it takes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str, str], tuple[list[int], list[float]]] = {}

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note a request that was answered."""
        with self._lock:
            buckets, total = self._found.setdefault((method, route, str(status)), ([0] * len(LE), [0.0]))
            buckets[bisect.bisect_left(BOUNDS_SECONDS, seconds)] += 1
            total[0] += seconds

    def collect(self) -> Iterable[Metric]:
        """The histogram of each route, method and status that there was."""
        family = HistogramMetricFamily(
            "donebit_http_request_duration_seconds",
            "Time of requests here until their answer began",
            labels=["method", "route", "status"],
        )
        with self._lock:
            found = {labels: (list(buckets), total[0]) for labels, (buckets, total) in self._found.items()}
        for labels, (buckets, total) in sorted(found.items()):
            pairs = list(zip(LE, accumulate(buckets), strict=True))
            family.add_metric(labels, buckets=pairs, sum_value=total)
        yield family


def times_of(app: Flask) -> HttpTimes:
    """What measures the requests of this service."""
    times: HttpTimes = app.extensions[EXTENSION]
    return times


def register(app: Flask) -> HttpTimes:
    """Measure every request of a service; to be called before anything else looks at requests."""
    times = app.extensions[EXTENSION] = HttpTimes()

    @app.before_request
    def begin() -> None:
        g.began_at = time.perf_counter()

    @app.after_request
    def note(response: Response) -> Response:
        rule = request.url_rule
        known = rule is not None and request.routing_exception is None
        method, route = (request.method, rule.rule) if rule and known else (NO_ROUTE, NO_ROUTE)
        times.note(method, route, response.status_code, time.perf_counter() - g.began_at)
        return response

    return times
