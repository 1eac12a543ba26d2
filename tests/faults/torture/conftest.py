"""The ground of the tortures: one a process of pytest-xdist, mended after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.harness.ground import Ground


@pytest.fixture(scope="session")
def whole_ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    ground = Ground(tmp_path_factory.mktemp("ground"))
    try:
        yield ground
    finally:
        ground.close()


@pytest.fixture
def ground(whole_ground: Ground) -> Iterator[Ground]:
    yield whole_ground
    whole_ground.restore()
