"""The view of distinct users as the server draws it: what is chosen, refused, and read how often."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest

from donebit import clock, deadline
from donebit.activity.analytics import retention, stickiness
from donebit.activity.analytics.retention import Cohort
from donebit.activity.events import event as events
from donebit.activity.periods.calendar import Granularity
from donebit.activity.site import Site
from donebit.activity.transfer import import_
from donebit.config import Settings
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS
from tests.activity.arranged import real_now, record, site_on
from tests.web.services import Services, body_of, problem_of
from trigger_app.pages.axis import AXIS_HEIGHT, ticks
from trigger_app.pages.distinct.choice import Chosen
from trigger_app.pages.distinct.curves import curves
from trigger_app.pages.distinct.expression import Refusal, Result, result
from trigger_app.pages.distinct.figures import figures, last_reads, read_figures
from trigger_app.pages.distinct.retention import Cell
from trigger_app.pages.distinct.routes import part
from trigger_app.pages.distinct.streaks import MOST_BITMAPS
from trigger_app.pages.view import PageContext


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store)


def shown(services: Services, query: str = "", path: str = "/distinct") -> str:
    answer = services.trigger.get(path + query, headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


def chosen(page: str) -> str:
    found = re.search(r'data-event="([^"]*)"', page)
    assert found is not None
    return found[1]


def test_the_sample_is_shown_where_it_is_and_the_example_elsewhere(
    services: Services, real_store: Store
) -> None:
    before = shown(services)
    record(real_store, [1, 2], "demo.visit")

    assert chosen(before) == "distinct"
    assert "No visits to <b>distinct</b> yet" in before
    assert chosen(shown(services)) == "demo.visit"
    assert chosen(shown(services, "?event=distinct")) == "distinct"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/distinct?event=a%20b", "event is 'a b'; it must be 1 to 100 of"),
        ("/distinct/users?event=a&period=2026-13-01", "period is '2026-13-01'"),
        ("/distinct/users?event=a&period=2026-11", "period is '2026-11'; it must be a day or a week"),
        ("/distinct/users?event=a&period=1999-01-01", "1999-01-01"),
        ("/distinct/users?event=a&period=2999-01-01", "has not begun"),
        ("/distinct/users?event=a&period=2999-01-01&state=new", "has not begun"),
        ("/distinct/users?event=a&period=TODAY&column=400", "column 400"),
        ("/distinct/users?event=a&period=TODAY&column=-1", "column is -1; it must be 0 to"),
        ("/distinct/users?event=a&period=TODAY&column=x", "column is 'x'; it must be an integer"),
        ("/distinct/users?event=a&period=TODAY&column=%D9%A3", "must be an integer"),
        ("/distinct/users?event=a&period=TODAY&state=asleep", "state is 'asleep'; it must be one of new"),
        ("/distinct/users?event=a&period=TODAY&after=9999999999", "after is 9999999999"),
        ("/distinct/users?text=a%20%26", "character"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_its_bound(
    services: Services, path: str, words: str
) -> None:
    today = f"{clock.now():%Y-%m-%d}"

    problem = problem_of(services.trigger.get(path.replace("TODAY", today)), 422)

    assert words in problem["detail"]


def test_a_users_name_is_text_and_never_markup(services: Services, real_store: Store) -> None:
    record(real_store, ["<img src=x>"], "texts")

    for page in (
        shown(services, "?event=texts&text=texts"),
        shown(services, "?text=texts", "/distinct/users"),
    ):
        assert "<li>&lt;img src=x&gt;</li>" in page
        assert "<img src=x>" not in page
    assert "<script>" not in shown(services, "?text=<script>")


def test_every_chart_is_drawn_without_script_or_style_of_its_own(
    services: Services, real_store: Store
) -> None:
    for weeks in range(4):
        record(real_store, range(weeks, 9), "seen", real_now() - timedelta(weeks=weeks))

    for granularity in ("week", "day", "other"):
        page = shown(services, f"?event=seen&granularity={granularity}&text=seen@today")

        assert not re.search(r"<[^>]+\s(style|on\w+)\s*=", page)
        assert 'class="heat"' in page
        assert 'class="stacks' in page
        assert 'class="bars"' in page
        assert "<strong>9</strong> distinct users" in page


def test_a_shorter_expiry_leaves_days_out_of_the_charts(services: Services, real_store: Store) -> None:
    for days in (0, 3, 10):
        record(real_store, [1, 2, 100 + days], "short", real_now() - timedelta(days=days))
    kept = {"day": 5, "week": 7}
    body_of(services.distinct.put("/events/short/expiry", json=kept))

    by_week, by_day = (shown(services, f"?event=short&granularity={one}") for one in ("week", "day"))

    for page in (by_week, by_day):
        told = page.partition('id="days"')[2].partition("</tbody>")[0]
        assert told.count('<th scope="row">') == 4  # from the first of them that saw anybody
        assert told.count("<td>\u2013</td>") == 8  # neither 7 days nor 30 are kept
        assert 'class="heat"' in page


def test_one_chart_that_is_too_much_leaves_the_others_drawn(services: Services, real_store: Store) -> None:
    users = [segment * SEGMENT_BITS for segment in range(MOST_BITMAPS // 50 + 1)]
    for days in range(50):
        record(real_store, users, "wide", real_now() - timedelta(days=days))

    page = shown(services, "?event=wide")

    assert "these days are 1050 bitmaps, and a page draws at most 1000" in page
    assert 'class="bars"' not in page
    assert 'class="heat"' in page


@pytest.mark.parametrize("path", ["/distinct?event=wide", "/distinct/users?text=wide"])
def test_what_takes_too_long_is_given_up(real_store: Store, path: str) -> None:
    record(real_store, [1, 2], "wide")
    hurried = Services(real_store, question_timeout=timedelta(microseconds=1)).trigger

    problem = problem_of(hurried.get(path), 503)

    assert "QUESTION_TIMEOUT" in problem["detail"]
    assert hurried.get("/history").status_code == 200


def test_a_chart_that_takes_too_long_is_refused_alone() -> None:
    with deadline.within(timedelta(0)):
        assert "QUESTION_TIMEOUT" in str(part(deadline.refuse_late)["refused"])

    assert part(deadline.refuse_late) == {"drawn": None}


@pytest.mark.parametrize(
    ("asked", "character", "marked"),
    [
        ("a &", 4, ""),
        ("a@never", 3, "n"),
        ("(a", 3, ""),
        ("a b", 3, "b"),
        ("a b: c", 3, "b"),
        ("a - b@1999-01-01", None, ""),
    ],
)
def test_a_mistake_in_an_expression_has_its_place(
    real_store: Store, asked: str, character: int | None, marked: str
) -> None:
    found = result(site(real_store), asked)

    assert isinstance(found, Refusal)
    assert "<here>" not in found.why
    assert found.before + found.after == asked
    if character:
        assert (found.character, found.after[:1]) == (character, marked)


def test_an_expression_of_many_parts_is_counted_and_not_drawn(real_store: Store) -> None:
    record(real_store, range(3), "a")

    few, many = (result(site(real_store), " | ".join("abcdef"[:parts])) for parts in (5, 6))

    assert isinstance(few, Result)
    assert isinstance(many, Result)
    assert (few.count, many.count) == (3, 3)
    assert (len(few.segments), len(many.segments)) == (1, 0)


def test_the_figures_of_one_event_are_read_now_and_then(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_on(real_store)
    record(real_store, [1], "seen")
    monkeypatch.setattr(last_reads, "every", timedelta(minutes=1))
    first = read_figures(context, "seen", {})
    record(real_store, [2], "seen")

    assert read_figures(context, "seen", first) is first
    monkeypatch.setattr(last_reads, "every", timedelta(0))
    assert '<span id="distinct">2</span>' in read_figures(context, "seen", first)["now"]["html"]


def test_a_stream_about_an_invalid_event_name_is_empty(real_store: Store) -> None:
    assert read_figures(context_on(real_store), "no name", {}) == {}


def test_a_cell_with_somebody_is_shaded_and_one_with_nobody_is_not() -> None:
    shades: Sequence[int] = [Cell(users, users / 1000, open=False).shade for users in (0, 1, 49, 500, 1000)]

    assert shades == [0, 1, 1, 5, 10]


@pytest.mark.parametrize(
    ("highest", "lowest", "marks"),
    [
        (0, 0, [0]),
        (3, 0, [0, 1, 2, 3]),
        (7528, 4000, [4000, 2000, 0, 2000, 4000, 6000]),
        (10, 12, [10, 5, 0, 5, 10]),
        (0, 9, [8, 6, 4, 2, 0]),
    ],
)
def test_the_lifecycle_axis_has_round_marks(highest: int, lowest: int, marks: list[int]) -> None:
    found = ticks(highest, lowest)

    assert [tick.value for tick in found] == marks
    assert all(0 <= tick.y <= AXIS_HEIGHT for tick in found)


@pytest.mark.parametrize(
    ("highest", "texts"),
    [(600_000, ["0", "100,000"]), (2_500_000, ["0", "500,000", "1 M", "1.5 M"]), (10**10, ["0", "2,000 M"])],
)
def test_the_marks_of_an_axis_are_short(highest: int, texts: list[str]) -> None:
    assert [tick.text for tick in ticks(highest)][: len(texts)] == texts


def site(store: Store) -> Site:
    return Site.of(store, Settings(redis_url="redis://127.0.0.1:1/0"))


def context_on(store: Store) -> PageContext:
    context: PageContext = object.__new__(PageContext)
    object.__setattr__(context, "site", site(store))
    return context


def test_curves_have_an_imported_week_as_the_figures_do(real_store: Store) -> None:
    site, now = site_on(real_store), real_now()
    week = site.calendar.before(site.calendar.period_at(Granularity.WEEK, now))
    import_.add_users(site, "seen", week, [1, 2, 3], now)
    record(real_store, [3, 4], "seen", now)

    *before, last = curves(Chosen(site, events.get(site, "seen"), Granularity.WEEK, now))
    ratios = stickiness.active_users(
        site,
        retention.question(site, "seen", None, Cohort.RECURRING, now),
        [site.calendar.named(point.day, "day") for point in (*before, last)],
    )

    assert (last.users, last.rolling_30) == (2, figures(site, "seen")["rolling_30"]) == (2, 4)
    assert [point[1:] for point in (*before, last)] == [
        (one.daily, one.weekly, one.monthly) for one in ratios
    ]
