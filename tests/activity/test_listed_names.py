"""The lists of events and of flags have each that there is, in whatever order commands come, whoever dies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.events.deletion import forget
from donebit.activity.flags import flag, replace
from donebit.activity.users.erasure import erase
from donebit.errors import Conflict, StoreUnavailable
from donebit.store import Store
from tests.activity.arranged import record, site_on
from tests.activity.turns import run_in_turns

NAME = "seen"
DROPS, DROPS_TOO, BEGINS = "drops", "drops too", "begins"
REPLACES, ERASES = "replaces", "erases"
COMMANDS = 11  # of a process that drops one, and one more
# Both have dropped an event, and the first is about to take it out; the second has yet to look.
MARKED_BY_ANOTHER = [DROPS, DROPS_TOO] * 6 + [DROPS] * 3 + [BEGINS] * 5 + [DROPS_TOO] * 2 + [DROPS]


class Listed(NamedTuple):
    """What is listed, and how it begins, goes and is looked for."""

    begin: Callable[[Store, int], object]
    drop: Callable[[Store], object]
    is_listed: Callable[[Store], bool]
    is_there: Callable[[Store], bool]


EVENTS = Listed(
    lambda store, user: record(store, [user], NAME),
    lambda store: forget(site_on(store), NAME),
    lambda store: NAME in store.visits.events(),
    lambda store: "kind" in store.visits.about(NAME),
)
FLAGS = Listed(
    lambda store, user: flag.set_users(site_on(store), NAME, [user]),
    lambda store: flag.drop(site_on(store), NAME),
    lambda store: NAME in store.flags.flags(),
    lambda store: store.flags.about(NAME).kind is not None,
)
each_list = pytest.mark.parametrize("listed", [EVENTS, FLAGS], ids=["events", "flags"])


def run_together(listed: Listed, store: Store, order: Sequence[str], lost: dict[str, int]) -> None:
    """Begin one while two processes drop it; each may be refused, and some are cut off."""

    def dropping() -> None:
        with suppress(Conflict, StoreUnavailable):
            listed.drop(store)

    def beginning() -> None:
        with suppress(Conflict, StoreUnavailable):
            listed.begin(store, 2)

    run_in_turns({DROPS: dropping, DROPS_TOO: dropping, BEGINS: beginning}, order, lost)


@each_list
@pytest.mark.parametrize("left", range(4))
def test_what_has_begun_again_is_listed_though_who_dropped_it_dies(
    lasting: tuple[Redis, Store], listed: Listed, left: int
) -> None:
    """Begun again before any of the commands, of which so many follow."""
    client, store = lasting
    for sent in range(COMMANDS):
        client.flushall()
        listed.begin(store, 1)
        order = [DROPS] * sent + [BEGINS] * 50 + [DROPS] * left

        run_together(listed, store, order, {DROPS: sent + left, DROPS_TOO: 0})

        assert listed.is_listed(store) or not listed.is_there(store), f"after {sent} commands"


@each_list
def test_what_one_drops_is_not_listed_though_another_dies_at_it(
    lasting: tuple[Redis, Store], listed: Listed
) -> None:
    """At some of these numbers of commands it dies when its mark has just taken the place of the first's."""
    client, store = lasting
    for sent in range(6, COMMANDS):
        for lost in range(6, COMMANDS):
            client.flushall()
            listed.begin(store, 1)
            order = [DROPS_TOO] * (lost - 2) + [DROPS] * sent + [DROPS_TOO] * 2 + [DROPS] * 50

            run_together(listed, store, [*order, *[BEGINS] * 50], {DROPS_TOO: lost, BEGINS: 0})

            assert not listed.is_listed(store), f"after {sent} commands, and {lost} of another"


@each_list
@given(
    order=st.lists(st.sampled_from([DROPS, DROPS_TOO, BEGINS]), max_size=40),
    lost=st.dictionaries(st.sampled_from([DROPS, DROPS_TOO]), st.integers(0, COMMANDS), max_size=1),
)
@example(order=MARKED_BY_ANOTHER, lost={})
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_list_has_what_is_there_in_whatever_order_commands_come(
    lasting: tuple[Redis, Store], listed: Listed, order: list[str], lost: dict[str, int]
) -> None:
    client, store = lasting
    client.flushall()
    listed.begin(store, 1)

    run_together(listed, store, order, lost)

    assert listed.is_listed(store) or not listed.is_there(store)
    if not lost:
        assert listed.is_listed(store) == listed.is_there(store)


@pytest.mark.parametrize("was_there", [True, False])
@pytest.mark.parametrize("read", [7, 9, 11])  # commands of a replacement, of which some read its users
def test_who_is_erased_while_a_flag_is_dropped_and_made_stays_erased(
    lasting: tuple[Redis, Store], was_there: bool, read: int
) -> None:
    client, store = lasting
    site = site_on(store)
    acts = {
        DROPS: lambda: flag.drop(site, NAME),
        REPLACES: lambda: replace.assign_users(site, NAME, ["ada", "bob"]),
        ERASES: lambda: erase(site, "ada"),
    }
    for sent in range(COMMANDS):
        for before in ([DROPS] * sent + [REPLACES] * read + [DROPS] * 50, [REPLACES] * read + [DROPS] * sent):
            client.flushall()
            record(store, ["ada"])
            if was_there:
                flag.set_users(site, NAME, ["ada", "bob"])

            run_in_turns(acts, [*before, *[ERASES] * 50], {})

            members = store.directory.ids_of(flag.members(site, NAME, limit=9).tolist())
            assert None not in members, before
