"""The three services over one store."""

from __future__ import annotations

import pytest
from redis import Redis

from donebit.store import Store
from tests.web.services import Services


@pytest.fixture
def services(store: Store) -> Services:
    return Services(store)


@pytest.fixture
def real_services(real_store: Store, lasting_store: tuple[Redis, Store]) -> Services:  # noqa: ARG001 - it empties
    """Made once for all tests: most of them are refused before they get to the store."""
    return Services(lasting_store[1])
