"""Redis killed, frozen, or cut off at the worst moment: nothing is lost, and no end is claimed twice."""

from __future__ import annotations

import signal
from random import Random

from tests.faults.harness.aftermath import assert_whole
from tests.faults.harness.ground import NEVER, Ground, pass_by
from tests.faults.harness.witness import Marking
from tests.started import eventually
from tests.torture import Healed


def test_redis_killed_and_started_again_on_its_append_only_file(
    ground: Ground, chance: Random, healed: Healed
) -> None:
    victim = ground.start(300, pause_ms=5, batch=chance.choice([1, 10, 100]))
    pass_by(chance.uniform(0, 0.6))

    ground.server.end()
    pass_by(chance.uniform(0, 2))
    ground.server.start()

    healed(ground.await_end(victim))
    assert_whole(ground, victim)


def test_redis_away_just_when_each_message_of_the_worker_ends(
    ground: Ground, chance: Random, healed: Healed
) -> None:
    ground.signal_pool(signal.SIGSTOP)
    for _ in ground.pool():
        ground.publisher.announce("nobody")
    eventually(ground.takes_no_more, what="they are not taken")

    ground.server.end()
    pass_by(chance.choice([0, 0, 0, 0.3]))  # mostly before the worker itself has noticed
    ground.signal_pool(signal.SIGCONT)
    pass_by(chance.uniform(1, 3))
    ground.server.start()
    victim = ground.start(20)

    healed(ground.await_end(victim))  # and not never: without credit the worker would ask for nothing
    assert_whole(ground, victim)


def test_redis_frozen_for_some_seconds(ground: Ground, chance: Random, healed: Healed) -> None:
    # Nothing is sent again by the sweep: whoever waits for an answer waits on, or asks once more.
    batch = chance.choice([1, 10, 100])
    victim = ground.start(300, pause_ms=5, batch=batch, stall_after=NEVER)
    pass_by(chance.uniform(0, 0.6))

    ground.server.process.send_signal(signal.SIGSTOP)
    pass_by(chance.uniform(5.2, 7))  # a worker waits 5 s for an answer
    ground.server.process.send_signal(signal.SIGCONT)

    healed(ground.await_end(victim))
    assert_whole(ground, victim)


def test_the_answers_to_marking_calls_lost_after_they_ran(
    ground: Ground, chance: Random, healed: Healed
) -> None:
    victim = ground.make(100, pause_ms=2, batch=chance.choice([1, 10, 100]), stall_after=NEVER)
    lost: list[Marking] = []

    def lose(marking: Marking) -> bool:
        # Any of them, and the one that says that the task has ended once for certain.
        losing = chance.random() < 0.2 or (marking.completed and not any(one.completed for one in lost))
        lost.extend([marking] if losing else [])
        return losing

    ground.witness.trap = lose
    ground.publisher.dispatch(victim.task)

    healed(ground.await_end(victim))
    assert any(marking.completed for marking in lost)
    eventually(lambda: len(ground.witness.claims[victim.id]) > 1, what="the call made again heard nothing")
    assert_whole(ground, victim)
    assert set(victim.runs.values()) == {1}
