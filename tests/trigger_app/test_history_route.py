"""What was done and failed when, over HTTP and as a page."""

from __future__ import annotations

from datetime import datetime

import pytest

from donebit import clock
from donebit.completion import counting
from donebit.completion.measures import ENDS, FAILURES, STEPS, Tally
from donebit.completion.state import State
from donebit.store import Store
from tests.web.services import Services, body_of, problem_of
from trigger_app.pages.charts import BarFigures, chart

PEOPLE = {"Accept": "text/html"}


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store)


def count(store: Store) -> None:
    tally = Tally()
    tally.count(STEPS, "a", amount=1200)
    tally.count(FAILURES, "a", amount=3)
    tally.count(ENDS, "a", State.FAILED, amount=2)
    counting.add_tally(store, tally)


@pytest.mark.parametrize(("query", "buckets", "seconds"), [("", 144, 600), ("?range=30d", 120, 21_600)])
def test_the_answer_has_every_bucket_of_its_range(
    services: Services, real_store: Store, query: str, buckets: int, seconds: int
) -> None:
    count(real_store)

    found = body_of(services.trigger.get(f"/history{query}"))

    (bucket,) = (one for one in found["buckets"] if one["steps_done"])
    assert (len(found["buckets"]), found["bucket_seconds"]) == (buckets, seconds)
    assert bucket == {
        "start": bucket["start"],
        "steps_done": 1200,
        "steps_failed": 3,
        "tasks_done": 0,
        "tasks_failed": 2,
        "tasks_cancelled": 0,
    }
    assert datetime.fromisoformat(bucket["start"]) <= clock.now()


def test_a_range_that_there_is_not_is_refused(services: Services) -> None:
    assert "range" in problem_of(services.trigger.get("/history?range=7d"))["detail"]


@pytest.mark.parametrize("path", ["/history?range=7d", "/jobs/demo?limit=0", "/audit?before=x"])
def test_a_browser_gets_a_page_for_what_an_address_has_wrong(services: Services, path: str) -> None:
    refused = services.trigger.get(path, headers=PEOPLE)

    assert refused.status_code == 422
    assert refused.mimetype == "text/html"
    assert "<h1>Unprocessable Entity</h1>" in refused.text


def test_the_page_has_the_figures_as_bars_and_as_a_table(services: Services, real_store: Store) -> None:
    before = services.trigger.get("/history", headers=PEOPLE).text
    count(real_store)

    page = services.trigger.get("/history?range=30d", headers=PEOPLE).text

    assert "Nothing was done or failed in the last 24 hours" in before
    assert 'aria-label="Steps done in the last 30 days: 1,200, at most 1,200 at a time.' in page
    assert page.count('<rect class="failed" x="99.1') == 2
    assert "<td>1,200</td><td>3</td><td>0</td><td>2</td><td>0</td>" in page


def test_few_among_many_are_seen() -> None:
    figures = [BarFigures("", "a", (1_000_000, 1)), BarFigures("", "b", (0, 0))]

    (bar,) = chart("Steps", "1,000,001", "", ["done", "failed"], figures).bars

    assert [(piece.kind, piece.height) for piece in bar.pieces] == [("done", 100), ("failed", 1.5)]
