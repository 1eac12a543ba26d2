"""The three services over one store."""

from __future__ import annotations

import pytest

from donebit.store import Store
from tests.web.services import Services


@pytest.fixture
def services(store: Store) -> Services:
    return Services(store)


@pytest.fixture
def real_services(real_store: Store) -> Services:
    return Services(real_store)
