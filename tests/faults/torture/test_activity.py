"""Any history of visits, flags, imports and erasures, whatever is killed, and of which answers are lost."""

from __future__ import annotations

from random import Random

from tests.faults.harness.activity_acts import ACTS, Act
from tests.faults.harness.activity_ground import ActivityGround, can_be_at_once

REQUESTS = 60


def some_act(chance: Random) -> Act:
    return chance.choice(ACTS)(chance)


def test_any_history_of_activity_counts_as_plain_sets_would(
    activity_ground: ActivityGround, chance: Random
) -> None:
    for _ in range(REQUESTS):
        acts = [some_act(chance), some_act(chance)]
        at_once = chance.random() < 0.3 and can_be_at_once(activity_ground.activity, *acts)
        with activity_ground.fault(chance):
            if at_once:
                activity_ground.do_at_once(*acts)
            else:
                activity_ground.do(acts[0])

    activity_ground.check()
