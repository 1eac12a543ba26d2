"""Any sequence of flags, ranges, visits and erasures, against sets of plain Python."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import counts
from donebit.activity.events import ingest
from donebit.activity.flags import flag as flags
from donebit.activity.periods.calendar import ALL_TIME
from donebit.activity.query import run, text
from donebit.activity.site import Site
from donebit.activity.users import id_ranges
from donebit.activity.users.erasure import erase
from donebit.activity.users.ids import LARGEST_ID, User
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS
from tests.activity.arranged import real_now, site_on
from tests.conftest import keys_without_ttl

Span = tuple[int, int]
Step = tuple[str, str, list[User], list[Span]]

PLACES = st.sampled_from(
    [0, 1, 7, 8, 9, 15, 16, 17, 63, 64, *(s * SEGMENT_BITS + bit for s in (1, 2) for bit in range(-9, 10))]
)
INTEGERS = PLACES | st.just(LARGEST_ID)
SHORT = st.tuples(PLACES, st.integers(1, 70)).map(lambda one: (one[0], one[0] + one[1]))
LONG = st.tuples(PLACES, PLACES).filter(lambda one: one[0] < one[1])
SPANS = st.lists(SHORT | LONG, max_size=4)
NONE: st.SearchStrategy[list[Span]] = st.just([])
TEXTS = st.sampled_from(["a", "b", "ä", "7", "x" * 200])


def step(
    actions: list[str],
    names: list[str],
    users: st.SearchStrategy[Any],
    spans: st.SearchStrategy[Any] = NONE,
) -> st.SearchStrategy[Any]:
    chosen = st.lists(users, min_size=1, max_size=6)
    return st.tuples(st.sampled_from(actions), st.sampled_from(names), chosen, spans)


# The flags of texts are others than those of integers: a mix is refused, which other tests are about.
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        step(["set", "clear"], ["f", "g"], INTEGERS, SPANS),
        step(["set", "clear"], ["t"], TEXTS),
        step(["save"], ["f", "g"], INTEGERS),
        step(["visit"], ["numbers"], INTEGERS),
        step(["visit"], ["texts"], TEXTS),
        step(["erase"], [""], INTEGERS | TEXTS),
    ),
    max_size=14,
)


class Spanned:
    """A set of integers that may hold millions in a row, as bytes of one each, and the largest id."""

    def __init__(self) -> None:
        self.near = np.zeros(3 * SEGMENT_BITS, np.bool_)
        self.largest = False

    def put(self, users: list[User], spans: list[Span], *, value: bool) -> int:
        before = len(self)
        for user in users:
            if user == LARGEST_ID:
                self.largest = value
            else:
                self.near[int(user)] = value
        for start, stop in spans:
            self.near[start:stop] = value
        return abs(len(self) - before)

    def __len__(self) -> int:
        return int(np.count_nonzero(self.near)) + self.largest

    def first(self, limit: int) -> list[int]:
        return [*np.flatnonzero(self.near)[:limit].tolist(), *([LARGEST_ID] if self.largest else [])][:limit]


@dataclass
class Model:
    numbers: dict[str, Spanned] = field(default_factory=lambda: defaultdict(Spanned))
    texts: dict[str, set[User]] = field(default_factory=lambda: defaultdict(set))
    seen: dict[str, set[User]] = field(default_factory=lambda: defaultdict(set))

    def flag(self, name: str, users: list[User], spans: list[Span], *, value: bool) -> int:
        """How many changed."""
        if name != "t":
            return self.numbers[name].put(users, spans, value=value)
        before = set(self.texts[name])
        self.texts[name] = before | set(users) if value else before - set(users)
        return len(before ^ self.texts[name])

    def erase(self, user: User) -> None:
        if isinstance(user, str):
            self.texts["t"].discard(user)
        else:
            for flag in self.numbers.values():
                flag.put([user], [], value=False)
        for users in self.seen.values():
            users.discard(user)


def take(site: Site, model: Model, step: Step) -> None:
    """Do one step in both."""
    action, name, users, spans = step
    now = real_now()
    match action:
        case "set":
            assert flags.set_users(site, name, users, spans) == model.flag(name, users, spans, value=True)
        case "clear":
            assert flags.clear_users(site, name, users, spans) == model.flag(name, users, spans, value=False)
        case "save":
            run.save(site, "saved", text.parse(f"flag:{name}"), now=now)
            model.numbers["saved"] = deepcopy(model.numbers[name])
        case "visit":
            ingest.record(site, name, users, at=now, now=now)
            model.seen[name] |= set(users)
        case "erase":
            erase(site, users[0])
            model.erase(users[0])


def check(client: Redis, steps: list[Step]) -> None:
    site, model = site_on(Store.on(client)), Model()

    for step in steps:
        take(site, model, step)

    for name, numbers in model.numbers.items():
        assert flags.count(site, name) == len(numbers)
        assert flags.members(site, name, limit=9).tolist() == numbers.first(9)
    assert flags.count(site, "t") == len(model.texts["t"])
    for name in ("a", "b", "ä", "7"):
        assert flags.has(site, "t", name) == (name in model.texts["t"])
    for name, seen in model.seen.items():
        assert counts.count(site, name, ALL_TIME) == len(seen)
        for user in seen:
            assert counts.present(site, name, user, ALL_TIME)
    for flag in flags.all_flags(site):
        flags.drop(site, flag.name)
    assert not [key for key in keys_without_ttl(client) if key.startswith("donebit:flag:")]


@settings(max_examples=24, deadline=None)
@given(STEPS)
def test_any_flags_are_as_sets_would_be_on_fakeredis(steps: list[Step]) -> None:
    with FakeRedis(version=(7, 0)) as client:
        check(client, steps)


@pytest.mark.usefixtures("real_client")
@settings(max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_flags_are_as_sets_would_be_on_a_real_server(real_client: Redis, steps: list[Step]) -> None:
    real_client.flushall()
    check(real_client, steps)


@given(SPANS)
def test_merged_ranges_are_the_same_users_and_do_not_touch(spans: list[Span]) -> None:
    near = [(start % 100, start % 100 + (stop - start) % 50 + 1) for start, stop in spans]

    merged = id_ranges.merged(near)

    assert all_of(merged) == all_of(near)
    assert all(left[1] < right[0] for left, right in pairwise(merged))


def all_of(spans: list[Span]) -> set[int]:
    return {user for span in spans for user in range(*span)}
