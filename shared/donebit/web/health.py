"""/health and /metrics, the same on every service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus

from flask import Response, current_app
from flask_openapi3 import APIBlueprint, Tag
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field

from donebit import clock
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.web.answers import Reply, answer
from donebit.web.metrics import StoreCollector
from donebit.web.problems import EVERYWHERE, RETRY_AFTER_SECONDS
from donebit.workers import presence, replicas
from donebit.workers.write_probe import WriteProbe

TAG = Tag(name="service", description="Health and metrics")


class LastSeen(BaseModel):
    seen: bool = Field(description="whether it was seen within the last minute")
    last_seen: str | None = Field(description="when; null: not within the last minute")


class Skew(BaseModel):
    """A clock that is more than 2 s from the Redis server's, by which Donebit goes."""

    of: str = Field(description="the name of a worker, or `service` for the one that answers")
    ahead_seconds: float = Field(description="negative: it is behind")


class Health(BaseModel):
    """The state of a service, and when a worker and the sweep were last seen."""

    status: str
    service: str = Field(description="which service answers, such as done_app")
    worker: LastSeen
    sweep: LastSeen
    skewed_clocks: list[Skew]
    warnings: list[str] = Field(default=[], description="what works, but should be looked at")


class Unavailable(BaseModel):
    status: str = "unavailable"
    detail: str


class Live(BaseModel):
    """The process answers; Redis is not checked."""

    status: str = "ok"
    service: str = Field(description="which service answers, such as done_app")


def blueprint(
    store: Store,
    counters: Iterable[Collector],
    waiting: Callable[[], Mapping[str, int] | None],
) -> APIBlueprint:
    """The routes over this store.

    Args:
        counters: what else is counted
        waiting: returns how many messages wait in each queue
    """
    routes = APIBlueprint("health", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    probe = WriteProbe(store)
    registry = CollectorRegistry()
    registry.register(StoreCollector(store, probe, waiting))
    for counter in counters:
        registry.register(counter)

    add_health(routes, store, probe)

    @routes.get("/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
    def metrics() -> Reply:
        """Return the metrics of tasks, queues, streams and the store for Prometheus."""
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return routes


def add_health(routes: APIBlueprint, store: Store, probe: WriteProbe) -> None:
    """The routes that say whether this service and Redis work."""

    @routes.get("/health/live", responses={200: Live}, security=[])
    def live() -> Reply:
        """Check that the service itself answers, whatever Redis does."""
        return answer(Live(service=current_app.name))

    @routes.get("/health", responses={200: Health, 503: Unavailable}, security=[])
    def health() -> Reply:
        """Check that Redis can be read and written, and show when a worker and the sweep were last seen.

        It writes at most once a second in each process.
        """
        try:
            probe.check()
            presence.follow_clock(store)
            worker, sweep = store.heartbeats.last_seen_ms("worker", "sweep")
            skews, warnings = skewed_clocks(store), [*warnings_of(store)]
        except StoreUnavailable as error:
            away = answer(Unavailable(detail=error.detail), HTTPStatus.SERVICE_UNAVAILABLE)
            away.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return away
        return answer(
            Health(
                status="ok",
                service=current_app.name,
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


def warnings_of(store: Store) -> Iterator[str]:
    """What works, but should be looked at."""
    if warning := store.activity_layout.zone_warning():
        yield warning
    if warning := replicas.warning(store):
        yield warning


def _seen(at_ms: int | None) -> LastSeen:
    return LastSeen(
        seen=at_ms is not None, last_seen=None if at_ms is None else clock.iso(clock.moment_of_ms(at_ms))
    )
