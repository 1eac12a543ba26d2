"""/health and /metrics, the same on every service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel

from donebit import clock
from donebit.errors import StoreUnavailable
from donebit.queue import QUEUES
from donebit.store import Store
from donebit.store.heartbeats import WriteCheck
from donebit.web.answers import Reply, answer
from donebit.web.guard import free
from donebit.web.problems import EVERYWHERE

TAG = Tag(name="service", description="Health and metrics")


class LastSeen(BaseModel):
    seen: bool  # within the last minute
    last_seen: str | None


class Health(BaseModel):
    """The state of a service, and when a worker and the sweep were last seen."""

    status: str
    worker: LastSeen
    sweep: LastSeen


class Unavailable(BaseModel):
    status: str = "unavailable"
    detail: str


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
        open_tasks, listed = self._store.tasks.sizes()
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


def blueprint(store: Store, streams: Callable[[], int]) -> APIBlueprint:
    """The routes over this store, of a process that has so many event streams open."""
    routes = APIBlueprint("health", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    writes = WriteCheck(store.heartbeats)
    registry = CollectorRegistry()
    registry.register(RedisCollector(store))
    Gauge("donebit_event_streams", "Event streams open here", registry=registry).set_function(streams)

    @routes.get("/health", responses={200: Health, 503: Unavailable}, security=[])
    @free
    def health() -> Reply:
        """Check that Redis takes writes, and whether a worker and the sweep were seen within a minute."""
        try:
            writes.check()
            worker, sweep = store.heartbeats.last_seen_ms("worker", "sweep")
        except StoreUnavailable as error:
            return answer(Unavailable(detail=error.detail), HTTPStatus.SERVICE_UNAVAILABLE)
        return answer(Health(status="ok", worker=_seen(worker), sweep=_seen(sweep)))

    @routes.get("/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
    def metrics() -> Reply:
        """Return the metrics of tasks, queues and streams for Prometheus."""
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return routes


def _seen(at_ms: int | None) -> LastSeen:
    return LastSeen(
        seen=at_ms is not None, last_seen=None if at_ms is None else clock.iso(clock.moment_of_ms(at_ms))
    )
