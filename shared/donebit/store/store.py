"""The store as one thing: tasks, activity, heartbeats and the workers' log, over one connection pool."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from redis import Redis, exceptions

from donebit.errors import ConfigurationError, StoreUnavailable
from donebit.names import DEFAULT_KEY_PREFIX
from donebit.store.access import AccessStore
from donebit.store.activity_layout import ActivityLayoutStore
from donebit.store.audit import AuditStore
from donebit.store.bitmaps import BitmapStore
from donebit.store.change_tracking import ChangeTracker
from donebit.store.chords import ChordStore
from donebit.store.client import connect, scripts_of
from donebit.store.deliveries import DeliveryStore
from donebit.store.directory import IntegerDirectory, TextDirectory
from donebit.store.failures import FailureStore
from donebit.store.flag_swap import FlagSwapStore
from donebit.store.flags import FlagStore
from donebit.store.heartbeats import HeartbeatStore
from donebit.store.items import ItemStore
from donebit.store.key_names import Keys
from donebit.store.key_reading import KeyReader
from donebit.store.key_writing import KeyWriter
from donebit.store.layout import refuse_older_layout
from donebit.store.leases import LeaseStore
from donebit.store.matrices import MatrixStore
from donebit.store.moving import KeyMover
from donebit.store.permissions import PermissionStore
from donebit.store.quotas import QuotaStore
from donebit.store.results import ResultStore
from donebit.store.server_state import ServerStateStore
from donebit.store.taking_back import TakeBackStore
from donebit.store.task_changes import TaskChangeStore
from donebit.store.task_index import TaskIndexStore
from donebit.store.tasks import TaskStore
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
    tasks: TaskStore
    task_changes: TaskChangeStore
    task_index: TaskIndexStore
    failures: FailureStore
    results: ResultStore
    items: ItemStore
    chords: ChordStore
    leases: LeaseStore
    deliveries: DeliveryStore
    bitmaps: BitmapStore
    matrices: MatrixStore
    activity_layout: ActivityLayoutStore
    visits: VisitStore
    visit_counter: VisitCounterStore
    taking_back: TakeBackStore
    flags: FlagStore
    swaps: FlagSwapStore
    permissions: PermissionStore
    directory: TextDirectory
    mapped: IntegerDirectory
    heartbeats: HeartbeatStore
    server: ServerStateStore
    workers: WorkerStore
    worker_log: WorkerLogStore
    mover: KeyMover
    reader: KeyReader
    writer: KeyWriter
    tracker: ChangeTracker
    access: AccessStore
    audit: AuditStore
    quotas: QuotaStore

    @classmethod
    def on(cls, client: Redis, prefix: str = DEFAULT_KEY_PREFIX) -> Store:
        """The store that a client reaches, of the installation whose keys begin with the prefix."""
        keys, scripts = Keys(prefix), scripts_of(client)
        return cls(
            keys,
            TaskStore(client, scripts, keys),
            TaskChangeStore(client, scripts, keys),
            TaskIndexStore(client, scripts, keys),
            FailureStore(client, scripts, keys),
            ResultStore(client, scripts, keys),
            ItemStore(client, scripts, keys),
            ChordStore(client, scripts, keys),
            LeaseStore(client, scripts, keys),
            DeliveryStore(client, scripts, keys),
            BitmapStore(client, scripts, keys),
            MatrixStore(client, scripts, keys),
            ActivityLayoutStore(client, keys),
            VisitStore(client, scripts, keys),
            VisitCounterStore(client, scripts, keys),
            TakeBackStore(client, scripts, keys),
            FlagStore(client, scripts, keys),
            FlagSwapStore(client, keys),
            PermissionStore(client, scripts, keys),
            TextDirectory(client, scripts, keys),
            IntegerDirectory(client, scripts, keys),
            HeartbeatStore(client, keys),
            ServerStateStore(client, keys),
            WorkerStore(client, keys),
            WorkerLogStore(client, keys),
            KeyMover(client),
            KeyReader(client, keys),
            KeyWriter(client, keys),
            ChangeTracker(client, keys),
            AccessStore(client, keys),
            AuditStore(client, keys),
            QuotaStore(client, keys),
        )

    @classmethod
    def at(
        cls,
        url: str,
        *,
        prefix: str = DEFAULT_KEY_PREFIX,
        connections: int = 16,
        timeout: timedelta = SERVICE_TIMEOUT,
    ) -> Store:
        """The store at an address.

        Args:
            prefix: what its keys begin with
            connections: how many it holds at most
            timeout: how long each call waits for the server
        """
        return cls.on(connect(url, connections=connections, timeout=timeout), prefix)


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
        ConfigurationError: the server does not take a command that Donebit needs, or the other side's
            certificate is not trusted.
        StoreUnavailable: the server cannot be reached.
    """
    try:
        yield
    except exceptions.ResponseError as error:
        raise ConfigurationError(f"REDIS_URL: the server refuses what Donebit needs: {error}") from None
    except StoreUnavailable as error:
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
def refuse_unfit(store: Store) -> None:
    """Refuse a server that would lose marks, and a store that has to be moved to the present layout first.

    Raises:
        ConfigurationError: its policy is another than noeviction, the layout is an older one, it is a
            Sentinel, or it refuses what Donebit needs.
        StoreUnavailable: the server cannot be reached.
    """
    refuse_eviction(store)
    refuse_older_layout(store.mover, store.keys)
