"""What must be so after every fault."""

from __future__ import annotations

from collections.abc import Collection

from redis import Redis

from donebit.completion import failing
from donebit.completion.state import State
from tests.conftest import keys_without_ttl
from tests.faults.harness.ground import Ground, Victim

OF_THE_BROKER = tuple(
    f"donebit:{name}" for name in ("donebit.", "unacked", "_kombu.")
)  # Celery's own, which stay


def assert_whole(ground: Ground, victim: Victim, *, given_up: Collection[int] = ()) -> None:
    """Each step done or given up, the end claimed once, told under one id, and nothing left behind."""
    ground.await_quiet()
    assert_steps(ground, victim, set(given_up))
    assert_told_once(ground, victim)
    assert lasting_keys(ground.server.client) == set()


def assert_steps(ground: Ground, victim: Victim, given_up: set[int]) -> None:
    task, steps = ground.now(victim), set(range(victim.task.count))

    assert task.state is (State.FAILED if given_up else State.DONE)
    assert (task.missing_steps, task.failed_steps) == (0, len(given_up))
    assert {one.step for one in failing.list_failures(ground.store, task, limit=1000).failures} == given_up
    assert steps - given_up <= set(victim.runs) <= steps


def assert_told_once(ground: Ground, victim: Victim) -> None:
    task = ground.now(victim)

    assert len(set(ground.witness.claims[victim.id])) == 1  # of one call, however often it was made
    assert set(ground.told(victim)) == {f"{task.id}.{task.run}.{task.state}"}
    assert task.announced_at is not None
    assert not ground.is_open(victim)


def lasting_keys(client: Redis) -> set[str]:
    """Keys of the product's that stay for ever."""
    return {key for key in keys_without_ttl(client) if not key.startswith(OF_THE_BROKER)}
