"""Stores that stay from test to test, each emptied before: making a service over a new one takes 0.1 s."""

from __future__ import annotations

import pytest
from redis import Redis

from donebit.store import Store


@pytest.fixture
def store(either: tuple[Redis, Store]) -> Store:
    """One on each kind of server; it has seen the layout of an earlier test."""
    return either[1]


@pytest.fixture
def real_store(real_client: Redis, lasting_store: tuple[Redis, Store]) -> Store:  # noqa: ARG001 - it empties
    """The one on a real server; it has seen the layout of an earlier test."""
    return lasting_store[1]
