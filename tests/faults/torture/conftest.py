"""The ground of the tortures, one a process of pytest-xdist: mended after each test, ended after the last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.faults.harness.activity_ground import ActivityGround
from tests.faults.harness.ground import Ground


@pytest.fixture(scope="package")
def whole_ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with closing(Ground(tmp_path_factory.mktemp("ground"))) as ground:
        yield ground


@pytest.fixture
def ground(whole_ground: Ground) -> Iterator[Ground]:
    yield whole_ground
    whole_ground.restore()


@pytest.fixture(scope="package")
def whole_activity_ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActivityGround]:
    with closing(ActivityGround(tmp_path_factory.mktemp("activity"))) as ground:
        yield ground


@pytest.fixture
def activity_ground(whole_activity_ground: ActivityGround) -> ActivityGround:
    whole_activity_ground.begin()
    return whole_activity_ground
