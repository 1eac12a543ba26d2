"""What all tests share: a store on each kind of server, and a look at what is left on it."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

import pytest
from fakeredis import FakeRedis
from hypothesis import settings
from redis import Redis

from donebit.store import Store, keys
from donebit.store.catalogue import Catalogue
from donebit.store.catalogue_rows import Ttl
from donebit.store.client import connect
from donebit.store.layout import TASKS_IN_SHARDS
from donebit.store.store import WORKER_TIMEOUT
from tests.clusters import CLUSTER
from tests.forked import forks
from tests.ports import keep_to_own
from tests.servers import LASTING, RunningServer, redis_binary, running, valkey_binary

pytest_plugins = [
    "tests.clustered",
    "tests.stack",
    "tests.tls",
    "tests.rabbit",
    "tests.machine",
    "tests.scheduling",
    "tests.torture",
    "tests.cpu_seconds",
    "tests.quick_fakeredis",
]

# A shell's background job has SIGINT ignored, and so would have everything that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long one example takes says more about the machine than about Donebit.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# What is collected stays: looking through it for garbage again and again took a third of the time.
gc.disable()

CATALOGUE = Catalogue(keys.prefix)


def pytest_collection_finish() -> None:
    gc.enable()
    gc.freeze()


def pytest_unconfigure() -> None:
    if forks.cache_info().currsize:
        forks().close()


REDIS_8 = redis_binary()
# The kinds of servers, and the fixture that has one of each for all tests.
SERVERS = {"fakeredis": "lasting_fake", "valkey": "lasting_store"} | (
    {"redis": "lasting_redis"} if REDIS_8 else {}
)


def pytest_configure(config: pytest.Config) -> None:
    keep_to_own()
    config.addinivalue_line(
        "markers", "own_keys(*patterns): keys that a test writes in breach of the catalogue"
    )


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path_factory.mktemp("valkey"), LASTING) as server:
        yield server


@pytest.fixture(scope="session")
def redis_8(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    assert REDIS_8 is not None
    with running(REDIS_8, tmp_path_factory.mktemp("redis"), LASTING) as server:
        yield server


@pytest.fixture(scope="session")
def lasting_fake() -> Iterator[tuple[Redis, Store]]:
    """One of all tests on fakeredis."""
    with FakeRedis(version=(7, 0)) as client:
        yield client, Store.on(client)


@pytest.fixture(scope="session")
def lasting_store(request: pytest.FixtureRequest) -> Iterator[tuple[Redis, Store]]:
    """One of all tests on a real server, so that what is made over it serves them all.

    With --cluster a cluster is in its place.
    """
    url = request.getfixturevalue(CLUSTER if request.config.getoption("--cluster") else "valkey").url
    with connect(url, connections=64, timeout=WORKER_TIMEOUT) as client:
        yield client, Store.on(client)


@pytest.fixture(scope="session")
def lasting_redis(redis_8: RunningServer) -> Iterator[tuple[Redis, Store]]:
    """One of all tests on Redis 8."""
    with connect(redis_8.url, connections=16, timeout=WORKER_TIMEOUT) as client:
        yield client, Store.on(client)


@pytest.fixture
def either(request: pytest.FixtureRequest) -> Iterator[tuple[Redis, Store]]:
    """An empty server of each kind, as its raw client and as a store."""
    of_one = {**SERVERS, CLUSTER: "lasting_cluster"}
    lasting: tuple[Redis, Store] = request.getfixturevalue(of_one[request.param])
    lasting[0].flushall()
    yield lasting
    lasting[0].flushall()  # a layout of another zone would keep the next test from starting services


@pytest.fixture
def client(either: tuple[Redis, Store]) -> Redis:
    """An empty server of each kind, as its raw client."""
    return either[0]


@pytest.fixture
def real_client(lasting_store: tuple[Redis, Store]) -> Iterator[Redis]:
    """An empty real server: for what threads, processes or many commands are about."""
    client = lasting_store[0]
    client.flushall()
    yield client
    client.flushall()


@pytest.fixture
def store(client: Redis) -> Store:
    """A store that has seen nothing yet."""
    return Store.on(client)


@pytest.fixture
def real_url(request: pytest.FixtureRequest) -> str:
    """The address of that server, for processes of a test's own."""
    name = CLUSTER if request.config.getoption("--cluster") else "valkey"
    url: str = request.getfixturevalue(name).url
    return url


