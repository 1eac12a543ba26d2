"""All workers are told to end in the midst of a large task, and others take their place."""

from __future__ import annotations

import signal
from random import Random

from tests.faults.harness.aftermath import assert_whole
from tests.faults.harness.ground import HEAL_SECONDS, NEVER, Ground
from tests.started import eventually, say
from tests.torture import Healed

STEPS = 100_000
BATCH = 5_000  # which take some tenths of a second, so that each process is in the midst of one
END_SECONDS = 30.0  # half of what units, containers and pods are given


def test_a_new_set_of_workers_goes_on_with_a_task(ground: Ground, chance: Random, healed: Healed) -> None:
    leaving = [ground.worker, ground.start_another_worker()]
    # Nothing is sent again by the sweep, which would hide that something was lost.
    victim = ground.start(STEPS, batch=BATCH, stall_after=NEVER)
    enough = chance.randint(1, STEPS // 2)
    eventually(lambda: ground.now(victim).done_steps >= enough, HEAL_SECONDS, what="so many are not done")

    for worker in leaving:
        worker.send(signal.SIGTERM)
    left = ground.now(victim).missing_steps
    coming = ground.start_another_worker()
    ground.start_worker()
    codes = [worker.exit_code(END_SECONDS) for worker in leaving]

    healed(ground.await_end(victim))
    coming.send(signal.SIGTERM)
    coming.exit_code(END_SECONDS)
    runs = victim.runs
    repeated = runs.total() - len(runs)
    say(f"SIGTERM with {left} of {STEPS} steps to do: {repeated} ran twice")
    assert codes == [0, 0]
    assert left > 0
    assert repeated <= STEPS // 1000
    assert_whole(ground, victim)
