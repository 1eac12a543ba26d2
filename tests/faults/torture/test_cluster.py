"""What the nodes of a cluster go through: nothing that was acknowledged is lost, and nobody is stuck.

pytest tests/faults/torture/test_cluster.py -s       prints how long the longest report took
"""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple, cast

import pytest

from donebit import clock
from donebit.activity.events.single_visit import users_ever_seen, visit
from donebit.activity.site import Site
from donebit.addresses import LOOPBACK
from donebit.completion import lifecycle, reporting
from donebit.completion.state import State
from donebit.config import Settings
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.store.client import connect
from donebit.store.slots import SLOTS
from tests.clusters import Cluster, Node, cluster_of
from tests.completion.arranged import start
from tests.conftest import wrong_keys
from tests.faults.harness.ground import pass_by
from tests.forked import forking_context
from tests.started import eventually, say
from tests.torture import Healed, is_long

PROCESSES, STEPS = 4, 24
TASKS, TASKS_OF_A_LONG_RUN = 60, 300
GIVEN_UP_SECONDS = 60.0
MIGRATED_SLOTS, RESHARDED_SLOTS, ADDED_SLOTS = 2000, 1000, 1000
PARTED_SECONDS = 10.0
REPORTING_SECONDS = PARTED_SECONDS + 2  # so that all are still at it when the harm is done
PATIENCE = timedelta(seconds=1)
EVENT = "seen"
PLACES, APART = 25, 400_000  # of users: so far apart that every node has some

Harm = Callable[[Cluster], object]


def kill_a_primary(cluster: Cluster) -> None:
    cluster.primaries[1].end()


def fail_over_as_planned(cluster: Cluster) -> None:
    cluster.replicas[1].ask("FAILOVER")


def migrate_slots(cluster: Cluster) -> None:
    source, _, target = cluster.primaries
    source.ask("MIGRATESLOTS", "SLOTSRANGE", 0, MIGRATED_SLOTS - 1, "NODE", target.id)
    eventually(lambda: owns(target, 0), what="the slots did not move")


def owns(node: Node, slot: int) -> bool:
    found = re.search(rb"myself.* connected ([^[\n]*)", node.ask("NODES"))
    ranges = (part.split(b"-") for part in found[1].split()) if found else ()
    return any(int(part[0]) <= slot <= int(part[-1]) for part in ranges)


def lose_a_primary_and_its_replica(cluster: Cluster) -> None:
    """No slot of the cluster is served, until both are back with their files."""
    lost = (cluster.primaries[1], cluster.replicas[1])
    for node in lost:
        node.end()
    other = cluster.primaries[0]
    eventually(lambda: not other.serves(len(cluster.nodes)), what="the cluster serves without its slots")
    for node in lost:
        node.start()


def part_a_primary(cluster: Cluster) -> None:
    """A primary does not answer for ten seconds; its replica has its slots when it does again."""
    frozen, replica = cluster.primaries[1], cluster.replicas[1]
    frozen.process.send_signal(signal.SIGSTOP)
    pass_by(PARTED_SECONDS)
    assert b"myself,master" in replica.ask("NODES")
    frozen.process.send_signal(signal.SIGCONT)
    # Until it hears of the other it still takes itself for the primary, and answers as it was.
    eventually(lambda: b"myself,slave" in frozen.ask("NODES"), what="it does not follow its replica")


def reshard_key_by_key(cluster: Cluster) -> None:
    """As `--cluster reshard` does it, slot by slot."""
    source, _, target = cluster.primaries
    for slot in range(RESHARDED_SLOTS):
        target.ask("SETSLOT", slot, "IMPORTING", source.id)
        source.ask("SETSLOT", slot, "MIGRATING", target.id)
        while keys := cast(list[bytes], source.ask("GETKEYSINSLOT", slot, 100)):
            source.client.migrate(LOOPBACK, target.port, keys, 0, 5000)
        for node in (target, source):
            node.ask("SETSLOT", slot, "NODE", target.id)


def add_a_node(cluster: Cluster) -> None:
    """A seventh node, which gets slots of each primary."""
    added = cluster.add()
    for number, source in enumerate(cluster.primaries):
        first = number * SLOTS // len(cluster.primaries) + 10
        source.ask("MIGRATESLOTS", "SLOTSRANGE", first, first + ADDED_SLOTS - 1, "NODE", added.id)
        eventually(partial(owns, added, first), what="the slots did not move")


