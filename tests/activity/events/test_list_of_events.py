"""The list of all events has every event there is, whatever else is under way, and whoever dies at it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.events.deletion import forget
from donebit.errors import Conflict, StoreUnavailable
from donebit.store import Store
from tests.activity.arranged import record, site_on
from tests.activity.events.turns import run_in_turns

EVENT = "seen"
FORGETS, FORGETS_TOO, VISITS = "forgets", "forgets too", "visits"
COMMANDS = 11  # of a process that forgets an event, and one more
# Both have dropped it, and the first is about to take it out of the list; the second has yet to look.
MARKED_BY_ANOTHER = [FORGETS, FORGETS_TOO] * 6 + [FORGETS] * 3 + [VISITS] * 5 + [FORGETS_TOO] * 2 + [FORGETS]


def run_together(store: Store, order: Sequence[str], lost: dict[str, int]) -> None:
    """Visit an event while two processes forget it; each may be refused, and some are cut off."""

    def forgetting() -> None:
        with suppress(Conflict, StoreUnavailable):
            forget(site_on(store), EVENT)

    def visiting() -> None:
        with suppress(Conflict, StoreUnavailable):
            record(store, [2], EVENT)

    run_in_turns({FORGETS: forgetting, FORGETS_TOO: forgetting, VISITS: visiting}, order, lost)


def is_listed(store: Store) -> bool:
    return EVENT in store.visits.events()


def is_there(store: Store) -> bool:
    return "kind" in store.visits.about(EVENT)


@pytest.mark.parametrize("left", range(4))
def test_an_event_begun_again_is_listed_though_who_forgot_it_dies(
    lasting: tuple[Redis, Store], left: int
) -> None:
    """Begun again before any of the commands, of which so many follow."""
    client, store = lasting
    for sent in range(COMMANDS):
        client.flushall()
        record(store, [1], EVENT)
        order = [FORGETS] * sent + [VISITS] * 50 + [FORGETS] * left

        run_together(store, order, {FORGETS: sent + left, FORGETS_TOO: 0})

        assert is_listed(store) or not is_there(store), f"after {sent} commands"


@given(
    order=st.lists(st.sampled_from([FORGETS, FORGETS_TOO, VISITS]), max_size=40),
    lost=st.dictionaries(st.sampled_from([FORGETS, FORGETS_TOO]), st.integers(0, COMMANDS), max_size=1),
)
@example(order=MARKED_BY_ANOTHER, lost={})
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_list_has_what_is_there_in_whatever_order_commands_come(
    lasting: tuple[Redis, Store], order: list[str], lost: dict[str, int]
) -> None:
    client, store = lasting
    client.flushall()
    record(store, [1], EVENT)

    run_together(store, order, lost)

    assert is_listed(store) or not is_there(store)
    if not lost:
        assert is_listed(store) == is_there(store)
