"""Funnels, against sets of plain Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import funnel
from donebit.activity.analytics.funnel import Step, StepOrder
from donebit.activity.periods.calendar import Granularity
from donebit.activity.site import Site
from donebit.activity.users.ids import User
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS
from tests.activity.analytics import visited
from tests.activity.analytics.visited import BORDERS, NOW, Visit, berlin, visit
from tests.activity.arranged import real_now, record, site_on
from tests.clustered import in_one_piece
from tests.conftest import everything

DAY = timedelta(days=1)
EVENTS = ["signup", "order", "never"]
GRANULARITIES = ["day", "week", "month"]
USERS = st.sampled_from(BORDERS)
MOMENTS = st.integers(0, 45 * 24).map(lambda hours: NOW - timedelta(hours=hours))
VISITS = st.fixed_dictionaries(
    {event: st.sets(st.tuples(USERS, MOMENTS), max_size=20) for event in EVENTS[:2]}
)
IN_PERIODS = st.tuples(st.sampled_from(EVENTS), st.sampled_from([*GRANULARITIES, "all"]), MOMENTS)
IN_DAYS = st.tuples(st.sampled_from(EVENTS), st.integers(1, 12), MOMENTS)
STEPS = st.lists(IN_PERIODS | IN_DAYS, min_size=2, max_size=8)

Visits = dict[str, set[Visit]]
Asked = tuple[str, str | int, datetime]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def step(site: Site, event: str, how: str | int, moment: datetime) -> Step:
    """In the period of that granularity which the moment lies in, or in so many days before it."""
    if isinstance(how, int):
        return funnel.in_days(site, event, start=moment - how * DAY, stop=moment, now=NOW)
    period = site.calendar.period_at(Granularity(how), moment)
    return funnel.in_period(site, event, period, NOW, "period")


def plain(visits: Visits, event: str, how: str | int, moment: datetime) -> set[User]:
    """Who was there, by the clock on the wall."""
    seen = visits.get(event, set())
    if how == "all":
        return {user for user, _ in seen}
    if isinstance(how, int):
        days = visited.names("day", moment - how * DAY, moment)
        return {user for user, when in seen if visited.name_at("day", when) in days}
    return {user for user, when in seen if visited.name_at(how, when) == visited.name_at(how, moment)}


def check(client: Redis, visits: Visits, steps: list[Asked]) -> None:
    site = berlin(client)
    for event, seen in visits.items():
        visit(site, seen, event)
    before = everything(client)
    wanted, remaining = [], set(BORDERS)
    for one in steps:
        remaining = remaining & plain(visits, *one)
        wanted.append(len(remaining))

    found = funnel.reached(site, [step(site, *one) for one in steps])

    assert [one.count for one in found] == wanted
    for reached, count, previous in zip(found, wanted, [wanted[0], *wanted], strict=False):
        assert reached.of_first == (round(count / wanted[0], 6) if wanted[0] else None)
        assert reached.of_previous == (round(count / previous, 6) if previous else None)
    assert everything(client) == before


@settings(max_examples=20, deadline=None)
@given(VISITS, STEPS)
def test_any_funnel_is_counted_as_sets_would_on_fakeredis(visits: Visits, steps: list[Asked]) -> None:
    with FakeRedis(version=(7, 0)) as client:
        check(client, visits, steps)


@pytest.mark.usefixtures("real_client")
@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(visits=VISITS, steps=STEPS)
def test_any_funnel_is_counted_as_sets_would_on_a_real_server(
    real_client: Redis, visits: Visits, steps: list[Asked]
) -> None:
    real_client.flushall()
    check(real_client, visits, steps)


def of_period(site: Site, event: str, name: str) -> Step:
    return funnel.in_period(site, event, site.calendar.named(name, "period"), at("2099-12-01"), "period")


@pytest.mark.parametrize(
    ("first", "second", "order"),
    [
        ("2099-10", "2099-11", StepOrder.LATER),
        ("2099-11-01", "2099-11-02", StepOrder.LATER),
        ("2099-W44", "2099-11-02", StepOrder.LATER),  # that week ends with the day before
        ("2099-11", "2099-10", StepOrder.EARLIER),
        ("2099-12-01", "2099-11-30T23", StepOrder.EARLIER),
        ("2099-11", "2099-11", StepOrder.UNKNOWN),
        ("2099-11", "2099-11-30", StepOrder.UNKNOWN),
        ("2099-W44", "2099-11-01", StepOrder.UNKNOWN),
        ("all", "2099-11", StepOrder.UNKNOWN),
        ("2099-11", "all", StepOrder.UNKNOWN),
    ],
)
def test_two_funnel_steps_are_ordered_by_their_periods(
    store: Store, first: str, second: str, order: StepOrder
) -> None:
    site = site_on(store)

    found = funnel.reached(site, [of_period(site, "a", first), of_period(site, "b", second)])

    assert [one.order for one in found] == [None, order]


def flag(client: Redis, name: str, users: list[int], kind: str = "integers") -> None:
    client.hset(keys.flag_meta(name), "kind", kind)
    for user in users:
        segment, bit = divmod(user, SEGMENT_BITS)
        client.setbit(keys.flag_segments(name), segment, 1)
        client.setbit(keys.flag_segment(segment, name), bit, 1)


def test_a_flag_may_be_a_step(store: Store, client: Redis) -> None:
    site = site_on(store)
    record(store, [1, 2, 3, SEGMENT_BITS], "signup")
    flag(client, "newsletter", [2, SEGMENT_BITS, 9])
    signup = funnel.in_period(
        site, "signup", site.calendar.period_at(Granularity.DAY, real_now()), real_now(), "period"
    )

    found = funnel.reached(site, [signup, funnel.flagged(site, "newsletter"), funnel.flagged(site, "none")])

    assert [one.count for one in found] == [4, 2, 0]
    assert [one.order for one in found] == [None, StepOrder.UNKNOWN, StepOrder.UNKNOWN]


def test_of_nobody_there_are_no_shares(store: Store) -> None:
    site = site_on(store)

    found = funnel.reached(site, [of_period(site, "never", "all"), of_period(site, "nor", "all")])

    assert [(one.count, one.of_first, one.of_previous) for one in found] == [(0, None, None)] * 2


def test_users_of_two_kinds_are_in_no_funnel_together(store: Store, client: Redis) -> None:
    in_one_piece(store)
    site = site_on(store)
    record(store, [1], "numbers")
    record(store, ["ada"], "texts")
    flag(client, "named", [0], "texts")
    numbers, texts = of_period(site, "numbers", "all"), of_period(site, "texts", "all")

    with pytest.raises(InvalidInput, match="event numbers holds integers, and event texts holds texts"):
        funnel.reached(site, [numbers, of_period(site, "never", "all"), texts])
    with pytest.raises(InvalidInput, match="event numbers holds integers, and flag named holds texts"):
        funnel.reached(site, [numbers, funnel.flagged(site, "named")])
    assert [one.count for one in funnel.reached(site, [texts, funnel.flagged(site, "named")])] == [1, 1]


@pytest.mark.parametrize("number", [0, 1, 9])
def test_a_funnel_has_two_to_eight_steps(store: Store, number: int) -> None:
    site = site_on(store)

    with pytest.raises(InvalidInput, match=f"a funnel has 2 to 8 steps; this one has {number}"):
        funnel.reached(site, [of_period(site, "a", "all")] * number)


def test_a_step_past_its_retention_is_refused(store: Store) -> None:
    site = site_on(store)

    with pytest.raises(InvalidInput, match=r"the hour 2099-11-28T12 .* kept: steps\.1 must not be"):
        funnel.in_period(site, "a", site.calendar.named("2099-11-28T12", "at"), at("2099-12-01"), "steps.1")


def test_a_funnel_of_too_many_days_is_refused(store: Store) -> None:
    site = site_on(store)
    days = funnel.in_days(site, "a", start=NOW - 200 * DAY, stop=None, now=NOW)
    more = funnel.in_days(site, "b", start=NOW - 60 * DAY, stop=None, now=NOW)

    with pytest.raises(InvalidInput, match="the question reads 262 bitmaps of each segment; at most 256"):
        funnel.reached(site, [days, more])
