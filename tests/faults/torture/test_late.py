"""Messages that come late, to nobody or to another task, and many sweeps at once: nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from random import Random

from donebit import queue
from donebit.completion import lifecycle, reporting
from donebit.completion.fanout import Slice
from donebit.completion.sweeping import Sweep
from donebit.completion.ttls import TaskTtls
from donebit.store import keys
from tests.completion.arranged import TTLS
from tests.faults.harness.aftermath import assert_whole, lasting_keys
from tests.faults.harness.ground import NEVER, SOON, Ground, Victim, pass_by
from tests.started import eventually
from tests.torture import Healed

SWEEPERS = 8


def send_all_again(ground: Ground, victim: Victim, chance: Random) -> None:
    """Every kind of message that the task ever had, in any order, as the broker would deliver it late."""
    task, publisher = victim.task, ground.publisher
    sends: list[Callable[[], None]] = [
        *(partial(publisher.run_slices, task, [Slice(step, step + 1)]) for step in range(task.count)),
        lambda: publisher.run_ranges(task, [(0, task.count)], careful=True),
        lambda: publisher.dispatch(task),
        lambda: publisher.probe(task),
        lambda: publisher.announce(task.id),
    ]
    for send in chance.sample(sends, len(sends)):
        send()
    ground.await_quiet()
    eventually(
        lambda: not ground.server.client.llen(keys.of_broker(queue.CONTROL)), what="messages are still there"
    )


def test_duplicates_after_the_end(ground: Ground, chance: Random, healed: Healed) -> None:
    victim = ground.start(chance.randint(1, 20))
    healed(ground.await_end(victim))
    pass_by(chance.choice([0, 1.1]))  # beyond the lease of whoever told it, too

    send_all_again(ground, victim, chance)

    assert_whole(ground, victim)
    assert set(victim.runs.values()) == {1}
    assert len(ground.told(victim)) == 1


def test_duplicates_after_the_end_of_the_tombstone(ground: Ground, chance: Random) -> None:
    victim = ground.start(chance.randint(1, 20), ttls=TaskTtls(TTLS.open, ended=timedelta(milliseconds=300)))
    eventually(lambda: ground.told(victim), what="the end is not told")
    eventually(lambda: not ground.keys_of(victim), what="the tombstone stays")

    send_all_again(ground, victim, chance)

    assert ground.keys_of(victim) == set()
    assert set(victim.runs.values()) == {1}
    assert len(ground.told(victim)) == 1
    assert lasting_keys(ground.server.client) == set()


def test_duplicates_after_a_delete_and_a_new_task_under_the_same_id(
    ground: Ground, chance: Random, healed: Healed
) -> None:
    task_id = f"again-{chance.getrandbits(32)}"
    old = ground.start(300, pause_ms=10, batch=chance.choice([1, 20]), task_id=task_id)
    pass_by(chance.uniform(0, 0.3))
    lifecycle.delete(ground.store, task_id)
    new = ground.make(60, pause_ms=10, task_id=task_id, stall_after=NEVER)
    ground.publisher.dispatch(new.task)

    send_all_again(ground, old, chance)

    healed(ground.await_end(new))
    assert_whole(ground, new)
    assert set(new.runs.values()) == {1}


def test_many_sweeps_at_once(ground: Ground, chance: Random, healed: Healed) -> None:
    ended = [ground.make(1) for _ in range(10)]
    lost = [ground.make(chance.randint(1, 5)) for _ in range(10)]
    for victim in ended:
        reporting.report(ground.store, victim.id, [0])
    for victim in lost:
        ground.note_dispatched(victim)
    pass_by(1.1)  # beyond the stall_after
    began = time.monotonic()

    def sweep(_: int) -> None:
        for victim in chance.sample(ended + lost, 20):
            ground.store.task_index.look_again(victim.id, 0)
        Sweep(ground.store, ground.publisher, TTLS).run()

    with ThreadPoolExecutor(SWEEPERS) as pool:
        list(pool.map(sweep, range(SWEEPERS * 3)))

    healed(max(ground.await_end(victim) for victim in ended + lost))
    ground.await_quiet()
    # One of these sweeps sends a task's steps again; on a busy machine another does, a stall_after later.
    at_most = 1 + int((time.monotonic() - began) / SOON.total_seconds())
    for victim in ended:
        assert ground.told(victim) == [f"{victim.id}.1.done"]
    for victim in lost:
        assert_whole(ground, victim)
        assert set(victim.runs.values()) == {1}
        assert len(ground.told(victim)) == 1
        assert 1 <= sum("made no progress" in line for line in ground.said_of(victim)) <= at_most
