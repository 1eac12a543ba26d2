"""A forgotten event leaves nothing; what is visited meanwhile is counted or gone, never in between."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from donebit.activity.events.deletion import forget
from donebit.errors import Conflict, InvalidInput
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from donebit.store.visits import VisitStore
from tests.activity.arranged import count, real_now, record, site_on
from tests.conftest import keys_in_use


def of_event(client: Redis, event: str) -> list[bytes]:
    return [key for key in client.scan_iter() if event.encode() in key]


def test_all_of_an_event_is_forgotten_and_nothing_of_another(store: Store, client: Redis) -> None:
    for days in (0, 1, 40):
        record(store, [1, SEGMENT_BITS * 3], "this", at=real_now() - timedelta(days=days))
    record(store, [1, 2], "that")
    that = of_event(client, "that")

    forget(site_on(store), "this")

    assert of_event(client, "this") == []
    assert sorted(of_event(client, "that")) == sorted(that)
    assert (count(store, "this"), count(store, "that")) == (0, 2)


def test_an_event_whose_deletion_was_interrupted_is_forgotten_by_the_next(
    store: Store, client: Redis
) -> None:
    client.hset(keys.EVENTS, "e", "integers")

    assert [forget(site_on(store), "e") for _ in range(2)] == [True, False]
    assert store.visits.events() == {}


def test_a_forgotten_event_may_begin_anew_with_the_other_kind(store: Store) -> None:
    record(store, [1])
    forget(site_on(store), "seen")

    record(store, ["a"])

    assert count(store) == 1


def test_forgetting_what_was_never_seen_makes_no_key(store: Store, client: Redis) -> None:
    forget(site_on(store), "never")

    assert list(client.scan_iter()) == []


def test_an_event_must_have_a_name(store: Store) -> None:
    with pytest.raises(InvalidInput, match="event"):
        forget(site_on(store), "no name")


def test_a_visit_while_its_event_is_forgotten_is_registered_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment between the registry and the bits: what is written then must be found again."""
    mark_users, interruptions = VisitStore.mark_users, [None]

    def forget_first(self: VisitStore, event: str, *visits: Any) -> object:
        if interruptions:
            interruptions.pop()
            forget(site_on(store), event)
        return mark_users(self, event, *visits)

    record(store, [1])
    monkeypatch.setattr(VisitStore, "mark_users", forget_first)

    record(store, [2])

    assert count(store) == 1
    forget(site_on(store), "seen")
    assert store.bitmaps.segments([Bitmap("seen", "all")]) == [[]]


def test_a_visit_between_the_bitmaps_and_the_registry_is_forgotten_too(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_event = VisitStore.drop_event

    def visit_first(self: VisitStore, event: str, periods: list[str]) -> bool:
        record(store, [2], event)
        return drop_event(self, event, periods)

    record(store, [1])
    monkeypatch.setattr(VisitStore, "drop_event", visit_first)

    forget(site_on(store), "seen")

    assert keys_in_use(client) == [keys.LAYOUT.encode()]


def test_deleting_an_event_that_changes_at_every_attempt_is_a_conflict(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, [1])
    monkeypatch.setattr(VisitStore, "drop_event", lambda *_: False)

    with pytest.raises(Conflict, match="event seen is changing too fast to be forgotten"):
        forget(site_on(store), "seen")


def test_visits_that_race_with_forgetting_are_counted_or_gone(real_store: Store, real_client: Redis) -> None:
    stop = threading.Event()

    def visit(first: int) -> None:
        for user in range(first, first + 150):
            with suppress(Conflict):  # forgotten too often meanwhile, and said so
                record(real_store, [user])

    def keep_forgetting() -> None:
        while not stop.is_set():
            with suppress(Conflict):
                forget(site_on(real_store), "seen")

    visitors = [threading.Thread(target=visit, args=(segment * SEGMENT_BITS,)) for segment in range(4)]
    forgetter = threading.Thread(target=keep_forgetting)
    for thread in (*visitors, forgetter):
        thread.start()
    for thread in visitors:
        thread.join()
    stop.set()
    forgetter.join()

    counted = count(real_store)
    bits = [real_client.bitcount(keys.segment(segment, "seen", "all")) for segment in range(4)]
    assert counted == sum(bits)  # no bit is outside the registry
    forget(site_on(real_store), "seen")
    assert of_event(real_client, "seen") == []
