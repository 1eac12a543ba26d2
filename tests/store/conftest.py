"""A server of a test's own, to be frozen, killed or set otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.store.client import connect
from tests.servers import RunningServer, running, valkey_binary

StoreOn = Callable[..., Store]


def is_answered(store: Store) -> bool:
    """Whether it is connected and answered: on a busy machine that may take longer than it waits."""
    with suppress(StoreUnavailable):
        store.heartbeats.last_seen_ms("worker")
        return True
    return False


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path) as server:
        yield server


@pytest.fixture
def store_on() -> Iterator[StoreOn]:
    """A store on a server, with the patience given; its connections are closed afterwards."""
    with ExitStack() as stack:

        def on(server: RunningServer, patience: timedelta = timedelta(seconds=5)) -> Store:
            client = connect(server.url, connections=8, timeout=patience)
            stack.callback(client.close)
            return Store.on(client)

        yield on
