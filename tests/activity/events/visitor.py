"""One of many processes that record the same visits."""

from __future__ import annotations

import random
from collections import Counter

from donebit.activity.events import ingest
from donebit.activity.events.batching import Arrival
from donebit.activity.users.ids import User, UserKind
from donebit.store import Store
from donebit.store.client import connect
from donebit.store.store import WORKER_TIMEOUT
from tests.activity.arranged import real_now, record, record_packed, site_on

USERS, BATCHES, BATCH = 3000, 20, 900
EVENTS = {"texts": UserKind.TEXTS, "mapped": UserKind.MAPPED, "integers": UserKind.INTEGERS}


def batch_of(dice: random.Random, number: int) -> list[int]:
    return [dice.randrange(USERS) * 700 for _ in range(BATCH if number % 2 else 9)]


def user_of(event: str, number: int) -> User:
    return f"user {number}" if event == "texts" else number


def visit(store: Store, dice: random.Random) -> Counter[str]:
    """One request with visits to each of the events."""
    now = real_now()
    arrivals = [
        Arrival(event, [user_of(event, one) for one in batch_of(dice, 0)], now, kind)
        for event, kind in EVENTS.items()
    ]
    made = ingest.record_all(site_on(store), arrivals, now=now)
    return Counter({event: one.fresh_ever for (event, _), one in made.items()})


def visit_all(url: str, seed: int) -> Counter[str]:
    """Record a process's visits; how many users it was told were new, by event."""
    dice, fresh = random.Random(seed), Counter[str]()
    with connect(url, connections=4, timeout=WORKER_TIMEOUT) as client:
        store = Store.on(client)
        for number in range(BATCHES):
            users = batch_of(dice, number)
            fresh["seen"] += (record_packed if number % 3 else record)(store, users).fresh_ever
            fresh += visit(store, dice)
    return fresh
