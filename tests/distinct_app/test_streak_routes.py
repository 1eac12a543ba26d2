"""Timelines, streaks, funnels and the summary, as their routes answer."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from redis import Redis

from donebit import clock
from donebit.store import Store
from tests.conftest import everything
from tests.web.services import Services, body_of, problem_of

DAY = timedelta(days=1)


def midnight(days_ago: int) -> datetime:
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0) - days_ago * DAY


def iso(days_ago: int) -> str:
    return clock.iso(midnight(days_ago))


def name(days_ago: int) -> str:
    return f"{midnight(days_ago):%Y-%m-%d}"


def visited(store: Store, visits: dict[int, list[int | str]], event: str = "e") -> Services:
    """Services whose users were here so many days ago."""
    services = Services(store)
    for days_ago, users in visits.items():
        made = services.distinct.post(f"/events/{event}", json={"users": users, "at": iso(days_ago)})
        body_of(made)
    return services


def streak(length: int, first: int, *, at_least: bool = False) -> dict[str, object]:
    """As an answer has it, from so many days ago on."""
    return {"length": length, "from": iso(first), "to": iso(first - length), "at_least": at_least}


def test_a_timeline_names_the_days_and_their_ranges(store: Store) -> None:
    distinct = visited(store, {6: [7], 5: [7, 8], 2: [7]}).distinct

    found = body_of(distinct.get(f"/events/e/users/7/timeline?from={name(6)}&to={name(0)}"))

    assert found == {
        "event": "e",
        "granularity": "day",
        "from": iso(6),
        "to": iso(0),
        "periods": 6,
        "user": 7,
        "active": 3,
        "present": [name(6), name(5), name(2)],
        "ranges": [streak(2, 6, at_least=True), streak(1, 2)],
    }


def test_a_streak_says_up_to_when_it_counts(store: Store) -> None:
    distinct = visited(store, {9: [7], 8: [7], 7: [7], 2: [7], 1: [7], 0: [8]}).distinct

    waiting = body_of(distinct.get("/events/e/users/7/streak"))
    counting = body_of(distinct.get("/events/e/users/8/streak"))
    past = body_of(distinct.get(f"/events/e/users/7/streak?to={name(5)}"))

    assert (waiting["current"], waiting["longest"], waiting["active"]) == (streak(2, 2), streak(3, 9), 5)
    assert waiting["counted_to"] == iso(0)
    assert waiting["note"] == (
        f"the day {name(0)} has not ended and the user was not here in it yet: the current streak counts up "
        "to the day before"
    )
    assert (counting["current"], counting["counted_to"]) == (streak(1, 0), iso(-1))
    assert counting["note"] == f"the day {name(0)} counts already, though it has not ended"
    none = {"length": 0, "from": None, "to": None, "at_least": False}
    assert (past["current"], past["longest"], past["counted_to"]) == (none, streak(3, 9), iso(5))
    assert past["note"] == f"the current streak is the one at the end of the day {name(6)}"


@pytest.mark.parametrize("route", ["timeline", "streak"])
def test_any_text_can_be_asked_about(store: Store, route: str) -> None:
    distinct = visited(store, {1: ["a/b", "7", "timeline"]}).distinct

    for path in (
        f"/events/e/{route}?user=a/b",
        f"/events/e/{route}?user=7",
        f"/events/e/users/7/{route}",
        f"/events/e/users/timeline/{route}",
    ):
        assert body_of(distinct.get(path))["active"] == 1
    assert body_of(distinct.get(f"/events/e/{route}?user=nobody"))["active"] == 0


def test_streaks_of_all_users_are_counted_by_their_length(store: Store) -> None:
    distinct = visited(store, {4: [1, 2], 3: [1, 2, 3], 2: [1], 1: [1, 2], 0: [2, 9]}).distinct

    found = body_of(distinct.get(f"/events/e/streaks?from={name(4)}"))

    assert (found["users"], found["periods"], found["from"], found["to"]) == (4, 5, iso(4), iso(-1))
    assert found["lengths"] == [
        {"length": 0, "longest": 0, "current": 1},
        {"length": 1, "longest": 2, "current": 1},
        {"length": 2, "longest": 1, "current": 1},
        {"length": 4, "longest": 1, "current": 1},
    ]
    assert found["note"].startswith(f"the day {name(0)} has not ended: for users not seen in it yet")


@pytest.mark.parametrize("granularity", ["hour", "day", "week", "month"])
def test_streaks_are_of_any_granularity(store: Store, granularity: str) -> None:
    distinct = visited(store, {0: [1]}).distinct

    found = body_of(distinct.get(f"/events/e/streaks?granularity={granularity}"))
    timeline = body_of(distinct.get(f"/events/e/users/1/timeline?granularity={granularity}"))

    assert (found["users"], found["granularity"]) == (1, granularity)
    assert (timeline["active"], len(timeline["present"])) == (1, 1)


def test_a_funnel_counts_those_who_are_in_all_steps_so_far(store: Store) -> None:
    services = visited(store, {5: [1, 2, 3, 4]}, "signup")
    visited(store, {5: [4], 2: [2, 3], 1: [3, 9]}, "order")
    steps = [
        {"event": "signup", "period": name(5)},
        {"event": "order", "from": name(2), "to": name(0)},
        {"event": "order", "period": name(1)},
        {"event": "order"},
    ]

    found = body_of(services.distinct.post("/funnel", json={"steps": steps}))

    told = [(one["count"], one["of_first"], one["of_previous"], one["order"]) for one in found["steps"]]
    assert told == [
        (4, 1, 1, None),
        (2, 0.5, 0.5, "later"),
        (1, 0.25, 0.5, "unknown"),
        (1, 0.25, 1, "unknown"),
    ]
    assert [(one["from"], one["to"]) for one in found["steps"]] == [
        (iso(5), iso(4)),
        (iso(2), iso(0)),
        (iso(1), iso(0)),
        (None, None),
    ]
    assert "The time within a period is not known" in found["note"]


def test_a_summary_has_all_figures_at_once(store: Store) -> None:
    distinct = visited(store, {40: [1, 2], 3: [1, 5], 1: [1], 0: [1, 6]}).distinct

    found = body_of(distinct.get("/events/e/summary?days=4"))

    assert (found["today"], found["yesterday"], found["all"], found["new_today"]) == (2, 1, 4, 1)
    assert (found["rolling_7"], found["rolling_30"], found["zone"]) == (3, 3, "UTC")
    assert found["days"] == [
        {"day": name(ago), "count": count} for ago, count in ((3, 2), (2, 0), (1, 1), (0, 2))
    ]


STEP = {"event": "e"}
RULE = "must be an event, with a period or with from .and to., or a flag alone"


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        (
            "GET",
            "/events/e/streaks?granularity=all",
            None,
            "granularity is 'all'; it must be 'hour', 'day', ",
        ),
        ("GET", "/events/e/streaks?from=never", None, "from is 'never'; it must be a date or time"),
        ("GET", "/events/e/streaks?from=2026-11-02&to=2026-11-01", None, "from is .*; it must be before"),
        ("GET", "/events/e/streaks?from=2020-01-01", None, "the day 2020-01-01 is no longer kept: from must"),
        ("GET", "/events/e/streaks?to=2020-01-01", None, "to is 2020-01-01.* no day before it is kept"),
        ("GET", "/events/e/streaks?to=9999-12-31T23:00-05:00", None, "to is in the year 9999"),
        ("GET", "/events/e/streaks?from=9999-01-01&to=9999-01-02", None, "from is .*; it must be before"),
        ("GET", "/events/e/users/-1/timeline", None, "user id -1 is out of range"),
        ("GET", "/events/e/users/4294967296/streak", None, "user id 4294967296 is out of range"),
        ("GET", "/events/e/timeline", None, "user is missing"),
        ("GET", "/events/e/summary?days=91", None, "days is 91; it must be at most 90"),
        ("GET", "/events/e/summary?days=0", None, "days is 0; it must be at least 1"),
        ("POST", "/funnel", {"steps": [STEP]}, r"steps is .*; it must have at least 2 item"),
        ("POST", "/funnel", {"steps": [STEP] * 9}, r"steps is .*; it must have at most 8 item"),
        ("POST", "/funnel", {"steps": [STEP, {}]}, rf"steps.1 is .*; it {RULE}"),
        ("POST", "/funnel", {"steps": [STEP, STEP | {"flag": "f"}]}, rf"steps.1 is .*; it {RULE}"),
        ("POST", "/funnel", {"steps": [STEP, {"flag": "f", "period": "2026-11"}]}, rf"steps.1 .*; it {RULE}"),
        ("POST", "/funnel", {"steps": [STEP, STEP | {"to": "2026-11-01"}]}, rf"steps.1 .*; it {RULE}"),
        (
            "POST",
            "/funnel",
            {"steps": [STEP, STEP | {"period": "2026-11", "from": "2026-11-01"}]},
            rf"steps.1 .*; it {RULE}",
        ),
        (
            "POST",
            "/funnel",
            {"steps": [STEP, STEP | {"period": "2026-13"}]},
            r"steps.1.period is '2026-13'; it",
        ),
        (
            "POST",
            "/funnel",
            {"steps": [STEP, STEP | {"period": ""}]},
            r"steps.1.period is ''; it",
        ),
        (
            "POST",
            "/funnel",
            {"steps": [STEP, STEP | {"period": "2020-01-01"}]},
            "2020-01-01 is no longer kept",
        ),
        ("POST", "/funnel", {"steps": [STEP, {"event": "texts"}]}, "event e holds integers, and event texts"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(
    store: Store, client: Redis, method: str, path: str, body: object, said: str
) -> None:
    services = visited(store, {0: [1]})
    visited(store, {0: ["ada"]}, "texts")
    before = everything(client)

    problem = problem_of(services.distinct.open(path, method=method, json=body), 422)

    assert re.match(f".*{said}", problem["detail"]), problem["detail"]
    assert everything(client) == before
