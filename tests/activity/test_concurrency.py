"""Many who record at once, and a server that is killed meanwhile."""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from shared.activity import ingest
from shared.errors import InvalidInput, StoreUnavailable
from shared.store import Store
from shared.store.bitmaps import SEGMENT_BITS
from shared.store.client import connect
from shared.store.store import WORKER_PATIENCE
from shared.store.visits import VisitStore
from tests.activity.arranged import count, record
from tests.activity.visitor import BATCH, BATCHES, USERS
from tests.servers import RunningServer, running, valkey_binary
from tests.started import REPOSITORY

PROCESSES = 8


def users_of(seed: int) -> set[int]:
    dice = random.Random(seed)
    return {
        dice.randrange(USERS) * 700 for number in range(BATCHES) for _ in range(BATCH if number % 2 else 9)
    }


@pytest.mark.usefixtures("real_client")
def test_eight_processes_lose_no_visit_and_each_user_is_new_to_one_of_them(
    valkey: RunningServer, real_store: Store
) -> None:
    command = [sys.executable, "-m", "tests.activity.visitor", str(valkey.port)]

    visitors = [
        subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        for seed in range(PROCESSES)
    ]
    told_fresh = [int(visitor.communicate(timeout=60)[0]) for visitor in visitors]

    distinct = len(set().union(*map(users_of, range(PROCESSES))))
    assert count(real_store) == sum(told_fresh) == distinct


def test_texts_that_come_at_once_get_one_number_each_without_gaps(real_store: Store) -> None:
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
        connect(server.url, connections=4, patience=WORKER_PATIENCE) as client,
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


def bits_of(client: Redis) -> int:
    return sum(client.bitcount(key) for key in client.scan_iter("seen:{[0-9]}:seen:all"))