@pytest.fixture
def real_store(real_client: Redis) -> Store:
    return Store.on(real_client)


@pytest.fixture(autouse=True)
def only_keys_of_the_catalogue(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a key which the catalogue has not, of another type, or without its TTL.

    A test that writes such keys by itself, to see what comes of it, names them, with `*` for any text:
    `@pytest.mark.own_keys("donebit:seen:{0}:*")`.
    """
    used = {"client", "real_client"} & set(request.fixturenames)
    clients: list[Redis] = [request.getfixturevalue(name) for name in sorted(used)]
    yield
    own = [pattern for mark in request.node.iter_markers("own_keys") for pattern in mark.args]
    wrong = {
        name: why
        for client in clients
        for name, why in wrong_keys(client)
        if not any(fnmatchcase(name, pattern) for pattern in own)
    }
    assert wrong == {}


def wrong_keys(client: Redis) -> Iterator[tuple[str, str]]:
    """Keys that are not as the catalogue has them, and how they are."""
    names = [key.decode(errors="replace") for key in client.scan_iter(count=1000)]
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.type(name)
            pipe.pttl(name)
        answers = pipe.execute()
    for name, kind, ttl in zip(names, answers[::2], answers[1::2], strict=True):
        if kind != b"none" and (why := fault(name, kind.decode(), ttl)):
            yield name, why


def fault(name: str, redis_type: str, ttl_ms: int) -> str | None:
    """What is wrong with a key; None where nothing is."""
    row = CATALOGUE.row_of(name)
    if row is None:
        return "is not in the catalogue"
    if redis_type != row.redis_type:
        return f"is a {redis_type} and should be a {row.redis_type}"
    if row.ttl is Ttl.SCRATCH:
        return "should have gone with its script"
    if row.ttl is not Ttl.REPLACED and (ttl_ms == -1) != (row.ttl is Ttl.PERMANENT):
        return f"has the TTL {ttl_ms} ms and should be: {row.ttl}"
    return None


def keys_without_ttl(client: Redis) -> set[str]:
    """Every key that stays for ever."""
    names = keys_in_use(client)
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.ttl(name)
        return {name.decode() for name, left in zip(names, pipe.execute(), strict=True) if left == -1}


def keys_in_use(client: Redis) -> list[bytes]:
    """Every key, but what is written at the first use of a cluster."""
    written = {keys.TASK_SHARDS.encode()}
    if client.get(keys.LAYOUT) == TASKS_IN_SHARDS.encode():  # there was no visit yet
        written.add(keys.LAYOUT.encode())
    return [key for key in client.scan_iter(count=1000) if key not in written]


def everything(client: Redis) -> dict[bytes, object]:
    """What every key holds. (DUMP would not do: the fields of a hash have no order.)"""
    names = list(client.scan_iter(count=1000))
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.type(name)
        kinds = pipe.execute()
        read: dict[bytes, Callable[[bytes], object]] = {
            b"string": pipe.get,
            b"hash": pipe.hgetall,
            b"zset": lambda key: pipe.zrange(key, 0, -1, withscores=True),
            b"list": lambda key: pipe.lrange(key, 0, -1),
            b"set": pipe.smembers,
            b"stream": pipe.xrange,
        }
        for name, kind in zip(names, kinds, strict=True):
            read[kind](name)
        return dict(zip(names, pipe.execute(), strict=True))
