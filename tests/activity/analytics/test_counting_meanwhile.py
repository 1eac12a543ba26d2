"""Visits that arrive between the scripts of one question make no number of its answer impossible."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from redis import Redis
from redis.commands.core import Script

from donebit.activity.analytics import cohort_rows, funnel, lifecycle, paired_rows, retention, summary
from donebit.activity.analytics.lifecycle import Stage
from donebit.activity.analytics.retention import Cohort
from donebit.activity.events import event as events
from donebit.activity.events import ingest
from donebit.activity.periods.calendar import Granularity
from donebit.store import Store, kept_pairs, matrices
from donebit.store.bitmaps import SEGMENT_BITS
from donebit.store.kept_pairs import KeptPairStore
from donebit.store.packing import Command
from donebit.store.pipelining import answers_to
from tests.activity.analytics.changing_days import Seen, change, visits
from tests.activity.analytics.test_pairs import AGO, counted
from tests.activity.arranged import UTC_CALENDAR, real_now, site_on

EVENTS = ("order", "pay")
Act = Callable[[], object]


def after_each(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, act: Act) -> None:
    """Do something as often as a function of a question has answered."""
    asked = getattr(owner, name)

    def then_act(*args: Any, **options: Any) -> Any:
        answer = asked(*args, **options)
        act()
        return answer

    monkeypatch.setattr(owner, name, then_act)


def today_of(store: Store, days: int) -> Stage:
    """The last of so many days of a lifecycle."""
    asked = retention.question(site_on(store), "e", None, Cohort.FIRST, real_now())
    today = UTC_CALENDAR.period_at(Granularity.DAY, asked.now)
    periods = retention.periods_until(site_on(store), asked, today, days)
    return lifecycle.lifecycle(site_on(store), asked, periods).stages[-1]


@pytest.mark.parametrize("days", [2, 60], ids=["as pairs", "row by row"])
def test_users_who_come_meanwhile_resurrect_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    seen = Seen(set)
    visits(store, seen, [(3, 6), (1, 7), (1, 8), (0, 6), (0, 7), (0, 9)])
    newcomers = iter(range(10, 20))
    after_each(
        monkeypatch, cohort_rows, "count_rows", lambda: change(store, seen, "visit", 0, next(newcomers))
    )

    stage = today_of(store, days)

    assert (stage.new, stage.returning, stage.resurrecting, stage.dormant) == (2, 1, 1, 1)
    assert stage.active == 4


@pytest.mark.parametrize("cohort", Cohort)
def test_no_more_come_back_than_a_row_has(
    real_store: Store, monkeypatch: pytest.MonkeyPatch, cohort: Cohort
) -> None:
    """Though a script counts one pair, and users of earlier days come between two of them, to all days."""
    monkeypatch.setattr(kept_pairs, "BYTES_A_SCRIPT", 1)
    seen, more = Seen(set), iter(range(8, 2000))
    visits(real_store, seen, [(AGO[0], user) for user in range(2000)] + [(ago, 7) for ago in AGO])

    def come() -> None:
        user = next(more)
        visits(real_store, seen, [(ago, user) for ago in AGO])

    after_each(monkeypatch, KeptPairStore, "_counted", come)

    for row in counted(real_store, AGO, cohort):
        assert row.size >= 0
        assert all(0 <= users <= row.size for users in row.columns)


@pytest.mark.parametrize("cohort", Cohort)
def test_no_more_come_back_than_a_row_of_several_scripts_has(
    real_store: Store, monkeypatch: pytest.MonkeyPatch, cohort: Cohort
) -> None:
    monkeypatch.setattr(paired_rows, "MOST_BITMAPS", 1)
    monkeypatch.setattr(cohort_rows, "MOST_IN_A_SCRIPT", cohort_rows.OF_A_COHORT + 1)
    seen, more = Seen(set), iter(range(8, 2000))
    visits(real_store, seen, [(ago, 7) for ago in AGO])

    def one_by_one(client: Redis, commands: Sequence[Command], *scripts: Script) -> list[Any]:
        answers = []
        for one in commands:
            answers += answers_to(client, [one], *scripts)
            user = next(more)
            visits(real_store, seen, [(ago, user) for ago in AGO])
        return answers

    monkeypatch.setattr(matrices, "answers_to", one_by_one)

    for row in counted(real_store, AGO, cohort):
        assert all(0 <= users <= row.size for users in row.columns)


@contextmanager
def coming(store: Store) -> Iterator[None]:
    """Users who come to two events all the time, in many segments at once."""
    ended = threading.Event()

    def come() -> None:
        for user in count(1):
            if ended.is_set():
                return
            for event in EVENTS:
                come_once(store, event, user)

    thread = threading.Thread(target=come)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def come_once(store: Store, event: str, user: int) -> None:
    users = [segment * SEGMENT_BITS + user for segment in range(24)]
    ingest.record(site_on(store), event, users, at=real_now(), now=real_now())


def test_no_figure_exceeds_one_that_contains_it(real_store: Store) -> None:
    site = site_on(real_store)
    for event in EVENTS:
        come_once(real_store, event, 0)
    with coming(real_store):
        for _ in range(100):
            now = real_now()
            today = UTC_CALENDAR.period_at(Granularity.DAY, now)
            steps = [funnel.in_period(site, event, today, now, "e") for event in (*EVENTS, *EVENTS)]
            reached = [one.count for one in funnel.reached(site, steps)]
            made = summary.summary(site, events.get(site, EVENTS[0]), days=1, now=now)

            assert reached == sorted(reached, reverse=True)
            figures = [made.new_today, made.today, made.week, made.all]
            assert figures == sorted(figures, key=lambda users: users or 0)
