"""The store of the tests on a real cluster: of all of them with --cluster, else of a sample."""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

import pytest
from redis import Redis

from donebit.store import Store
from donebit.store.activity_layout import layout
from donebit.store.client import connect
from donebit.store.server_client import ServerClient
from donebit.store.store import WORKER_TIMEOUT
from tests.clusters import CLUSTER, Cluster, cluster_of

# Celery's results cannot be on a cluster, and what these tests do to a server they would do to one node.
OF_ONE_SERVER = ("test_chords.py", "test_chord_results.py", "test_histories_with_faults.py")
THE_SERVER = "valkey"  # a fixture: whoever takes it does something to that one
SAMPLED = ("tests/completion/", "tests/activity/")
ONE_IN = 4


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cluster", action="store_true", help="run on a cluster of three primaries alone")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the servers that a test of the `store` fixture runs on."""
    if "either" not in metafunc.fixturenames:
        return
    from tests.conftest import SERVERS  # noqa: PLC0415 - it names this plugin

    if metafunc.config.getoption("--cluster"):
        names = [CLUSTER]
    else:
        names = [*SERVERS, *([CLUSTER] if is_sampled(metafunc.definition.nodeid) else [])]
    metafunc.parametrize("either", names, indirect=True, scope="function")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about one server, where only a cluster is asked for."""
    if config.getoption("--cluster"):
        items[:] = [item for item in items if not is_of_one_server(item)]


def is_of_one_server(item: pytest.Item) -> bool:
    """Whether a test can mean one server only."""
    takes = getattr(item, "fixturenames", ())
    return THE_SERVER in takes or any(part in item.nodeid for part in OF_ONE_SERVER)


def in_one_piece(store: Store) -> None:
    """Have the directories of a new store in no shards, on a cluster too: numbers are then in a row."""
    store.mover.replace_text(store.keys.LAYOUT, store.keys.LAYOUT, layout("UTC"))


def is_sampled(test: str) -> bool:
    """Whether a test always runs on a cluster too: the same ones until they are renamed."""
    if any(part in test for part in OF_ONE_SERVER):
        return False
    return test.startswith(SAMPLED) and crc32(test.encode()) % ONE_IN == 0


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_of(tmp_path_factory.mktemp("cluster"), 3) as made:
        yield made


@pytest.fixture
def on_cluster(cluster: Cluster) -> Iterator[ServerClient]:
    """A client of the cluster, which is empty before and after."""
    cluster.flush()
    with connect(cluster.url, connections=8, timeout=WORKER_TIMEOUT) as client:
        yield client
    cluster.flush()


@pytest.fixture(scope="session")
def lasting_cluster(cluster: Cluster) -> Iterator[tuple[Redis, Store]]:
    """One of all tests on a cluster."""
    with connect(cluster.url, connections=64, timeout=WORKER_TIMEOUT) as client:
        yield client, Store.on(client)


@pytest.fixture(params=["lasting_store", "lasting_cluster"])
def lasting(request: pytest.FixtureRequest) -> Iterator[tuple[Redis, Store]]:
    """One server, or a cluster."""
    found: tuple[Redis, Store] = request.getfixturevalue(request.param)
    found[0].flushall()
    yield found
    found[0].flushall()
