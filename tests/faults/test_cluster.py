"""A cluster as the store: everything runs on it, and what its nodes go through loses no acknowledged mark.

pytest tests/faults/test_cluster.py -s       prints the seed of each, and how long nobody got through
"""

from __future__ import annotations

import random
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from donebit.completion import lifecycle, reporting
from donebit.completion.state import State
from donebit.errors import StoreUnavailable
from donebit.store import Store
from tests.clusters import Cluster, Node, cluster_of
from tests.completion.arranged import start
from tests.faults.test_least_privilege import LINES, delivered, refused
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually

DOCS = Path(__file__).parents[2] / "docs" / "cluster.md"
OF_CLUSTER = re.findall(r"^ACL SETUSER .*$", DOCS.read_text(), re.MULTILINE)

PROCESSES, TASKS, STEPS = 4, 300, 24
GIVEN_UP_SECONDS = 60.0
MIGRATED_SLOTS = 2000


def test_everything_runs_on_a_cluster_with_the_documented_user(cluster: Cluster, tmp_path: Path) -> None:
    for node in cluster.primaries:
        for line in (LINES[0], *OF_CLUSTER):
            node.client.execute_command(*shlex.split(line))  # type: ignore[no-untyped-call]  # the library leaves it untyped
        node.client.acl_log_reset()
    with stack_on(cluster.url.replace("redis://", "redis://donebit:PASSWORD@"), tmp_path) as stack:
        use(stack)
        refusals = [one for node in cluster.primaries for one in refused(node.client)]
    for node in cluster.primaries:
        node.client.acl_deluser("donebit")
    cluster.flush()

    assert refusals == []


@contextmanager
def stack_on(store_url: str, folder: Path) -> Iterator[Stack]:
    stack = Stack(folder, store_url)
    try:
        stack.start()
        yield stack
    finally:
        stack.close()


def use(stack: Stack) -> None:
    """Use every part of the product once, and see that it answers."""
    then = {"job": "demo", "count": 3}
    first = stack.create(300, job="demo", params={"sleep_ms": 1}, then=then)
    stack.await_told(first)
    stack.await_told(stack.create_items(["a", "b"], job="length"), swept=True)
    stack.await_told(stack.trigger_done(5, 0), swept=True)
    assert ask("POST", f"{stack.trigger}/trigger/distinct?count=20").status == 202
    eventually(lambda: delivered(stack.store), DONE_SECONDS, what="an end is not delivered")
    changes: list[tuple[str, str, object]] = [
        ("POST", "/events/seen", {"users": [1, 2, 3_000_000, 4_000_000_000]}),
        ("POST", "/events/texts", {"users": ["a", "b"]}),
        ("PUT", "/flags/letter/users", {"users": [1, 9], "ranges": [[100, 2_000_000]]}),
        ("PUT", "/flags/both", {"text": "seen & flag:letter | seen"}),
        ("DELETE", "/users/2", None),
    ]
    kept = {path: ask(method, stack.distinct + path, body).status for method, path, body in changes}
    assert set(kept.values()) == {200}, kept
    paths = [
        *((stack.done, f"/tasks/{first}{part}") for part in ("", "/missing", "/failures", "/bitmap")),
        *((stack.done, path) for path in ("/tasks?state=done", "/workers", "/workers/log")),
        *((base, path) for base in stack.services().values() for path in ("/metrics", "/health")),
        *((stack.trigger, page) for page in ("/", "/workers")),
        (stack.distinct, "/distinct"),
        (stack.distinct, "/flags"),
        (stack.distinct, "/flags/both/users"),
        (stack.distinct, "/events/seen/retention"),
        (stack.distinct, "/query?text=seen%20%7C%20flag:both"),
    ]
    answers = {path: ask("GET", f"{base}{path}", within_seconds=20).status for base, path in paths}
    assert set(answers.values()) == {200}, answers


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
    found = re.search(rb"myself.* connected (.*)", node.ask("NODES"))
    ranges = (part.split(b"-") for part in found[1].split()) if found else ()
    return any(int(part[0]) <= slot <= int(part[-1]) for part in ranges)


@pytest.mark.parametrize("harm", [kill_a_primary, fail_over_as_planned, migrate_slots])
def test_300_tasks_outlast_what_happens_to_their_nodes(harm: Harm, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    sys.stdout.write(f"{harm.__name__}: seed {seed}\n")
    with cluster_of(tmp_path, 3, 3) as own:
        url = ",".join(f"redis://{node.address}" for node in own.nodes)
        store = Store.at(url, connections=4, timeout=timedelta(seconds=2))
        tasks = [start(store, STEPS).id for _ in range(TASKS)]
        longest = report_through(url, tasks, seed, lambda: harm(own))
        sys.stdout.write(f"{harm.__name__}: the longest report took {longest:.1f} s\n")

        ended = [lifecycle.get_task(store, task_id).task for task_id in tasks]
        assert {(task.state, task.done_steps, task.run) for task in ended} == {(State.DONE, STEPS, 1)}


def report_through(url: str, tasks: list[str], seed: int, harm: Callable[[], object]) -> float:
    """Report every step of the tasks by several processes, and do the harm meanwhile.

    Returns:
        The longest that a report took, sent again until it was acknowledged (s).
    """
    context = get_context("spawn")
    together = context.Barrier(PROCESSES + 1)
    with ProcessPoolExecutor(PROCESSES, context, _share_barrier, (together,)) as pool:
        shares = [pool.submit(report_share, url, tasks, seed, one) for one in range(PROCESSES)]
        together.wait(GIVEN_UP_SECONDS)
        time.sleep(random.Random(seed).uniform(0.5, 2))  # the moment is what a seed is for
        harm()
        return max(one.result(GIVEN_UP_SECONDS * 2) for one in shares)


_barrier: list[Barrier] = []


def _share_barrier(barrier: Barrier) -> None:
    _barrier.append(barrier)


def report_share(url: str, tasks: list[str], seed: int, share: int) -> float:
    """Report this process's steps, each until it is acknowledged; the longest that one took (s)."""
    store = Store.at(url, connections=1, timeout=timedelta(seconds=1))
    reports = [(task_id, step) for task_id in tasks for step in range(share, STEPS, PROCESSES)]
    random.Random(seed).shuffle(reports)
    _barrier[0].wait(GIVEN_UP_SECONDS)
    longest = 0.0
    for task_id, step in reports:
        began = time.monotonic()
        report_until_kept(store, task_id, step)
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.002)  # so that all are still at it when the harm is done
    return longest


def report_until_kept(store: Store, task_id: str, step: int) -> None:
    deadline = time.monotonic() + GIVEN_UP_SECONDS
    while True:
        try:
            reporting.report(store, task_id, [step])
        except StoreUnavailable:
            assert time.monotonic() < deadline, "the cluster did not come back"
            time.sleep(0.02)
        else:
            return
