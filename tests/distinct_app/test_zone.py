"""Where a day begins, over HTTP: around a change of the clocks, and in a second service with another zone."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from redis import Redis

from donebit import clock
from donebit.activity.periods.calendar import Calendar, Granularity, Period, bounds
from donebit.store import Store
from tests.conftest import everything
from tests.web.services import Services, body_of, problem_of

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(real_store: Store) -> Store:
    """One of each test: it remembers whose days it has seen."""
    return real_store


def changed(zone: str, hours: float) -> Period:
    """The latest day of the zone that was so long, and is kept: not one that is about to go."""
    calendar = Calendar(ZoneInfo(zone))
    now = clock.now()
    days = list(calendar.between(Granularity.DAY, now - 380 * DAY, now - 2 * DAY))
    return [day for day in days if bounds(day)[1] - bounds(day)[0] == timedelta(hours=hours)][-1]


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        ("UTC", 24),
        ("Asia/Kolkata", 24),
        ("Europe/Berlin", 23),
        ("Europe/Berlin", 25),
        ("America/New_York", 23),
        ("America/New_York", 25),
        ("Africa/Cairo", 23),  # its midnight does not exist
        ("Asia/Beirut", 23),
        ("Australia/Lord_Howe", 23.5),
        ("Australia/Lord_Howe", 24.5),
    ],
)
def test_visits_around_a_clock_change_belong_to_the_day_shown_by_clocks(
    store: Store, zone: str, hours: float
) -> None:
    distinct = Services(store, zone=zone).distinct
    day = changed(zone, hours)
    start, stop = bounds(day)
    moments = [start - MINUTE, start, start + (stop - start) / 2, stop - MINUTE, stop]

    for user, at in enumerate(moments):
        body_of(distinct.post("/events/e", json={"users": [user], "at": clock.iso(at)}))
    count = body_of(distinct.get(f"/events/e/count?period=day&at={day.name}"))
    times = [
        body_of(distinct.get(f"/events/e/users/{user}/timeline?from={clock.iso(start - DAY)}"))["present"]
        for user in range(len(moments))
    ]

    assert (count["count"], count["from"], count["to"]) == (3, clock.iso(start), clock.iso(stop))
    shown = [f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d}" for at in moments]
    assert shown[1:4] == [day.name] * 3
    assert times == [[name] for name in shown]


def test_a_bare_date_is_a_day_of_the_site(store: Store) -> None:
    distinct = Services(store, zone="Asia/Kolkata").distinct
    yesterday = f"{clock.now().astimezone(ZoneInfo('Asia/Kolkata')) - DAY:%Y-%m-%d}"

    made = body_of(distinct.post("/events/e", json={"users": [1], "at": yesterday}))
    found = body_of(distinct.get("/events/e/users/1/timeline?granularity=day"))

    assert made["at"].endswith("T18:30:00Z")
    assert found["present"] == [yesterday]
    assert found["ranges"][0]["from"] == made["at"]


def test_a_summary_says_where_its_days_begin(store: Store) -> None:
    distinct = Services(store, zone="Pacific/Apia").distinct

    found = body_of(distinct.get("/events/e/summary?days=1"))

    assert found["zone"] == "Pacific/Apia"
    assert found["days"][0]["day"] == f"{clock.now().astimezone(ZoneInfo('Pacific/Apia')):%Y-%m-%d}"


VISITS_AND_QUESTIONS = [
    ("POST", "/events/e"),
    ("POST", "/distinct?userId=7"),
    ("POST", "/funnel"),
    ("GET", "/distinct"),
    ("GET", "/events/e/count"),
    ("GET", "/events/e/users/1"),
    ("GET", "/events/e/users/1/timeline"),
    ("GET", "/events/e/streaks"),
    ("GET", "/events/e/summary"),
]


def test_a_service_of_another_zone_is_refused_visits_and_questions(store: Store, client: Redis) -> None:
    """A store of its own: each process has one, and remembers what it has once seen to be right."""
    body_of(Services(store, zone="Europe/Berlin").distinct.post("/events/e", json={"users": [1]}))
    other = Services(Store.on(client), zone="UTC").distinct
    before = everything(client)

    for method, path in VISITS_AND_QUESTIONS:
        body = {"users": [2]} if method == "POST" and "?" not in path else None
        said = problem_of(other.open(path, method=method, json=body), 500)

        assert "zone=Europe/Berlin'" in said["detail"], path
        assert "zone=UTC': set ZONE as it was" in said["detail"], path
        assert everything(client) == before, path
