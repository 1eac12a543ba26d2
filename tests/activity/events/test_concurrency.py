"""Many who record at once, and a server that is killed meanwhile."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from donebit.activity.events import ingest
from donebit.activity.events.batching import Arrival
from donebit.activity.sets import algebra
from donebit.activity.users import id_mapping
from donebit.activity.users.ids import UserKind
from donebit.errors import InvalidInput, StoreUnavailable
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from donebit.store.client import connect
from donebit.store.store import WORKER_TIMEOUT
from donebit.store.visits import VisitStore
from tests.activity.arranged import count, real_now, record, site_on
from tests.activity.events.visitor import BATCHES, EVENTS, batch_of, user_of, visit_all
from tests.clustered import in_one_piece
from tests.forked import forking_context
from tests.servers import running, valkey_binary

PROCESSES = 8


def users_of(seed: int) -> dict[str, set[int]]:
    """Whom a visitor of this seed visits each of the events as."""
    dice, users = random.Random(seed), defaultdict[str, set[int]](set)
    for number in range(BATCHES):
        users["seen"] |= {*batch_of(dice, number)}
        for event in EVENTS:
            users[event] |= {*batch_of(dice, 0)}
    return users


@pytest.mark.usefixtures("real_client")
def test_eight_processes_lose_no_visit_and_each_user_is_new_to_one_of_them(
    real_url: str, real_store: Store
) -> None:
    with ProcessPoolExecutor(PROCESSES, forking_context()) as pool:
        told = list(pool.map(visit_all, [real_url] * PROCESSES, range(PROCESSES), timeout=100))

    visited = [users_of(seed) for seed in range(PROCESSES)]
    for event in ("seen", *EVENTS):
        distinct = set().union(*(users[event] for users in visited))
        assert count(real_store, event) == sum(fresh.get(event, 0) for fresh in told) == len(distinct), event
    site, members = site_on(real_store), algebra.members(real_store, Bitmap("texts", "all"), limit=10**6)
    distinct = set().union(*(users["texts"] for users in visited))
    assert set(id_mapping.names_of(site, UserKind.TEXTS, members)) == {f"user {one}" for one in distinct}


def test_texts_that_come_at_once_get_one_number_each_without_gaps(real_store: Store) -> None:
    in_one_piece(real_store)
    texts = [f"user {number}" for number in range(500)]

    def numbers(seed: int) -> dict[str, int]:
        mixed = random.Random(seed).sample(texts, len(texts))
        return dict(zip(mixed, real_store.directory.number_users(mixed), strict=True))

    with ThreadPoolExecutor(8) as threads:
        first, *others = threads.map(numbers, range(8))

    assert all(other == first for other in others)
    assert sorted(first.values()) == list(range(500))


def test_of_two_first_batches_of_different_kinds_one_is_refused(real_store: Store) -> None:
    def first(event: str, user: int | str) -> bool:
        try:
            record(real_store, [user], event)
        except InvalidInput:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        for number in range(50):
            event = f"event-{number}"
            taken = list(threads.map(first, [event, event], [1, "one"]))

            assert sorted(taken) == [False, True]


def test_a_batch_that_the_server_died_in_is_sent_again_and_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_users, calls = VisitStore.mark_users, 0
    monkeypatch.setattr(ingest, "SEGMENTS_A_CALL", 1)
    users = [segment * SEGMENT_BITS + 3 for segment in range(6)]
    with (
        running(valkey_binary(), tmp_path) as server,
        connect(server.url, connections=4, timeout=WORKER_TIMEOUT) as client,
    ):
        store = Store.on(client)

        def die_midway(self: VisitStore, event: str, *visits: Any) -> object:
            nonlocal calls
            calls += 1
            if calls == 4:
                server.end()
            return mark_users(self, event, *visits)

        monkeypatch.setattr(VisitStore, "mark_users", die_midway)
        with pytest.raises(StoreUnavailable):
            record(store, users)
        server.start()
        kept = bits_of(client)
        made = record(store, users)

        assert kept == 3
        assert (made.received, made.fresh_ever) == (6, 3)
        assert count(store) == 6


@pytest.mark.parametrize("killed_after", [0.0, 0.02, 0.05, 0.1])
def test_a_batch_sent_again_after_a_killed_server_is_counted_exactly(
    tmp_path: Path, killed_after: float
) -> None:
    """All kinds, so that numbers are given and bits are set around the kill; SIGKILL, and its own log."""
    now, parts = real_now(), range(0, 40_000, 8000)
    arrivals = [
        Arrival(event, [user_of(event, user * 900) for user in range(first, first + 8000)], now, kind)
        for first in parts
        for event, kind in EVENTS.items()
    ]
    with (
        running(valkey_binary(), tmp_path) as server,
        connect(server.url, connections=4, timeout=WORKER_TIMEOUT) as client,
    ):
        store = Store.on(client)
        killer = threading.Timer(killed_after, server.end)
        killer.start()
        with suppress(StoreUnavailable):
            ingest.record_all(site_on(store), arrivals, now=now)
        killer.join()
        server.start()

        before = {event: count(store, event) for event in EVENTS}
        made = ingest.record_all(site_on(store), arrivals, now=now)
        again = ingest.record_all(site_on(store), arrivals, now=now)

        for (event, _), one in made.items():
            assert (one.received, one.fresh_ever) == (40_000, 40_000 - before[event])
            assert count(store, event) == 40_000
        assert [one.fresh_ever for one in again.values()] == [0, 0, 0]
        texts = [user_of("texts", user * 900) for user in range(40_000)]
        numbers = store.directory.known([str(text) for text in texts])
        assert len(set(numbers.tolist())) == 40_000
        assert store.directory.ids_of(numbers.tolist()) == texts


def bits_of(client: Redis) -> int:
    return sum(client.bitcount(key) for key in client.scan_iter("donebit:seen:{[0-9]}:seen:all"))
