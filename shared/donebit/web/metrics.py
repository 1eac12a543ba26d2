"""What /metrics says: figures of tasks and queues, and of the server that holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from donebit.errors import StoreUnavailable
from donebit.schedules import figures as schedule_figures
from donebit.schedules.figures import ScheduleFigures
from donebit.store import Store
from donebit.workers.figures import Figures, read_figures
from donebit.workers.write_probe import WriteProbe


class StoreCollector(Collector):
    """Reads the figures from Redis when they are asked for, so it needs no counting in many processes."""

    def __init__(
        self, store: Store, probe: WriteProbe, waiting: Callable[[], Mapping[str, int] | None]
    ) -> None:
        self._store = store
        self._probe = probe
        self._waiting = waiting  # reads how many messages each queue has

    def collect(self) -> Iterable[Metric]:
        """The gauges; only the first two while Redis is away."""
        yield _gauge("store_writable", "Whether the store takes writes", self._is_writable())
        try:
            figures = read_figures(self._store, self._waiting() or {})
            of_schedules = schedule_figures.read_figures(self._store)
        except StoreUnavailable:
            yield _gauge("up", "Whether Redis can be reached", 0)
            return
        yield _gauge("up", "Whether Redis can be reached", 1)
        yield from _gauges(figures)
        yield from _server_gauges(figures)
        yield from _schedules(of_schedules)

    def _is_writable(self) -> bool:
        try:
            self._probe.check()
        except StoreUnavailable:
            return False
        return True


def _gauges(figures: Figures) -> Iterator[Metric]:
    yield _gauge("open_tasks", "Tasks whose end is not announced", figures.open_tasks)
    yield _gauge("listed_tasks", "Tasks listed", figures.listed_tasks)
    yield _labelled("queue_messages", "Messages waiting", "queue", figures.queues)
    yield _labelled("pending_deliveries", "Pending deliveries", "kind", figures.pending_deliveries)
    text = "Seconds since a worker or the sweep was seen"
    yield _labelled("last_seen_seconds", text, "of", figures.last_seen_seconds)


def _server_gauges(figures: Figures) -> Iterator[Metric]:
    """What the server says of itself; nothing where its user may not ask, or of what it leaves out."""
    state = figures.server
    if state is None:
        return
    known: list[tuple[str, str, float | None]] = [
        ("memory_bytes", "Memory that the store takes", state.memory_bytes),
        ("memory_limit_bytes", "Its limit (maxmemory); 0: none", state.memory_limit_bytes),
        ("last_save_timestamp_seconds", "When its last snapshot was saved", state.last_save_at),
        ("changes_since_save", "Changes since its last snapshot", state.changes_since_save),
        ("last_save_ok", "Whether its last snapshot succeeded", state.last_save_ok),
        ("append_only", "Whether it has an append-only file", state.append_only),
        ("append_only_ok", "Whether that was written and rewritten without an error", state.append_only_ok),
        ("replicas", "Replicas that follow it", len(state.replicas)),
    ]
    for name, text, value in known:
        if value is not None:
            yield _gauge(f"store_{name}", text, value)
    bytes_behind = {one.address: one.behind_bytes for one in state.replicas}
    seconds = {one.address: one.silent_seconds for one in state.replicas}
    yield _labelled("store_replica_lag_bytes", "Bytes it has not acknowledged", "replica", bytes_behind)
    yield _labelled("store_replica_lag_seconds", "Seconds since it acknowledged", "replica", seconds)


def _schedules(figures: ScheduleFigures) -> Iterator[Metric]:
    """What schedules did; the firings of the first of them by name, so that labels are bounded."""
    counts = {"active": figures.active, "paused": figures.paused}
    yield _labelled("schedules", "Schedules", "state", counts)
    firings = CounterMetricFamily(
        "donebit_schedule_firings", "What became of a schedule's firings", labels=["schedule", "result"]
    )
    for one in figures.listed:
        for result, count in (("started", one.started), ("skipped", one.skipped), ("missed", one.missed)):
            firings.add_metric([one.name, result], count)
    yield firings
    met = {one.name: one.paused or one.missed_at is None for one in figures.expectations}
    yield _labelled("expectation_met", "Whether an expectation is met or paused", "expectation", met)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"donebit_{name}", text, value)


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    gauge = GaugeMetricFamily(f"donebit_{name}", text, labels=[label])
    for value_of, value in values.items():
        gauge.add_metric([value_of], value)
    return gauge
