"""What the nodes of a cluster go through: nothing that was acknowledged is lost, and nobody is stuck.

pytest tests/faults/torture/test_cluster.py -s       prints how long the longest report took
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.clusters import cluster_of
from tests.faults.torture.at_work import workers_at_a_task
from tests.faults.torture.cluster_harms import HARMS
from tests.faults.torture.trial import TASKS_OF_A_LONG_RUN, Reporters, try_out
from tests.stack import started_stack
from tests.started import say
from tests.torture import Healed, is_long

TASKS = 60


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", HARMS)
def test_what_is_reported_outlasts_what_happens_to_the_nodes(
    name: str,
    chance: random.Random,
    healed: Healed,
    reporters: Reporters,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    harm, is_long_run = HARMS[name], is_long(request.config)
    with cluster_of(tmp_path, 3, 3) as own:
        url = ",".join(f"redis://{node.address}" for node in own.nodes)
        with started_workers(tmp_path, url) if is_long_run else no_workers():
            tasks = TASKS_OF_A_LONG_RUN if is_long_run else TASKS
            trial = try_out(url, tasks, partial(harm.act, own), reporters, chance, replicas=harm.replicas)
            say(f"{name}: the longest report took {trial.outage:.1f} s of {harm.outage_seconds:.1f}")
        trial.assert_whole()
        healed(trial.outage, harm.outage_seconds)


@contextmanager
def no_workers() -> Iterator[None]:
    yield


@contextmanager
def started_workers(folder: Path, url: str) -> Iterator[None]:
    """Have workers at a task of many steps."""
    with started_stack(folder, url) as stack, workers_at_a_task(stack):
        yield
