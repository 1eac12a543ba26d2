"""Permits: never more than allowed, and none lost to the dead, against a plain model."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.completion import lifecycle, permits
from donebit.completion.leases import Holder
from donebit.completion.permits import LONGEST_PAUSE, QUIET_AFTER, Limit
from donebit.store import Store, keys
from tests.completion import arranged
from tests.started import eventually

LIMITS = [Limit("task", "a", 2), Limit("job", "resize", 3)]


def holder(number: int) -> Holder:
    return Holder(f"message-{number}", "worker@host", number)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=30))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_as_many_hold_a_permit_as_a_plain_model_says(
    lasting_fake: tuple[Redis, Store], acts: list[tuple[bool, int]]
) -> None:
    client, store = lasting_fake
    client.flushall()
    model: set[int] = set()

    for takes, number in acts:
        if takes:
            taken = permits.take(store, LIMITS, holder(number))
            assert taken is (number in model or len(model) < 2)
            model |= {number} if taken else set()
        else:
            permits.release(store, LIMITS, holder(number))
            model -= {number}
        assert [client.zcard(keys.task_permits("a")), client.zcard(keys.job_permits("resize"))] == [
            len(model)
        ] * 2
    client.flushall()


def test_of_two_limits_none_is_taken_where_one_has_no_room(store: Store, client: Redis) -> None:
    narrow = [Limit("task", "a", 5), Limit("job", "resize", 1)]
    assert permits.take(store, narrow, holder(1))

    assert not permits.take(store, narrow, holder(2))

    assert client.zrange(keys.task_permits("a"), 0, -1) == [b"worker@host 1 message-1"]


def test_a_permit_that_ran_out_is_free_and_is_not_renewed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = [Limit("task", "a", 1)]
    monkeypatch.setattr(permits, "LEASE", timedelta(milliseconds=30))
    assert permits.take(store, one, holder(1))
    time.sleep(0.05)

    lost = permits.renew(store, one, holder(1))
    monkeypatch.setattr(permits, "LEASE", timedelta(seconds=4))

    assert not lost
    assert permits.take(store, one, holder(2))
    assert not permits.renew(store, one, holder(1))


def runs_out_ms(client: Redis) -> float:
    """When the permit of the first holder runs out."""
    at_ms = client.zscore(keys.task_permits("a"), "worker@host 1 message-1")
    assert at_ms
    return float(at_ms)


def test_a_permit_that_is_renewed_is_kept(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = [Limit("task", "a", 1)]
    assert permits.take(store, one, holder(1))

    for _ in range(3):
        before = runs_out_ms(client)
        time.sleep(0.01)
        assert permits.renew(store, one, holder(1))
        assert runs_out_ms(client) > before
        assert not permits.take(store, one, holder(2))
    monkeypatch.setattr(permits, "LEASE", timedelta(milliseconds=30))
    assert permits.renew(store, one, holder(1))
    eventually(lambda: permits.take(store, one, holder(2)), what="it is never free")


def test_the_limits_of_a_task_are_its_own_and_its_jobs(store: Store) -> None:
    limited = arranged.start(store, 3, job="demo", max_concurrency=2)
    free = arranged.start(store, 3, job="demo")

    assert permits.limits_of(limited, 5) == [Limit("task", limited.id, 2), Limit("job", "demo", 5)]
    assert permits.limits_of(limited, None) == [Limit("task", limited.id, 2)]
    assert permits.limits_of(free, None) == []


def test_who_waits_is_left_alone_by_the_sweep_for_a_while(store: Store) -> None:
    task = arranged.start(store, 1000, job="demo", max_concurrency=1)

    pauses = [permits.wait(store, task) for _ in range(20)]

    quiet = lifecycle.get_task(store, task.id).task.quiet_until
    assert quiet is not None
    assert quiet > task.created_at + QUIET_AFTER
    assert all(timedelta(0) < pause <= LONGEST_PAUSE for pause in pauses)
    assert len(set(pauses)) > 1


def test_the_text_of_a_task_without_a_limit_is_as_before(store: Store) -> None:
    free = arranged.start(store, 3, job="demo")
    limited = arranged.start(store, 3, job="demo", max_concurrency=2)

    assert "max_concurrency" not in free.spec.as_text()
    assert lifecycle.get_task(store, limited.id).task.spec.max_concurrency == 2
