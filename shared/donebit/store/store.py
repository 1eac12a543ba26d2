"""The store as one thing: tasks, activity, heartbeats and the workers' log, over one connection pool."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from inspect import signature
from typing import Any, get_type_hints

from redis import Redis, exceptions

from donebit import redis_url
from donebit.errors import ConfigurationError, StoreUnavailable
from donebit.names import DEFAULT_KEY_PREFIX
from donebit.store.access import AccessStore
from donebit.store.activity_layout import ActivityLayoutStore
from donebit.store.audit import AuditStore
from donebit.store.begun import BegunStore
from donebit.store.bitmaps import BitmapStore
from donebit.store.change_tracking import ChangeTracker
from donebit.store.chords import ChordStore
from donebit.store.client import connect, reading_scripts, scripts_of
from donebit.store.confirming import Confirmation
from donebit.store.deliveries import DeliveryStore
from donebit.store.directory import IntegerDirectory, TextDirectory
from donebit.store.directory_cutting import DirectoryCuttingStore
from donebit.store.directory_shards import DirectoryShards
from donebit.store.expectations import ExpectationStore
from donebit.store.failures import FailureStore
from donebit.store.flag_swap import FlagSwapStore
from donebit.store.flags import FlagStore
from donebit.store.heartbeats import HeartbeatStore
from donebit.store.history import HistoryStore
from donebit.store.items import ItemStore
from donebit.store.kept_pairs import KeptPairStore
from donebit.store.kept_windows import KeptWindowStore
from donebit.store.key_names import Keys
from donebit.store.key_reading import KeyReader
from donebit.store.key_writing import KeyWriter
from donebit.store.layout import refuse_older_layout
from donebit.store.leases import LeaseStore
from donebit.store.matrices import MatrixStore
from donebit.store.metrics import MetricStore
from donebit.store.moving import KeyMover
from donebit.store.nodes_state import NodesStateStore
from donebit.store.permissions import PermissionStore
from donebit.store.permits import PermitStore
from donebit.store.plain_server import PlainServer
from donebit.store.quotas import QuotaStore
from donebit.store.results import ResultStore
from donebit.store.schedules import ScheduleStore
from donebit.store.server_state import ServerStateStore
from donebit.store.taking_back import TakeBackStore
from donebit.store.task_changes import TaskChangeStore
from donebit.store.task_index import TaskIndexStore
from donebit.store.task_shards import TaskShards
from donebit.store.tasks import TaskStore
from donebit.store.throughput import ThroughputStore
from donebit.store.visit_counter import VisitCounterStore
from donebit.store.visits import VisitStore
from donebit.store.worker_log import WorkerLogStore
from donebit.store.workers import WorkerStore

# A service must say 503 within a second; a worker has nobody waiting and may wait longer.
SERVICE_TIMEOUT = timedelta(seconds=0.8)
WORKER_TIMEOUT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Store:
    """What the domain is given. Built once a process, shared by its threads."""

    keys: Keys
    task_shards: TaskShards
    tasks: TaskStore
    task_changes: TaskChangeStore
    task_index: TaskIndexStore
    failures: FailureStore
    results: ResultStore
    items: ItemStore
    chords: ChordStore
    schedules: ScheduleStore
    expectations: ExpectationStore
    permits: PermitStore
    leases: LeaseStore
    deliveries: DeliveryStore
    bitmaps: BitmapStore
    matrices: MatrixStore
    kept_windows: KeptWindowStore
    kept_pairs: KeptPairStore
    activity_layout: ActivityLayoutStore
    visits: VisitStore
    visit_counter: VisitCounterStore
    taking_back: TakeBackStore
    flags: FlagStore
    swaps: FlagSwapStore
    permissions: PermissionStore
    directory: TextDirectory
    mapped: IntegerDirectory
    cutting: DirectoryCuttingStore
    heartbeats: HeartbeatStore
    server: ServerStateStore
    nodes: NodesStateStore
    workers: WorkerStore
    worker_log: WorkerLogStore
    mover: KeyMover
    reader: KeyReader
    writer: KeyWriter
    tracker: ChangeTracker
    access: AccessStore
    audit: AuditStore
    quotas: QuotaStore
    begun: BegunStore
    metrics: MetricStore
    history: HistoryStore
    throughput: ThroughputStore

    @classmethod
    def on(cls, client: Redis, prefix: str = DEFAULT_KEY_PREFIX) -> Store:
        """The store that a client reaches, of the installation whose keys begin with the prefix."""
        keys = Keys(prefix)
        task_shards = TaskShards(client, keys)
        given: dict[str, Any] = {
            "client": client,
            "scripts": scripts_of(client),
            "keys": keys,
            "task_shards": task_shards,
            "directory_shards": DirectoryShards(client, keys),
        }
        parts = {name: kind(*(given[need] for need in needs)) for name, kind, needs in _parts()}
        return cls(keys, task_shards, **parts)

    @classmethod
    def at(
        cls,
        url: str,
        *,
        prefix: str = DEFAULT_KEY_PREFIX,
        connections: int = 16,
        timeout: timedelta = SERVICE_TIMEOUT,
        replicas: int = 0,
        goes_on: bool = False,
        only_if_fit: bool = False,
    ) -> Store:
        """The store at an address.

        Args:
            prefix: what its keys begin with
            connections: how many it holds at most
            timeout: how long each call waits for the server
            replicas: how many are to confirm each change
            goes_on: whether a change that they do not confirm in time counts all the same
            only_if_fit: whether nothing is sent before the server and what it holds were found fit: it may
                have been away when the program looked at its start
        """
        confirmation = None
        if replicas:
            confirmation = Confirmation(Keys(prefix), replicas, reading_scripts(), goes_on=goes_on)
        client = connect(
            url,
            connections=connections,
            timeout=timeout,
            confirmation=confirmation,
            before_first=partial(hold_back_unfit, url, prefix, timeout) if only_if_fit else None,
        )
        return cls.on(client, prefix)


@cache
def _parts() -> list[tuple[str, Callable[..., Any], tuple[str, ...]]]:
    """Every part of the store but keys and shards: its name, its class, and what that is made with."""
    kinds = get_type_hints(Store)
    del kinds["keys"], kinds["task_shards"]
    return [(name, kind, tuple(signature(kind).parameters)) for name, kind in kinds.items()]


def refuse_eviction(store: Store) -> None:
    """A server that evicts keys loses marks which it has acknowledged.

    Raises:
        ConfigurationError: its policy is another than noeviction.
        StoreUnavailable: the server cannot be reached.
    """
    policy = store.heartbeats.eviction_policy()
    if policy not in ("noeviction", ""):
        raise ConfigurationError(
            f"this Redis evicts keys when its memory is full (maxmemory-policy {policy}), marks that it has "
            "acknowledged included: set maxmemory-policy noeviction"
        )


@contextmanager
def refusals_as_configuration() -> Iterator[None]:
    """Turn what a server refuses at the start into a sentence: waiting would not help.

    Raises:
        ConfigurationError: the server does not take a command that Donebit needs, or is no Redis, or the
            other side's certificate is not trusted, or it does not speak TLS.
        StoreUnavailable: the server cannot be reached.
    """
    try:
        yield
    except exceptions.ResponseError as error:
        raise ConfigurationError(f"REDIS_URL: the server refuses what Donebit needs: {error}") from None
    except StoreUnavailable as error:
        if isinstance(error.__cause__, exceptions.InvalidResponse):
            raise ConfigurationError(f"{error.detail}, or one for rediss:// ({error.__cause__})") from None
        if isinstance(error.__cause__, PlainServer):
            raise ConfigurationError(f"{error.detail}, which rediss:// is for: redis:// is without") from None
        fault = tls_fault(error)
        if fault is None:
            raise
        raise ConfigurationError(
            f"REDIS_URL: no TLS connection: {fault}; ?ssl_ca_certs=/path names the file of a CA of your own, "
            "ssl_certfile and ssl_keyfile a certificate for the server to ask for"
        ) from None


def tls_fault(error: BaseException | None) -> ssl.SSLError | None:
    """The error of TLS that led to another one, if any."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


