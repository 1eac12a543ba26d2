"""The three services over one store."""

from __future__ import annotations

import pytest

from donebit.store import Store
from tests.web.conformance import fuzzer
from tests.web.lasting import real_store, store
from tests.web.services import Services

__all__ = ["fuzzer", "real_services", "real_store", "services", "store"]


@pytest.fixture
def services(store: Store) -> Services:
    return Services(store)


@pytest.fixture
def real_services(real_store: Store) -> Services:
    return Services(real_store)
