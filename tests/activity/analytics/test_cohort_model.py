"""Retention, stickiness and lifecycle of any history, against sets of plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice, pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import lifecycle, retention, stickiness
from donebit.activity.analytics.lifecycle import UserState
from donebit.activity.analytics.retention import Cohort, Question
from donebit.activity.periods.calendar import Granularity, Period
from donebit.activity.sets import algebra
from donebit.activity.site import Site
from tests.activity.analytics.cohort_model import EVENTS, HISTORIES, OF_DAYS, History, Model, lived
from tests.conftest import everything

COLUMNS = 5
Check = Callable[[Site, Model, Granularity, str], None]


def periods_back(model: Model, granularity: Granularity) -> Iterator[Period]:
    """Periods that have begun and are kept, the running one first."""
    period = model.site.calendar.period_at(granularity, model.now)
    while model.keeps(period):
        yield period
        period = model.site.calendar.before(period)


def successive(model: Model, granularity: Granularity, most: int) -> list[Period]:
    return list(islice(periods_back(model, granularity), most))[::-1]


def asked(site: Site, model: Model, cohort: Cohort, returning: str) -> Question:
    return retention.question(site, EVENTS[0], returning, cohort, model.now)


def cohort_of(model: Model, cohort: Cohort, period: Period) -> set[int]:
    active = model.active(EVENTS[0], period)
    return active if cohort is Cohort.RECURRING else active - model.before(EVENTS[0], period)


def check_retention(site: Site, model: Model, granularity: Granularity, returning: str) -> None:
    periods = successive(model, granularity, 6)
    for cohort in Cohort:
        question = asked(site, model, cohort, returning)
        made = retention.matrix(site, question, periods, COLUMNS)
        for place, (row, period) in enumerate(zip(made.rows, periods, strict=True)):
            users = cohort_of(model, cohort, period)
            columns = periods[place : place + COLUMNS]
            back = [users & model.active(returning, column) for column in columns]
            assert row.users == len(users)
            assert row.counts == (*map(len, back), *[None] * (COLUMNS - len(columns)))
            cell = retention.cell(question, period, columns[-1])
            assert algebra.members(site.store, cell, limit=100).tolist() == sorted(back[-1])


def check_all_that_is_kept(site: Site, model: Model, granularity: Granularity, _: str) -> None:
    """Rows back to the oldest kept period: before it are days whose users only a longer period has, later."""
    periods = successive(model, granularity, 150)
    made = retention.matrix(site, asked(site, model, Cohort.FIRST, EVENTS[0]), periods, 1)
    for row, period in zip(made.rows, periods, strict=True):
        assert row.users == len(cohort_of(model, Cohort.FIRST, period)), period


def check_lifecycle(site: Site, model: Model, granularity: Granularity, _: str) -> None:
    with_the_last = successive(model, granularity, 7)
    question = asked(site, model, Cohort.FIRST, EVENTS[0])
    if len(with_the_last) < 2:
        return
    made = lifecycle.lifecycle(site, question, with_the_last[1:])
    for (last, period), stage in zip(pairwise(with_the_last), made.stages, strict=True):
        active, earlier = model.active(EVENTS[0], period), model.active(EVENTS[0], last)
        known = model.before(EVENTS[0], period) | earlier
        wanted = {
            UserState.NEW: active - known,
            UserState.RETURNING: active & earlier,
            UserState.RESURRECTING: (active & known) - earlier,
            UserState.DORMANT: earlier - active,
        }
        for state, users in wanted.items():
            assert getattr(stage, state) == len(users)
        assert stage.active == len(active)
        for state in UserState:
            found = lifecycle.users(site, question, period, state)
            assert algebra.members(site.store, found, limit=100).tolist() == sorted(wanted[state])


def check_distribution(site: Site, model: Model, granularity: Granularity, _: str) -> None:
    periods = successive(model, granularity, 30)
    question = asked(site, model, Cohort.RECURRING, EVENTS[0])
    made = stickiness.distribution(site, question, periods)
    times = Counter(user for period in periods for user in model.active(EVENTS[0], period))
    assert made.users == tuple(list(times.values()).count(n) for n in range(1, len(periods) + 1))


def check_active_users(site: Site, model: Model, _: Granularity, __: str) -> None:
    days = successive(model, Granularity.DAY, 60)
    if len(days) < 40:
        return
    question = asked(site, model, Cohort.RECURRING, EVENTS[0])
    for place, one in enumerate(stickiness.active_users(site, question, days[29:]), start=29):
        spans = [days[place + 1 - span : place + 1] for span in (1, 7, 30)]
        users = [set[int]().union(*(model.active(EVENTS[0], day) for day in span)) for span in spans]
        assert (one.daily, one.weekly, one.monthly) == tuple(map(len, users))


CHECKS = [check_retention, check_all_that_is_kept, check_lifecycle, check_distribution, check_active_users]
ASKED = (HISTORIES, st.sampled_from(OF_DAYS), st.sampled_from(EVENTS))


@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.tuples(*ASKED))
def test_any_history_is_computed_as_sets_would(
    client: Redis, asked: tuple[History, Granularity, str]
) -> None:
    client.flushall()
    site, model = lived(client, asked[0])
    before = everything(client)

    for check in CHECKS:
        check(site, model, *asked[1:])

    assert everything(client) == before  # a question leaves nothing behind
