"""The store as one thing: a connection, and behind it tasks, activity, signs of life and the workers' log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from redis import Redis

from shared.errors import ConfigurationError
from shared.store.bitmaps import BitmapStore
from shared.store.client import connect, scripts_of
from shared.store.counted import CountedStore
from shared.store.deliveries import DeliveryStore
from shared.store.directory import IntegerDirectory, TextDirectory
from shared.store.failures import FailureStore
from shared.store.flags import FlagStore
from shared.store.matrices import MatrixStore
from shared.store.permissions import PermissionStore
from shared.store.pulse import PulseStore
from shared.store.swapping import SwapStore
from shared.store.tasks import TaskStore
from shared.store.visits import VisitStore
from shared.store.worker_log import WorkerLogStore
from shared.store.workers import WorkerStore

# A service must say 503 within a second; a worker has nobody waiting and may be patient.
SERVICE_PATIENCE = timedelta(seconds=0.8)
WORKER_PATIENCE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Store:
    """What the domain is given. Built once a process, shared by its threads."""

    tasks: TaskStore
    failures: FailureStore
    deliveries: DeliveryStore
    bitmaps: BitmapStore
    matrices: MatrixStore
    visits: VisitStore
    counted: CountedStore
    flags: FlagStore
    swaps: SwapStore
    permissions: PermissionStore
    directory: TextDirectory
    mapped: IntegerDirectory
    pulse: PulseStore
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
            CountedStore(client, scripts),
            FlagStore(client, scripts),
            SwapStore(client),
            PermissionStore(client, scripts),
            TextDirectory(client, scripts),
            IntegerDirectory(client, scripts),
            PulseStore(client),
            WorkerStore(client),
            WorkerLogStore(client),
        )

    @classmethod
    def at(cls, url: str, *, connections: int = 16, patience: timedelta = SERVICE_PATIENCE) -> Store:
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