HARMS = (
    kill_a_primary,
    fail_over_as_planned,
    migrate_slots,
    lose_a_primary_and_its_replica,
    part_a_primary,
    reshard_key_by_key,
    add_a_node,
)


class Work(NamedTuple):
    """What the processes report together."""

    url: str
    tasks: list[str]
    seed: int


@pytest.fixture(scope="module")
def reporters() -> Iterator[tuple[ProcessPoolExecutor, Barrier]]:
    """The processes that report, and where they and the test meet before they begin."""
    context = forking_context()
    together = context.Barrier(PROCESSES + 1)
    with ProcessPoolExecutor(PROCESSES, context, _share_barrier, (together,)) as pool:
        yield pool, together


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_reported_outlasts_what_happens_to_the_nodes(
    harm: Harm,
    chance: random.Random,
    healed: Healed,
    reporters: tuple[ProcessPoolExecutor, Barrier],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    with cluster_of(tmp_path, 3, 3) as own:
        url = ",".join(f"redis://{node.address}" for node in own.nodes)
        store = Store.at(url, connections=4, timeout=PATIENCE * 2)
        count = TASKS_OF_A_LONG_RUN if is_long(request.config) else TASKS
        tasks = [start(store, STEPS).id for _ in range(count)]

        longest = report_through(reporters, Work(url, tasks, chance.randrange(1_000_000)), partial(harm, own))

        healed(longest)
        say(f"{harm.__name__}: the longest report took {longest:.1f} s")
        ended = [lifecycle.get_task(store, task_id).task for task_id in tasks]
        assert {(task.state, task.done_steps, task.run) for task in ended} == {(State.DONE, STEPS, 1)}
        assert users_ever_seen(Site.of(store, Settings()), EVENT) == count * STEPS
        with connect(url, connections=4, timeout=PATIENCE * 2) as client:
            assert dict(wrong_keys(client)) == {}


def report_through(
    reporters: tuple[ProcessPoolExecutor, Barrier], work: Work, harm: Callable[[], object]
) -> float:
    """Report every step of the tasks, and a visit with each, by several processes; do the harm meanwhile.

    Returns:
        The longest that a report took, sent again until it was acknowledged (s).
    """
    pool, together = reporters
    shares = [pool.submit(report_share, work, one) for one in range(PROCESSES)]
    together.wait(GIVEN_UP_SECONDS)
    pass_by(random.Random(work.seed).uniform(0.5, 2))  # the moment is what a seed is for
    harm()
    return max(one.result(GIVEN_UP_SECONDS * 2) for one in shares)


_barrier: list[Barrier] = []


def _share_barrier(barrier: Barrier) -> None:
    _barrier.append(barrier)


def report_share(work: Work, share: int) -> float:
    """Report this process's steps, and a visit with each; the longest that one took until it was kept (s)."""
    store = Store.at(work.url, connections=1, timeout=PATIENCE)
    site = Site.of(store, Settings())
    reports = [
        (number * STEPS + step, task_id, step)
        for number, task_id in enumerate(work.tasks)
        for step in range(share, STEPS, PROCESSES)
    ]
    random.Random(work.seed).shuffle(reports)
    _barrier[0].wait(GIVEN_UP_SECONDS)
    began, longest = time.monotonic(), 0.0
    for done, (user, task_id, step) in enumerate(reports):
        reported = until_kept(partial(reporting.report, store, task_id, [step]))
        visited = until_kept(partial(visit, site, EVENT, user % PLACES * APART + user, clock.now()))
        longest = max(longest, reported, visited)
        time.sleep(max(0, began + REPORTING_SECONDS * done / len(reports) - time.monotonic()))
    return longest


def until_kept(send: Callable[[], object]) -> float:
    """Send something until it is acknowledged; how long that took (s)."""
    began = time.monotonic()
    while True:
        try:
            send()
        except StoreUnavailable:
            assert time.monotonic() < began + GIVEN_UP_SECONDS, "the cluster did not come back"
            time.sleep(0.02)
        else:
            return time.monotonic() - began