@refusals_as_configuration()
def refuse_unfit(store: Store, broker_url: str | None = None) -> None:
    """Refuse a server that would lose marks, and a store that has to be moved to the present layout first.

    Args:
        broker_url: as it is set, empty where it is not; None where nobody sends messages

    Raises:
        ConfigurationError: its policy is another than noeviction, the layout is an older one, it is a
            Sentinel, or a cluster without a broker beside it, or it refuses what Donebit needs.
        StoreUnavailable: the server cannot be reached.
    """
    refuse_eviction(store)
    if store.server.is_cluster():
        if broker_url is not None:
            refuse_broker_on_cluster(broker_url)
    elif store.server.addresses > 1:
        raise ConfigurationError(
            "REDIS_URL names several servers, and the first that answers is no cluster's"
        )
    refuse_older_layout(store.mover, store.keys)
    store.leases.lapsed_leases()  # by a script, which some managed servers and users may not run


def hold_back_unfit(url: str, prefix: str, timeout: timedelta) -> None:
    """Refuse for now what refuse_unfit refuses: an operator can mend it while the program waits.

    Raises:
        StoreUnavailable: the server cannot be reached, or is unfit, and why.
    """
    try:
        with refusals_as_configuration():
            refuse_unfit(Store.at(url, prefix=prefix, connections=1, timeout=timeout))
    except ConfigurationError as error:
        raise StoreUnavailable(error.detail) from None


def refuse_broker_on_cluster(broker_url: str) -> None:
    """Refuse a cluster as the broker, which Celery cannot have its messages on.

    Raises:
        ConfigurationError: none is set beside a cluster, or it is a cluster itself.
    """
    how = "to RabbitMQ or to one Redis server (docs/cluster.md)"
    if not broker_url:
        raise ConfigurationError(
            f"REDIS_URL names a cluster, which cannot be Celery's broker: set BROKER_URL {how}"
        )
    if not redis_url.is_redis(broker_url):
        return
    with (
        suppress(exceptions.RedisError),
        connect(broker_url, connections=1, timeout=SERVICE_TIMEOUT) as client,
    ):
        if client.router is not None:
            raise ConfigurationError(
                f"BROKER_URL names a cluster, which cannot be Celery's broker: set it {how}"
            )
