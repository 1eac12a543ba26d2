"""Days taken back over HTTP."""

from __future__ import annotations

import pytest

from donebit import clock
from donebit.activity.periods.calendar import DAY
from donebit.store import Store
from tests.web.services import Services, body_of, problem_of

TODAY, TOMORROW = (f"{clock.now() + days * DAY:%Y-%m-%d}" for days in (0, 1))
PATH = f"/events/seen/visits?from={TODAY}&to={TOMORROW}"


def test_a_day_is_counted_first_and_then_taken_back(store: Store) -> None:
    distinct = Services(store).distinct
    yesterday = f"{clock.now() - DAY:%Y-%m-%d}"
    distinct.post("/events/seen", json={"users": [1, 2], "at": yesterday})
    distinct.post("/events/seen", json={"users": [2, 3], "at": TODAY})

    counted = body_of(distinct.get(PATH))
    before = body_of(distinct.get("/events/seen/count"))["count"]
    taken = body_of(distinct.delete(PATH))

    assert (counted["users"], counted["visits"], counted["removed"]["all"]) == (2, 2, 1)
    assert (counted.pop("taken_back"), taken.pop("taken_back"), before) == (False, True, 3)
    assert counted == taken
    assert body_of(distinct.get("/events/seen/count"))["count"] == 2
    assert body_of(distinct.get("/events/seen/count?period=day"))["count"] == 0


def test_what_a_take_back_does_not_know_is_refused(store: Store) -> None:
    distinct = Services(store).distinct
    distinct.post("/events/seen", json={"users": [1], "at": TODAY})

    for query in ("", f"?from={TODAY}", f"?from={TODAY}&to={TOMORROW}&user=1", f"?from={TODAY}&to={TODAY}"):
        problem_of(distinct.delete(f"/events/seen/visits{query}"), 422)

    assert body_of(distinct.get("/events/seen/count"))["count"] == 1


@pytest.mark.parametrize(
    ("start", "stop", "field"),
    [
        ("8999-01-01", "8999-01-02", "to"),
        ("9999-12-30", "9999-12-31", "from"),
        (TODAY, "9999-12-31", "to"),
        ("0001-01-01", "0001-01-02", "from"),
        (TODAY, f"{clock.now() + 3 * DAY:%Y-%m-%d}", "to"),
    ],
)
def test_days_that_have_not_begun_or_are_far_are_refused(
    store: Store, start: str, stop: str, field: str
) -> None:
    distinct = Services(store).distinct
    distinct.post("/events/seen", json={"users": [1], "at": TODAY})

    problem = problem_of(distinct.get(f"/events/seen/visits?from={start}&to={stop}"), 422)

    assert [one["field"] for one in problem["errors"]] == [field]


@pytest.mark.parametrize("stop", ["0001-01-01", "1900-01-01", "9999-12-31"])
def test_a_series_up_to_a_far_time_is_refused(store: Store, stop: str) -> None:
    problem_of(Services(store).distinct.get(f"/events/seen/series?to={stop}"), 422)
