"""Days taken back are as if they had never been, in weeks, months and all time too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import counts
from donebit.activity.events import event as events
from donebit.activity.events import ingest, taking_back
from donebit.activity.events.taking_back import TakenBack, take_back
from donebit.activity.periods.calendar import ALL_TIME, DAY, Granularity, bounds
from donebit.activity.periods.expiry import DEFAULT, ExpiryPolicy
from donebit.activity.site import Site
from donebit.activity.transfer import import_
from donebit.errors import Conflict, InvalidInput
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS
from donebit.store.taking_back import TakeBackStore
from donebit.store.visits import first_day
from tests.activity.analytics.cohort_model import keep
from tests.activity.analytics.visited import FIRST_IN_MID_WEEK, LEAP_YEAR, NOW
from tests.activity.arranged import FAR, count, real_now, record, site_on
from tests.activity.periods.test_imported import ENDING, ZONES, Fact, within
from tests.append_only import appended_by
from tests.conftest import everything
from tests.key_by_key import drop

USER = st.sampled_from([0, 7, 8, SEGMENT_BITS, SEGMENT_BITS + 9])
AGO = st.integers(3 * 24, 70 * 24)  # hours
NEAR = st.integers(30 * 24, 40 * 24)
IMPORTS = st.lists(st.tuples(st.sampled_from(list(Granularity)), AGO | NEAR, USER), max_size=6)
VISITS = st.lists(st.tuples(AGO | NEAR, USER), max_size=9)
LONG = timedelta(days=200)  # beyond all of these: each week that is kept is looked at
KEPT = ExpiryPolicy(LONG, LONG, LONG, LONG)
Imports = list[tuple[Granularity, int, int]]
Visits = list[tuple[int, int]]
HOUR = timedelta(hours=1)


def arrange(
    client: Redis, zone: str, imports: Imports, visits: Visits, kept: ExpiryPolicy = KEPT
) -> tuple[Site, set[Fact]]:
    keep(client, "e", kept)
    site, facts = site_on(Store.on(client), zone=zone), set[Fact]()
    for granularity, hours, user in imports:
        period = site.calendar.period_at(granularity, NOW - hours * HOUR)
        import_.add_users(site, "e", period, [user], NOW)
        facts.add(Fact(user, *(bounds(period) if period != ALL_TIME else (NOW - FAR, NOW + FAR))))
    for hours, user in visits:
        at = NOW - hours * HOUR
        ingest.record(site, "e", [user], at=at, now=at)
        facts.add(Fact(user, at, at + timedelta(microseconds=1)))
    return site, facts


def check(site: Site, facts: set[Fact], remaining: set[Fact], kept: ExpiryPolicy) -> None:
    """Every period that a fact lies in has those who remain, and so has all time."""
    for fact in facts:
        for granularity in ENDING:
            period = site.calendar.period_at(granularity, fact.start)
            is_over = fact.stop > NOW or not kept.keeps(period, NOW)
            # An hour that lies in two days keeps those who were there on the other day.
            if is_over or (granularity is Granularity.HOUR and site.zone == "Asia/Kolkata"):
                continue
            assert counts.count(site, "e", period) == len(within(remaining, *bounds(period))), period
    assert counts.count(site, "e", ALL_TIME) == len({fact.user for fact in remaining})


def refuse_split(client: Redis, site: Site, start: datetime, stop: datetime) -> None:
    """Days that end within an imported hour are refused, and nothing is changed."""
    before = everything(client)
    with pytest.raises(InvalidInput, match="was imported as a whole and lies half in these days"):
        take_back(site, "e", start, stop, now=NOW)
    assert everything(client) == before


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(ZONES), IMPORTS, VISITS, st.integers(28, 42), st.integers(1, 12))
@example("Asia/Kolkata", [(Granularity.HOUR, 735, 0)], [(448, 0)], 30, 12)
@example("Asia/Kolkata", [(Granularity.HOUR, 33 * 24 + 15, SEGMENT_BITS)], [], 36, 6)
@example("Asia/Kolkata", [(Granularity.HOUR, 33 * 24 + 15, 7)], [(34 * 24, 7), (34 * 24, 8)], 36, 6)
@example("UTC", [(Granularity.WEEK, 35 * 24, 7)], [(35 * 24, 7)], 38, 7)
@example("UTC", [(Granularity.ALL, 35 * 24, 7)], [(35 * 24, 7), (35 * 24, 8)], 36, 3)
@example("Asia/Kolkata", [(Granularity.HOUR, 735, 0)], [(400, 0)], 28, 12)
def test_what_remains_is_as_if_the_days_had_never_been(
    real_client: Redis, zone: str, imports: Imports, visits: Visits, ago: int, days: int
) -> None:
    real_client.flushall()
    site, facts = arrange(real_client, zone, imports, visits)
    first = site.calendar.day_of(NOW) - ago * DAY
    start, stop = site.calendar.midnight(first), site.calendar.midnight(first + days * DAY)
    gone = {fact for fact in facts if start <= fact.start and fact.stop <= stop}
    gone = {one for one in gone if one.stop - one.start <= 25 * HOUR}  # weeks as such are kept
    if any(
        one.stop - one.start == HOUR and one.start < edge < one.stop
        for one in facts
        for edge in (start, stop)
    ):
        refuse_split(real_client, site, start, stop)
        return
    before = everything(real_client)

    asked = take_back(site, "e", start, stop, now=NOW, dry_run=True)
    unchanged = everything(real_client) == before
    made = take_back(site, "e", start, stop, now=NOW)

    assert unchanged
    assert made == asked
    check(site, facts, facts - gone, KEPT)
    assert made.users == len({fact.user for fact in gone})


OLDER = ExpiryPolicy(FAR, timedelta(days=45), timedelta(days=90), timedelta(days=1860))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VISITS, st.integers(28, 43), st.integers(1, 5))
@example([(50 * 24, 7), (30 * 24, 7), (30 * 24, 8)], 30, 2)
@example([(970, 0), (1066, 7)], 41, 1)  # the days that are gone end the day before its first visit
@example([(994, 0), (1090, 7)], 42, 1)
def test_an_event_older_than_its_days_is_right_or_refused(
    real_client: Redis, visits: Visits, ago: int, days: int
) -> None:
    real_client.flushall()
    site, facts = arrange(real_client, "UTC", [], visits, OLDER)
    expire(real_client, site)
    first = site.calendar.day_of(NOW) - ago * DAY
    start, stop = site.calendar.midnight(first), site.calendar.midnight(first + days * DAY)
    before = everything(real_client)
    try:
        take_back(site, "e", start, stop, now=NOW)
    except InvalidInput as error:  # either is right, by what else is kept
        assert "the kept data cannot show whether" in error.detail  # noqa: PT017 - as above
        assert everything(real_client) == before
        # A week does not tell who of its users was there on a day that is gone.
        days_of_visits = [site.calendar.period_at(Granularity.DAY, fact.start) for fact in facts]
        assert not all(OLDER.keeps(day, NOW) for day in days_of_visits)
        assert within(facts, start, stop)
        return
    check(site, facts, {one for one in facts if not start <= one.start < stop}, OLDER)


def expire(client: Redis, site: Site) -> None:
    """Drop the days that the server would have dropped by NOW."""
    for ago in range(40, 120):
        day = site.calendar.period_at(Granularity.DAY, NOW - ago * DAY)
        if not OLDER.keeps(day, NOW):
            client.delete(keys.segments("e", day.name))
            drop(client, *(keys.segment(number, "e", day.name) for number in range(3)))


def today_of(site: Site) -> tuple[datetime, datetime]:
    return bounds(site.calendar.period_at(Granularity.DAY, real_now()))


def test_a_day_is_taken_back_on_every_kind_of_server(store: Store, client: Redis) -> None:
    site = site_on(store)
    record(store, [1, 2, 3], at=real_now() - DAY)
    record(store, [3, 4, SEGMENT_BITS])
    before = {name: client.ttl(name) for name in client.scan_iter()}

    made = take_back(site, "seen", *today_of(site), now=real_now())

    assert (made.days, made.users, made.visits) == (1, 3, 3)
    assert made.lost[Granularity.ALL] == 2
    assert (count(store), count(store, granularity=Granularity.DAY)) == (3, 0)
    assert count(store, granularity=Granularity.DAY, at=real_now() - DAY) == 3
    assert all(abs(client.ttl(name) - before[name]) < 60 for name in client.scan_iter())
    record(store, [4])
    assert (count(store), count(store, granularity=Granularity.DAY)) == (4, 1)


def test_a_visit_that_arrives_meanwhile_is_not_lost(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, real = site_on(real_store), TakeBackStore.take_back
    record(real_store, [1, 2])

    def beside(*arguments: object, **named: object) -> object:
        made = real(*arguments, **named)  # type: ignore[arg-type]  # as they are given
        record(real_store, [2 if named["apply"] else 3])
        return made

    monkeypatch.setattr(TakeBackStore, "take_back", beside)
    take_back(site, "seen", *today_of(site), now=real_now())

    assert [count(real_store, granularity=one) for one in Granularity] == [1] * 5


WHOLE = (Granularity.WEEK, Granularity.MONTH, Granularity.ALL)


def visit_yesterday(site: Site) -> None:
    record(site.store, [2], at=real_now() - DAY)


def importing(granularity: Granularity, at: datetime) -> Callable[[Site], None]:
    def arrive(site: Site) -> None:
        import_.add_users(site, "seen", site.calendar.period_at(granularity, at), [2], real_now())

    return arrive


MEANWHILE = [
    visit_yesterday,
    *(importing(one, real_now()) for one in WHOLE),
    *(importing(Granularity.WEEK, real_now() - days * DAY) for days in range(7, 36, 7)),  # one in two months
]


@pytest.mark.parametrize("arrive", MEANWHILE)
def test_what_begins_a_new_period_meanwhile_is_not_lost(
    real_store: Store, monkeypatch: pytest.MonkeyPatch, arrive: Callable[[Site], None]
) -> None:
    site, real = site_on(real_store), TakeBackStore.take_back
    record(real_store, [1, 2])

    def beside(*arguments: object, **named: object) -> object:
        if named["apply"]:
            arrive(site)
        return real(*arguments, **named)  # type: ignore[arg-type]  # as they are given

    monkeypatch.setattr(TakeBackStore, "take_back", beside)
    take_back(site, "seen", *today_of(site), now=real_now())

    assert count(real_store) == 1
    assert count(real_store, granularity=Granularity.DAY) == 0


def test_all_time_is_refused_where_its_months_have_expired(store: Store, client: Redis) -> None:
    short = ExpiryPolicy(timedelta(days=2), timedelta(days=40), timedelta(days=40), timedelta(days=40))
    keep(client, "e", short)
    site, now = site_on(store), NOW
    ingest.record(site, "e", [7], at=now - 200 * DAY, now=now - 200 * DAY)
    ingest.record(site, "e", [7, 8], at=now - DAY, now=now)
    start = site.calendar.midnight(site.calendar.day_of(now - DAY))
    before = everything(client)

    with pytest.raises(InvalidInput, match=r"were also in all time before .*; nothing was changed"):
        take_back(site, "e", start, start + DAY, now=now)

    assert everything(client) == before


def test_visits_from_before_the_first_version_are_not_forgotten(store: Store, client: Redis) -> None:
    years = timedelta(days=2000)
    keep(client, "e", ExpiryPolicy(timedelta(days=2), years, timedelta(days=800), timedelta(days=800)))
    site, then = site_on(store), datetime(2026, 2, 1, tzinfo=UTC)
    ingest.record(site, "e", [7], at=then - 1000 * DAY, now=then)
    client.hdel(keys.event_meta("e"), "oldest")  # of a version that did not note it
    ingest.record(site, "e", [7, 8], at=NOW - DAY, now=NOW)
    keep(
        client,
        "e",
        ExpiryPolicy(timedelta(days=2), timedelta(days=1200), timedelta(days=800), timedelta(days=800)),
    )
    start = site.calendar.midnight(site.calendar.day_of(NOW - DAY))

    with pytest.raises(InvalidInput, match="were also in all time before"):
        take_back(site, "e", start, start + DAY, now=NOW)


def test_an_event_opened_by_an_import_of_all_time_loses_later_visits(store: Store) -> None:
    site = site_on(store)
    import_.add_users(site, "e", ALL_TIME, [7], NOW)
    ingest.record(site, "e", [7, 8], at=NOW - DAY, now=NOW)
    start = site.calendar.midnight(site.calendar.day_of(NOW - DAY))

    assert events.get(site, "e").first_day is not None
    assert take_back(site, "e", start, start + DAY, now=NOW).lost[Granularity.ALL] == 1
    assert counts.count(site, "e", ALL_TIME) == 1


@pytest.mark.parametrize(
    ("periods", "day"),
    [
        (["2026-11-20T03", "2026-11-20", "2026-W47", "2026-11", "all"], "2026-11-20"),
        (["2026-W47", "2026-W47:imported", "all"], "2026-11-16"),
        (["2026-W01", "all"], "2025-12-29"),
        (["2026-11", "2026-11:imported", "all"], "2026-11-01"),
        (["2026-11-20T03", "2026-W47", "all"], "2026-11-19"),
        (["all:imported", "all"], "8999-12-31"),
    ],
)
def test_the_oldest_day_is_that_of_the_shortest_period(periods: list[str], day: str) -> None:
    assert first_day(periods) == day


def test_an_oldest_month_of_an_earlier_version_begins_with_its_first_day(store: Store, client: Redis) -> None:
    record(store, [1])
    client.hset(keys.event_meta("seen"), "oldest", "2026-11")

    assert events.get(site_on(store), "seen").first_day == date(2026, 11, 1)


def test_all_time_loses_who_came_after_a_week_was_imported_first(store: Store, client: Redis) -> None:
    short = ExpiryPolicy(timedelta(days=2), timedelta(days=20), timedelta(days=30), timedelta(days=10))
    keep(client, "e", short)
    site = site_on(store)
    import_.add_users(site, "e", site.calendar.period_at(Granularity.WEEK, NOW), [7], NOW)
    ingest.record(site, "e", [7, 8], at=NOW - DAY, now=NOW)
    start = site.calendar.midnight(site.calendar.day_of(NOW - DAY))

    made = take_back(site, "e", start, start + DAY, now=NOW)

    monday = NOW - (NOW.isoweekday() - 1) * DAY
    assert client.hget(keys.event_meta("e"), "oldest") == f"{monday:%Y-%m-%d}".encode()
    assert (made.lost[Granularity.ALL], counts.count(site, "e", ALL_TIME)) == (1, 1)


def kept_for(week: int = 840, month: int = 1860) -> ExpiryPolicy:
    return replace(DEFAULT, week=timedelta(days=week), month=timedelta(days=month))


@pytest.mark.parametrize(
    ("kept", "imported", "ago"),
    [
        (kept_for(), f"{LEAP_YEAR - 2}-W31", 1),  # from July into August
        (kept_for(week=60, month=200), f"{LEAP_YEAR}-04", 1),
        (kept_for(week=7), f"{NOW.year}-W01", 1),  # in the month of the day that is taken back
        (kept_for(week=7), f"{NOW.year}-W01", 18),  # after the day that is taken back
    ],
)
def test_an_import_that_has_expired_is_not_taken_for_never_there(
    store: Store, client: Redis, kept: ExpiryPolicy, imported: str, ago: int
) -> None:
    keep(client, "e", kept)
    site = site_on(store)
    period = site.calendar.named(imported, "period")
    import_.add_users(site, "e", period, [7], bounds(period)[0])
    ingest.record(site, "e", [7, 8], at=NOW - ago * DAY, now=NOW)
    start = site.calendar.midnight(site.calendar.day_of(NOW - ago * DAY))
    before = everything(client)

    with pytest.raises(InvalidInput, match="the kept data cannot show whether"):
        take_back(site, "e", start, start + DAY, now=NOW)

    assert everything(client) == before


def test_who_was_imported_for_a_week_stays_by_the_month_that_holds_it(store: Store, client: Redis) -> None:
    keep(client, "e", kept_for(week=60))
    site = site_on(store)
    week = site.calendar.named(f"{LEAP_YEAR}-W28", "period")
    import_.add_users(site, "e", week, [7], bounds(week)[0])
    ingest.record(site, "e", [7, 8], at=NOW - DAY, now=NOW)
    start = site.calendar.midnight(site.calendar.day_of(NOW - DAY))

    made = take_back(site, "e", start, start + DAY, now=NOW)

    assert (made.lost[Granularity.ALL], counts.count(site, "e", ALL_TIME)) == (1, 1)


@pytest.mark.parametrize(
    ("start", "stop", "why"),
    [
        (0, 0, "^to is .*Z; it must be after from, which is .*Z$"),
        (1, 0, "^to is .*Z; it must be after from, which is .*Z$"),
        (0.5, 1, "must be the start of a day"),
        (1 - taking_back.MOST_DAYS, 2, "days apart"),
        (-500, -499, "no longer kept"),
    ],
)
def test_what_cannot_be_taken_back_is_refused(store: Store, start: float, stop: float, why: str) -> None:
    site = site_on(store)
    record(store, [1])
    first = today_of(site)[0]

    with pytest.raises(InvalidInput, match=why):
        take_back(site, "seen", first + start * DAY, first + stop * DAY, now=real_now())

    assert count(store) == 1


def test_what_was_taken_back_in_part_is_not_called_nothing(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = FIRST_IN_MID_WEEK + 19 * DAY
    keep(client, "e", ExpiryPolicy(day=10 * DAY))
    site, real = site_on(store), TakeBackStore.take_back
    # This day is no longer kept but in its week.
    ingest.record(site, "e", [7], at=FIRST_IN_MID_WEEK, now=FIRST_IN_MID_WEEK)
    ingest.record(site, "e", [8, SEGMENT_BITS + 9], at=now - DAY, now=now)
    start = site.calendar.midnight(site.calendar.day_of(now - DAY))

    def beside(*arguments: object, **named: object) -> object:
        if named["apply"]:
            ingest.record(site, "e", [7], at=now - DAY, now=now)
        return real(*arguments, **named)  # type: ignore[arg-type]  # as they are given

    monkeypatch.setattr(TakeBackStore, "take_back", beside)
    with pytest.raises(Conflict, match=r"those in 1 of 2 segments were$"):
        take_back(site, "e", start, start + DAY, now=now)

    assert counts.count(site, "e", ALL_TIME) == 2


def test_counting_what_would_go_writes_nothing_for_replicas(real_store: Store, real_client: Redis) -> None:
    site = site_on(real_store)
    record(real_store, [1, 2])

    def count() -> None:
        take_back(site, "seen", *today_of(site), now=real_now(), dry_run=True)

    count()  # loads the script
    assert appended_by(real_client, count) == 0


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_as_many_days_as_the_docs_say_are_taken_back_at_once(store: Store, zone: str) -> None:
    site = site_on(store, zone=zone)
    ingest.record(site, "e", [1], at=NOW - 80 * DAY, now=NOW)
    first = site.calendar.day_of(NOW) - 90 * DAY
    start, stop = (site.calendar.midnight(first + days * DAY) for days in (0, taking_back.MOST_DAYS))

    assert taking_back.MOST_DAYS == 62
    assert take_back(site, "e", start, stop, now=NOW).days == 62
    with pytest.raises(InvalidInput, match="more than 62 days apart"):
        take_back(site, "e", start, site.calendar.midnight(first + 63 * DAY), now=NOW)


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 0), ("Asia/Kolkata", 63)])
def test_hours_that_are_kept_go_with_their_days_unproved(
    store: Store, client: Redis, zone: str, hours: int
) -> None:
    keep(client, "e", ExpiryPolicy(hour=100 * DAY))
    site = site_on(store, zone=zone)
    ingest.record(site, "e", [1], at=NOW - 80 * DAY, now=NOW)
    first = site.calendar.day_of(NOW) - 90 * DAY
    days = tuple(
        site.calendar.period_at(Granularity.DAY, site.calendar.midnight(first + n * DAY)) for n in range(62)
    )

    asked = taking_back.DayTaking(site, events.get(site, "e"), days, NOW).asked()
    take_back(site, "e", bounds(days[0])[0], bounds(days[-1])[1], now=NOW)

    assert len(asked.hours) + hours == 62 * 24 + (hours > 0)
    assert sum("T" in one.period for one in asked.affected) == hours
    assert counts.count(site, "e", site.calendar.period_at(Granularity.HOUR, NOW - 80 * DAY)) == 0


def test_an_event_without_visits_has_nothing_to_take_back(store: Store, client: Redis) -> None:
    site = site_on(store)

    assert take_back(site, "never", *today_of(site), now=real_now()) == TakenBack(1, 0, 0, {})
    assert client.dbsize() == 0
    assert events.get(site, "never").kind is None
