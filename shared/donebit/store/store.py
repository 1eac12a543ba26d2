"""The store as one thing: a connection, and behind it tasks, activity, signs of life and the workers' log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from redis import Redis

from donebit.errors import ConfigurationError
from donebit.store.bitmaps import BitmapStore
from donebit.store.client import connect, scripts_of
from donebit.store.deliveries import DeliveryStore
from donebit.store.directory import IntegerDirectory, TextDirectory
from donebit.store.failures import FailureStore
from donebit.store.flag_swap import FlagSwapStore
from donebit.store.flags import FlagStore
from donebit.store.heartbeats import HeartbeatStore
from donebit.store.matrices import MatrixStore
from donebit.store.permissions import PermissionStore
from donebit.store.tasks import TaskStore
from donebit.store.visit_counter import VisitCounterStore
from donebit.store.visits import VisitStore
from donebit.store.worker_log import WorkerLogStore
from donebit.store.workers import WorkerStore

# A service must say 503 within a second; a worker has nobody waiting and may be patient.
SERVICE_TIMEOUT = timedelta(seconds=0.8)
WORKER_TIMEOUT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Store:
    """What the domain is given. Built once a process, shared by its threads."""

    tasks: TaskStore
    failures: FailureStore
    deliveries: DeliveryStore
    bitmaps: BitmapStore
    matrices: MatrixStore
    visits: VisitStore
    counted: VisitCounterStore
    flags: FlagStore
    swaps: FlagSwapStore
    permissions: PermissionStore
    directory: TextDirectory
    mapped: IntegerDirectory
    pulse: HeartbeatStore
    workers: WorkerStore
    worker_log: WorkerLogStore

    @classmethod
    def on(cls, client: Redis) -> Store:
        scripts = scripts_of(client)
        return cls(
            TaskStore(client, scripts),
            FailureStore(client, scripts),
            DeliveryStore(client, scripts),
            BitmapStore(client, scripts),
            MatrixStore(client, scripts),
            VisitStore(client, scripts),
            VisitCounterStore(client, scripts),
            FlagStore(client, scripts),
            FlagSwapStore(client),
            PermissionStore(client, scripts),
            TextDirectory(client, scripts),
            IntegerDirectory(client, scripts),
            HeartbeatStore(client),
            WorkerStore(client),
            WorkerLogStore(client),
        )

    @classmethod
    def at(cls, url: str, *, connections: int = 16, patience: timedelta = SERVICE_TIMEOUT) -> Store:
        return cls.on(connect(url, connections=connections, patience=patience))


def refuse_eviction(store: Store) -> None:
    """A server that evicts keys loses marks which it has acknowledged.

    Raises:
        ConfigurationError: its policy is another than noeviction.
        StoreUnavailable: the server cannot be reached.
    """
    policy = store.pulse.eviction_policy()
    if policy not in ("noeviction", ""):
        raise ConfigurationError(
            f"this Redis evicts keys when its memory is full (maxmemory-policy {policy}), marks that it has "
            "acknowledged included: set maxmemory-policy noeviction"
        )
