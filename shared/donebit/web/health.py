"""/health and /metrics, the same on every service."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from threading import Lock

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field

from donebit import clock
from donebit.errors import StoreUnavailable
from donebit.queue import QUEUES
from donebit.store import Store
from donebit.web.answers import Reply, answer
from donebit.web.problems import EVERYWHERE
from donebit.web.refusals import Refusals
from donebit.workers import presence

WRITES_APART_SECONDS = 1.0  # at least, of one process: however often /health is asked
TAG = Tag(name="service", description="Health and metrics")


class LastSeen(BaseModel):
    seen: bool  # within the last minute
    last_seen: str | None


class Skew(BaseModel):
    """A clock that is more than 2 s from the Redis server's, by which Donebit goes."""

    of: str = Field(description="host:pid of a worker, or `service` for the one that answers")
    ahead_seconds: float = Field(description="negative: it is behind")


class Health(BaseModel):
    """The state of a service, and when a worker and the sweep were last seen."""

    status: str
    worker: LastSeen
    sweep: LastSeen
    skewed_clocks: list[Skew]
    warnings: list[str] = []  # what works and should be looked at


class Unavailable(BaseModel):
    status: str = "unavailable"
    detail: str


class Live(BaseModel):
    """That the process answers; what it needs is not asked."""

    status: str = "ok"


class WriteProbe:
    """Whether Redis takes writes, tried by one, at most once a second.

    A server that is full, has become a replica or cannot save still answers reads.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._next_at = 0.0  # seconds of time.monotonic()
        self._refusal: StoreUnavailable | None = None

    def check(self) -> None:
        """Write, or recall what came of the last write.

        Raises:
            StoreUnavailable: Redis cannot be reached or does not take writes.
        """
        with self._lock:
            if time.monotonic() >= self._next_at:
                self._refusal = self._write()
                self._next_at = time.monotonic() + WRITES_APART_SECONDS
            if self._refusal:
                raise self._refusal

    def _write(self) -> StoreUnavailable | None:
        try:
            self._store.heartbeats.beat("health", clock.now_ms())
        except StoreUnavailable as error:
            return error
        return None


class RedisCollector(Collector):
    """Reads the figures from Redis when they are asked for, so it needs no counting in many processes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """The gauges; only donebit_up while Redis is away."""
        try:
            gauges = list(self._gauges())
        except StoreUnavailable:
            yield GaugeMetricFamily("donebit_up", "Whether Redis can be reached", 0)
            return
        yield GaugeMetricFamily("donebit_up", "Whether Redis can be reached", 1)
        yield from gauges

    def _gauges(self) -> Iterable[Metric]:
        open_tasks, listed = self._store.task_index.sizes()
        yield GaugeMetricFamily("donebit_open_tasks", "Tasks whose end is not announced", open_tasks)
        yield GaugeMetricFamily("donebit_listed_tasks", "Tasks that are remembered", listed)
        waiting = GaugeMetricFamily("donebit_queue_messages", "Messages waiting", labels=["queue"])
        for name, length in zip(QUEUES, self._store.heartbeats.queue_lengths(QUEUES), strict=True):
            waiting.add_metric([name], length)
        yield waiting
        owed = GaugeMetricFamily(
            "donebit_pending_deliveries", "Deliveries of ends that are still to be made", labels=["kind"]
        )
        for kind, number in self._store.deliveries.pending_counts().items():
            owed.add_metric([kind], number)
        yield owed
        now_ms = clock.now_ms()
        age = GaugeMetricFamily(
            "donebit_last_seen_seconds", "Since a worker and the sweep were seen", labels=["of"]
        )
        for name, seen in zip(
            ("worker", "sweep"), self._store.heartbeats.last_seen_ms("worker", "sweep"), strict=True
        ):
            if seen is not None:
                age.add_metric([name], max(0, now_ms - seen) / 1000)
        yield age


def blueprint(store: Store, streams: Callable[[], int], refusals: Refusals) -> APIBlueprint:
    """The routes over this store, of a process that has so many event streams open and refuses so much."""
    routes = APIBlueprint("health", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    registry = CollectorRegistry()
    registry.register(RedisCollector(store))
    registry.register(refusals)
    Gauge("donebit_event_streams", "Event streams open here", registry=registry).set_function(streams)

    add_health(routes, store)

    @routes.get("/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
    def metrics() -> Reply:
        """Return the metrics of tasks, queues and streams for Prometheus."""
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return routes


def add_health(routes: APIBlueprint, store: Store) -> None:
    """The routes that say whether this service and Redis work."""
    probe = WriteProbe(store)

    @routes.get("/health/live", responses={200: Live}, security=[])
    def live() -> Reply:
        """Check that the service itself answers, whatever Redis does."""
        return answer(Live())

    @routes.get("/health", responses={200: Health, 503: Unavailable}, security=[])
    def health() -> Reply:
        """Check that Redis can be reached and written to; whether a worker and the sweep were seen lately.

        It writes at most once a second in each process.
        """
        try:
            presence.follow_clock(store)
            probe.check()
            worker, sweep = store.heartbeats.last_seen_ms("worker", "sweep")
            skews, warning = skewed_clocks(store), store.visits.zone_warning()
        except StoreUnavailable as error:
            return answer(Unavailable(detail=error.detail), HTTPStatus.SERVICE_UNAVAILABLE)
        warnings = [] if warning is None else [warning]
        return answer(
            Health(
                status="ok",
                worker=_seen(worker),
                sweep=_seen(sweep),
                skewed_clocks=skews,
                warnings=warnings,
            )
        )


def skewed_clocks(store: Store) -> list[Skew]:
    """The clocks of workers, and of this service, that are far from the server's."""
    found = presence.recent_skews(store)
    if abs(clock.skew()) > clock.SKEW_THAT_MATTERS:
        found["service"] = clock.skew()
    return [Skew(of=of, ahead_seconds=skew.total_seconds()) for of, skew in found.items()]


def _seen(at_ms: int | None) -> LastSeen:
    return LastSeen(
        seen=at_ms is not None, last_seen=None if at_ms is None else clock.iso(clock.moment_of_ms(at_ms))
    )
