"""Whoever is killed, and when: each step is done or given up, and the end is told under one id."""

from __future__ import annotations

import os
import signal
from random import Random

from tests.faults.harness.aftermath import assert_whole
from tests.faults.harness.ground import NEVER, Ground, pass_by
from tests.faults.harness.witness import Marking
from tests.started import eventually
from tests.torture import Healed


def test_pool_processes_killed_in_a_step(ground: Ground, chance: Random, healed: Healed) -> None:
    # Nothing is sent again by the sweep: each message is kept until its work is done.
    batch = chance.choice([2, 10, 50])
    victim = ground.start(300, pause_ms=10, batch=batch, stall_after=NEVER)
    eventually(lambda: ground.now(victim).done_steps, what="nothing is done")
    pass_by(chance.uniform(0, 0.6))

    pool = sorted(ground.pool())  # a process that was killed before may not be replaced yet
    ground.kill_pool(chance.sample(pool, min(len(pool), chance.randint(1, 3))))

    healed(ground.await_end(victim))
    assert_whole(ground, victim)


def test_the_whole_worker_killed(ground: Ground, chance: Random, healed: Healed) -> None:
    victim = ground.start(300, pause_ms=10, batch=chance.choice([1, 10, 50]))
    pass_by(chance.uniform(0, 0.9))

    ground.kill_worker()
    ground.start_worker()

    healed(ground.await_end(victim))
    assert_whole(ground, victim)


def test_a_worker_killed_between_the_claim_and_the_announcement(
    ground: Ground, chance: Random, healed: Healed
) -> None:
    victim = ground.make(chance.randint(1, 40), batch=chance.choice([1, 5]))
    delay = chance.choice([0, 0, chance.uniform(0, 0.004)])

    def kill(marking: Marking) -> bool:
        if marking.completed:
            pass_by(delay)
            os.killpg(ground.worker.process.pid, signal.SIGKILL)
        return marking.completed

    ground.witness.trap = kill
    ground.publisher.dispatch(victim.task)
    ground.worker.exit_code(30)
    told = ground.told(victim)
    ground.start_worker()

    healed(ground.await_end(victim))
    assert told == [] or delay  # a kill that waits may find it announced
    assert_whole(ground, victim)


def test_a_dispatcher_killed_half_way_through_the_fan_out(
    ground: Ground, chance: Random, healed: Healed
) -> None:
    victim = ground.make(chance.randint(20, 400), batch=1)
    who = chance.choice(["all", "alone"])
    ground.die_after(chance.randrange(victim.task.count), who)

    ground.publisher.dispatch(victim.task)
    eventually(ground.has_died, what="nobody has died")
    dispatched_at = ground.now(victim).dispatched_at
    if who == "all":
        ground.worker.exit_code()
        ground.start_worker()

    healed(ground.await_end(victim))
    assert dispatched_at is None
    assert_whole(ground, victim)


def test_steps_that_kill_their_process_every_time(ground: Ground, chance: Random, healed: Healed) -> None:
    count = chance.randint(5, 40)
    deadly = chance.sample(range(count), chance.randint(1, 3))
    victim = ground.start(count, deadly=deadly, batch=chance.choice([1, 8, 40]))

    healed(ground.await_end(victim))
    assert all(victim.runs[step] >= 2 for step in deadly)
    assert_whole(ground, victim, given_up=deadly)
