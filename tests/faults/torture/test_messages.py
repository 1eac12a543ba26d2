"""Messages doubled, turned round and lost: each step is done, and the end is told under one id."""

from __future__ import annotations

from random import Random

import pytest

from donebit import queue
from donebit.store import keys
from tests.faults.harness.aftermath import assert_whole
from tests.faults.harness.ground import NEVER, SOON, Ground, pass_by
from tests.torture import Healed

# Turns a queue round in one act; returns how many messages were in it.
REVERSE = """
local waiting = redis.call('LRANGE', KEYS[1], 0, -1)
if #waiting > 1 then
  redis.call('DEL', KEYS[1])
  for i = 1, #waiting do redis.call('LPUSH', KEYS[1], waiting[i]) end
end
return #waiting
"""


def test_every_message_delivered_twice(ground: Ground, chance: Random, healed: Healed) -> None:
    ground.send_each_twice()
    pause_ms, batch = chance.choice([(0, 1), (3, 1), (2, 60)])

    victim = ground.start(chance.randint(100, 300), pause_ms=pause_ms, batch=batch)
    ground.publisher.dispatch(victim.task)

    healed(ground.await_end(victim))
    assert_whole(ground, victim)
    assert len(ground.told(victim)) == 1  # and not once for each time that it was asked for


def test_a_fan_out_that_takes_longer_than_the_sweep_waits(
    ground: Ground, chance: Random, healed: Healed
) -> None:
    victim = ground.make(chance.randint(400, 600), batch=1, stall_after=NEVER)
    for _ in range(3):  # as requests and sweeps ask for it that nobody has served for a while
        ground.publisher.dispatch(victim.task)

    healed(ground.await_end(victim))
    assert_whole(ground, victim)
    assert victim.runs.total() < 1.5 * victim.task.count
    assert sum("is fanned out" in line for line in ground.said_of(victim)) == 1


def test_messages_delivered_in_reverse(ground: Ground, chance: Random, healed: Healed) -> None:
    victim = ground.start(300, pause_ms=2, batch=chance.choice([1, 2, 3]))
    most = 0

    def turned_round_until_the_end() -> bool:
        nonlocal most
        names = map(keys.of_broker, queue.QUEUES)
        most = max(most, *(int(ground.server.client.eval(REVERSE, 1, name)) for name in names))
        return ground.now(victim).ended

    ground.eventually(victim, turned_round_until_the_end, what="does not end")

    healed(ground.await_end(victim))
    assert most > 10
    assert_whole(ground, victim)


def test_all_that_the_broker_holds_lost(ground: Ground, chance: Random, healed: Healed) -> None:
    victim = ground.start(300, pause_ms=5, batch=chance.choice([1, 10]))

    for _ in range(chance.randint(1, 3)):
        pass_by(chance.uniform(0, 0.4))
        ground.lose_messages()

    healed(ground.await_end(victim))
    assert_whole(ground, victim)


@pytest.mark.parametrize("batch", [1, 2], ids=["of single steps", "of slices"])
def test_a_queue_so_long_that_a_task_waits_beyond_its_stall_after(
    ground: Ground, chance: Random, healed: Healed, batch: int
) -> None:
    ahead = ground.start(60 * batch, pause_ms=150 // batch, batch=batch, stall_after=NEVER)
    ground.await_sent(ahead)
    victim = ground.start(chance.randint(2, 20), batch=batch)

    waited = ground.await_end(victim)

    healed(waited)
    assert waited > 2 * SOON.total_seconds()
    assert ground.now(victim).heals == 0
    assert_whole(ground, victim)
    assert set(victim.runs.values()) == {1}
    assert not [line for line in ground.said_of(victim) if "stalled" in line or "made no progress" in line]
