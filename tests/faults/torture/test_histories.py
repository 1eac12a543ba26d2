"""Several harms one after the other, in any order, while long steps and short ones run."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.faults.harness.aftermath import assert_whole
from tests.faults.harness.ground import NEVER, Ground, pass_by
from tests.torture import Healed

LONG_MS = 5000  # beyond a lease of 4 seconds, and five times the stall_after of the others
SKEWS = (6, -6, 3600, -3600)


def deploy(ground: Ground, chance: Random) -> None:
    """A worker whose clock is wrong takes over."""
    ground.set_clock(chance.choice(SKEWS))
    ground.end_worker(chance.uniform(0.2, 3))
    ground.start_worker()


def kill(ground: Ground, chance: Random) -> None:
    ground.set_clock(chance.choice(SKEWS))
    ground.kill_worker()
    pass_by(chance.uniform(0, 1))
    ground.start_worker()


def kill_pool(ground: Ground, chance: Random) -> None:
    pool = sorted(ground.pool())
    ground.kill_pool(chance.sample(pool, min(len(pool), chance.randint(1, 3))))


def fail_over(ground: Ground, chance: Random) -> None:
    ground.fail_over(chance.uniform(0.1, 2))


def restart_server(ground: Ground, _: Random) -> None:
    ground.restart_server()


def lose_messages(ground: Ground, _: Random) -> None:
    ground.lose_messages()


HARMS: tuple[Callable[[Ground, Random], None], ...] = (
    deploy,
    kill,
    kill_pool,
    fail_over,
    restart_server,
    lose_messages,
)


def test_any_order_of_harms(ground: Ground, chance: Random, healed: Healed) -> None:
    long = ground.start(2, pause_ms=LONG_MS, batch=1, job="endure")
    short = ground.start(300, pause_ms=10, batch=chance.choice([1, 10, 50]), job="endure")

    for harm in chance.sample(HARMS, chance.randint(2, 4)):
        pass_by(chance.uniform(0, 2))
        ground.keep_worker()
        harm(ground, chance)

    healed(max(ground.await_end(short), ground.await_end(long)))
    for victim in (short, long):
        assert_whole(ground, victim)


def test_deploys_and_failovers_are_no_attempts_of_a_long_step(
    ground: Ground, chance: Random, healed: Healed
) -> None:
    """The job gives up after two attempts, and there are more faults than that."""
    long = ground.start(1, pause_ms=LONG_MS, batch=1, stall_after=NEVER)

    for harm in chance.choices((deploy, fail_over), k=4):
        pass_by(chance.uniform(0, 1.5))
        ground.keep_worker()
        harm(ground, chance)

    healed(ground.await_end(long))
    assert ground.now(long).failed_attempts == 0
    assert_whole(ground, long)
