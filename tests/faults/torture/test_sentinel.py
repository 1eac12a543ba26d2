"""What Sentinels and the servers that they watch go through, as store and as broker, under load.

pytest tests/faults/torture/test_sentinel.py -s       prints how long a report and a new task took
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from donebit import queue
from donebit.config import Settings
from donebit.queue import Publisher
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT
from tests.faults.test_outage import Reporter, missing_steps
from tests.faults.torture.at_work import try_at_work
from tests.faults.torture.sentinel_harms import HARMS, SAMPLE
from tests.faults.torture.trial import Reporters
from tests.sentinel_group import SentinelGroup, sentinel_group
from tests.stack import Stack
from tests.torture import Healed, is_long

PAUSE_SECONDS = 0.1  # between two reports over HTTP


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("name", HARMS if is_long(metafunc.config) else SAMPLE)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Stack, SentinelGroup]]:
    """Everything, on a server that Sentinels watch, as store and as broker."""
    (tmp_path / "stack").mkdir()
    stack = Stack(tmp_path / "stack")
    try:
        with sentinel_group(stack.server, tmp_path) as found:
            settings = Settings(redis_url=found.url())
            stack._environment["REDIS_URL"] = found.url()
            stack._settings, stack.store = settings, Store.at(found.url(), timeout=WORKER_TIMEOUT)
            stack._celery = queue.make_celery(settings)
            stack.publisher = Publisher(stack._celery)
            stack.start()
            yield stack, found
    finally:
        stack.close()


@pytest.mark.timeout(600)
def test_what_is_reported_and_run_outlasts_what_sentinels_see(
    name: str,
    chance: random.Random,
    healed: Healed,
    reporters: Reporters,
    watched: tuple[Stack, SentinelGroup],
    request: pytest.FixtureRequest,
) -> None:
    (stack, group), harm = watched, HARMS[name]
    reported = stack.create(100_000)
    reporter = Reporter(stack, reported, PAUSE_SECONDS)

    with reporter.running():
        work = try_at_work(
            stack,
            group.url(),
            partial(harm.act, group),
            reporters,
            chance,
            is_long_run=is_long(request.config),
        )

    began, ended = work.lost
    kept = {step for step, at in reporter.acknowledged.items() if not began <= at <= ended}
    assert kept.isdisjoint(missing_steps(stack, reported))
    assert reporter.statuses <= {200, 503}
    work.trial.assert_whole()
    work.assert_soon(healed, harm.outage_seconds)
