"""Whoever is to be told is down, slow or broken, and those who tell die: it is told all the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

from donebit.completion import deliveries
from donebit.completion.delivery import Delivery, DeliveryOutcome
from donebit.completion.spec import Webhook
from donebit.store import keys
from tests.faults.harness.aftermath import assert_whole
from tests.faults.harness.ground import HEAL_SECONDS, Ground, Victim, pass_by
from tests.receiver import Answer, Receiver, receiving, silence, status, written
from tests.started import eventually
from tests.torture import Healed

GARBAGE = written(b"\x00 no answer at all\r\n\r\n")


def delivery(ground: Ground, victim: Victim) -> Delivery | None:
    found = deliveries.list_deliveries(ground.store, ground.now(victim))
    return found[0].delivery if found else None


def await_delivered(ground: Ground, victim: Victim) -> float:
    """Wait until it is told; how many seconds that took."""
    began = time.monotonic()

    def is_told() -> bool:
        ground.keep_worker()  # as whoever supervises one does: it may end by itself after what was done to it
        found = delivery(ground, victim)
        return found is not None and found.outcome is DeliveryOutcome.DELIVERED

    try:
        eventually(is_told, HEAL_SECONDS)
    except AssertionError:  # for whoever wonders why
        owed = ground.server.client.zrange(keys.pending("webhook"), 0, -1, withscores=True)
        said = f"it is not told: {delivery(ground, victim)}, {owed}, {ground.state(victim)}"
        raise AssertionError(said) from None
    return time.monotonic() - began


def assert_told(ground: Ground, victim: Victim, receiver: Receiver) -> None:
    """Under one id, signed, and nothing more is owed."""
    assert set(receiver.ends) == {f"{victim.id}.1.done"}
    assert all(request.event["data"]["done_steps"] == victim.task.count for request in receiver.requests)
    eventually(lambda: not ground.server.client.zcard(keys.pending("webhook")), what="it is still owed")
    assert_whole(ground, victim)


def test_a_receiver_that_is_slow_answers_500_talks_nonsense_or_redirects(
    ground: Ground, chance: Random, healed: Healed
) -> None:
    with receiving() as elsewhere, receiving() as receiver:
        troubles: list[Answer] = [status(500), status(302, Location=elsewhere.url), silence, GARBAGE]
        receiver.answers = [*chance.choices(troubles, k=chance.randint(1, 4)), status(204)]
        tries = len(receiver.answers)
        victim = ground.start(chance.randint(1, 20), webhook=Webhook(receiver.url))
        ground.await_end(victim)

        healed(await_delivered(ground, victim))

        found = delivery(ground, victim)
        assert found is not None
        assert len(found.attempts) >= tries
        assert elsewhere.requests == []
        assert_told(ground, victim, receiver)


def test_a_receiver_that_is_down(ground: Ground, chance: Random, healed: Healed) -> None:
    with receiving() as gone:
        pass
    victim = ground.start(chance.randint(1, 20), webhook=Webhook(gone.url))
    ground.await_end(victim)
    pass_by(chance.uniform(0, 2))

    with receiving(port=gone.port) as receiver:
        healed(await_delivered(ground, victim))

        assert_told(ground, victim, receiver)


def test_those_who_tell_are_killed(ground: Ground, chance: Random, healed: Healed) -> None:
    kills: list[Callable[[], object]] = [
        lambda: ground.kill_pool(ground.pool()),
        ground.kill_worker,
        ground.restart_server,
    ]
    with receiving(silence, status(500), status(204)) as receiver:
        victim = ground.start(chance.randint(1, 20), webhook=Webhook(receiver.url))
        pass_by(chance.uniform(0, 1.5))

        chance.choice(kills)()

        ground.await_end(victim)
        healed(await_delivered(ground, victim))
        assert_told(ground, victim, receiver)
