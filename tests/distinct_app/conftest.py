"""The routes are tested over one kind of server: what differs between them is tested below, in the domain."""

from __future__ import annotations

import pytest
from redis import Redis


@pytest.fixture
def client(real_client: Redis) -> Redis:
    return real_client
