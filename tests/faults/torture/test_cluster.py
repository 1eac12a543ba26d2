"""What the nodes of a cluster go through: nothing that was acknowledged is lost, and nobody is stuck.

pytest tests/faults/torture/test_cluster.py -s       prints how long the longest report took
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from donebit.activity.events.single_visit import users_ever_seen
from donebit.activity.site import Site
from donebit.completion import announcing, lifecycle
from donebit.completion.state import State
from donebit.config import Settings
from donebit.store import Store
from donebit.store.client import connect
from tests.clusters import cluster_of
from tests.completion.arranged import start
from tests.conftest import wrong_keys
from tests.faults.torture.cluster_harms import HARMS
from tests.faults.torture.cluster_reporters import (
    EVENT,
    PATIENCE,
    PROCESSES,
    STEPS,
    Sender,
    Share,
    Work,
    longest,
    report_through,
    share_barrier,
)
from tests.forked import forking_context
from tests.stack import started_stack
from tests.started import eventually, say
from tests.torture import Healed, is_long

TASKS, TASKS_OF_A_LONG_RUN = 60, 300
STEPS_OF_WORKERS, THEIR_SECONDS = 100_000, 300.0  # with room for a busy machine


@pytest.fixture(scope="module")
def reporters() -> Iterator[tuple[ProcessPoolExecutor, Barrier]]:
    """The processes that report, and where they and the test meet before they begin."""
    context = forking_context()
    together = context.Barrier(PROCESSES + 1)
    with ProcessPoolExecutor(PROCESSES, context, share_barrier, (together,)) as pool:
        yield pool, together


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", HARMS)
def test_what_is_reported_outlasts_what_happens_to_the_nodes(
    name: str,
    chance: random.Random,
    healed: Healed,
    reporters: tuple[ProcessPoolExecutor, Barrier],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    harm, is_long_run = HARMS[name], is_long(request.config)
    with cluster_of(tmp_path, 3, 3) as own:
        url = ",".join(f"redis://{node.address}" for node in own.nodes)
        store = Store.at(url, connections=4, timeout=PATIENCE * 2)
        tasks = [start(store, STEPS).id for _ in range(TASKS_OF_A_LONG_RUN if is_long_run else TASKS)]
        work = Work(url, harm.replicas, tasks, chance.randrange(1_000_000))

        with workers_at_a_task(tmp_path, url) if is_long_run else no_workers():
            share, aftermath = report_through(*reporters, work, partial(harm.act, own))
            outage = longest(share.sent, aftermath.served_from)
            say(f"{name}: the longest report took {outage:.1f} s of {harm.outage_seconds:.1f}")
            ends = [*share.ends, *again(store, share, aftermath.lost), *announced(store, tasks)]

        ended = [lifecycle.get_task(store, task_id).task for task_id in tasks]
        assert {(task.state, task.done_steps, task.run) for task in ended} == {(State.DONE, STEPS, 1)}
        assert set(ends) == {f"{task_id}.1.done" for task_id in tasks}
        assert users_ever_seen(Site.of(store, Settings()), EVENT) == len(tasks) * STEPS
        with connect(url, connections=4, timeout=PATIENCE * 2) as client:
            assert dict(wrong_keys(client)) == {}
        healed(outage, harm.outage_seconds)


def again(store: Store, share: Share, lost: tuple[float, float]) -> list[str]:
    """Report again what was acknowledged, or under way, while it could be lost; the ends announced then."""
    began, ended = lost
    sender = Sender(store)
    for report in dict.fromkeys(
        one.report for one in share.sent if one.began <= ended and one.acknowledged >= began
    ):
        sender.send(report)
    return sender.ends


def announced(store: Store, tasks: list[str]) -> list[str]:
    """Announce the ends whose announcers did not come to it, as the sweep would; the ids of those."""
    sender = Sender(store)
    for task_id in tasks:
        announcing.announce(store, task_id, sender.note_end, lease=timedelta(0))
    return sender.ends


@contextmanager
def no_workers() -> Iterator[None]:
    yield


@contextmanager
def workers_at_a_task(folder: Path, url: str) -> Iterator[None]:
    """Have workers run a task of many steps, which is done at the end, and announced under one id."""
    with started_stack(folder, url) as stack:
        task_id = stack.create(STEPS_OF_WORKERS, job="demo", params={"sleep_ms": 1})
        yield
        eventually(lambda: stack.told(task_id), THEIR_SECONDS, what="the workers' task does not end")
        task = stack.task(task_id)
        assert (task.state, task.done_steps, task.run) == (State.DONE, STEPS_OF_WORKERS, 1)
        assert set(stack.told(task_id)) == {f"{task_id}.1.done"}
