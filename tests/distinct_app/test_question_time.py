"""A question has a budget, and a time: beyond the first it is 422, after the second 503."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from donebit import clock, deadline
from donebit.activity.sets import algebra
from donebit.errors import TookTooLong
from donebit.store import Store
from tests.web.services import Services, body_of, problem_of

DAYS = [f"{clock.now() - timedelta(days=back):%Y-%m-%d}" for back in range(40)]
QUESTIONS = [
    "/events/e/retention?granularity=day&rows=20&columns=20&cohort=recurring",
    "/events/e/retention?granularity=day&rows=20&columns=20",
    "/events/e/lifecycle?granularity=day&periods=30",
    f"/events/e/series?granularity=day&from={DAYS[20]}&rolling=10",
]
OTHERS = [
    f"/events/e/streaks?granularity=day&from={DAYS[-1]}",
    "/events/e/stickiness?granularity=day&periods=30",
    "/events/e/stickiness/ratios?days=5",
    "/events/e/summary",
    "/events/e/memory",
    "/events/e/count?period=all",
    f"/query/members?text=e@{DAYS[-1]}..{DAYS[0]}",
]


@pytest.fixture(autouse=True)
def visited(store: Store) -> None:
    for day in DAYS[:3]:
        body_of(Services(store).distinct.post("/events/e", json={"users": [1, 2_000_000], "at": day}))


@pytest.mark.parametrize("path", QUESTIONS + OTHERS)
def test_a_question_that_takes_too_long_is_given_up(store: Store, path: str) -> None:
    hurried = Services(store, question_timeout=timedelta(microseconds=1)).distinct

    problem = problem_of(hurried.get(path), 503)

    assert "QUESTION_TIMEOUT" in problem["detail"]
    body_of(hurried.post("/events/e", json={"users": [3]}))  # which is no question
    body_of(Services(store).distinct.get(path))


def test_what_is_given_up_leaves_no_answer_for_whoever_asks_next(store: Store) -> None:
    hurried = Services(store, question_timeout=timedelta(milliseconds=3)).distinct

    statuses = {hurried.get(QUESTIONS[0]).status_code for _ in range(20)}

    assert statuses <= {200, 503}
    assert body_of(Services(store).distinct.get("/events/e/count?period=all"))["count"] == 2


def test_a_thread_that_has_answered_may_take_any_time() -> None:
    deadline.begin(timedelta(microseconds=1))
    with pytest.raises(TookTooLong, match="QUESTION_TIMEOUT"):
        deadline.refuse_late()

    deadline.end()

    deadline.refuse_late()


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_question_beyond_its_budget_is_refused_before_a_bitmap_is_read(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    distinct = Services(store).distinct
    body_of(distinct.get(path))
    monkeypatch.setattr(algebra, "MOST_IN_ALL", 5)
    client.config_resetstat()

    problem = problem_of(distinct.get(path), 422)

    assert "bitmaps" in problem["detail"]
    assert "at most 5" in problem["detail"]
    assert problem["errors"][0]["field"] in {"rows", "rolling", "periods"}
    assert "cmdstat_evalsha" not in client.info("commandstats")


def test_an_expression_of_too_many_bitmaps_asks_for_none(store: Store, client: Redis) -> None:
    distinct = Services(store).distinct
    days = {"event": "e", "from": DAYS[-1], "to": DAYS[0]}
    parts = [days, *({"event": f"e{number}", "at": "all"} for number in range(255))]
    client.config_resetstat()

    problem = problem_of(distinct.post("/query", json={"query": {"or": parts}}), 422)

    assert "at most 256" in problem["detail"]
    assert not {"cmdstat_mget", "cmdstat_evalsha"} & set(client.info("commandstats"))
