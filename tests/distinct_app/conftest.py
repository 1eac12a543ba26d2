"""The routes are tested over one kind of server: what differs between them is tested below, in the domain."""

from __future__ import annotations

import pytest
from redis import Redis

from donebit.store import Store


@pytest.fixture
def client(real_client: Redis) -> Redis:
    return real_client


@pytest.fixture
def store(client: Redis, lasting_store: tuple[Redis, Store]) -> Store:  # noqa: ARG001 - it empties the server
    """The same for all tests, and so is the service over it; it has seen the layout of an earlier one."""
    return lasting_store[1]
