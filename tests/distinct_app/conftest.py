"""The routes are tested over one kind of server: what differs between them is tested below, in the domain."""

from __future__ import annotations

import pytest
from redis import Redis

from donebit import clock
from donebit.store import Store

LAST_MOMENT = clock.now().replace(hour=23, minute=59, second=59, microsecond=999_999)


@pytest.fixture(autouse=True)
def day_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the day in UTC last until all tests have run: which one is today is looked up once for many."""
    real_now = clock.now
    monkeypatch.setattr(clock, "now", lambda: min(real_now(), LAST_MOMENT))


@pytest.fixture
def client(real_client: Redis) -> Redis:
    return real_client


@pytest.fixture
def store(client: Redis, lasting_store: tuple[Redis, Store]) -> Store:  # noqa: ARG001 - it empties the server
    """The same for all tests, and so is the service over it; it has seen the layout of an earlier one."""
    return lasting_store[1]
