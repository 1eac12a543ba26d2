"""The view of distinct users in a real browser: moving figures, charts, who is in a cell, sets of users."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.support.select import Select

from tests.browser.page import Page
from tests.browser.test_accessibility import NO_BARRIERS, WIDTHS, barriers, overflow_at, overflows, violations
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually

EVENT = "view.seen"
PHONE, DESK = 360, 1280
FIGURES = ("hour", "today", "week", "month", "distinct")


def visit(stack: Stack, users: list[int], days_ago: int = 0, event: str = EVENT) -> None:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    sent = ask("POST", f"{stack.distinct}/events/{event}", {"users": users, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}"})
    assert sent.status == 200, sent.said


@pytest.fixture
def seen(stack: Stack) -> Iterator[str]:
    """Ten users came five weeks ago, of whom four came again in each week since; 150 came today."""
    visit(stack, list(range(10)), 35)
    for weeks in range(4, 0, -1):
        visit(stack, [0, 1, 2, 3], 7 * weeks)
    visit(stack, list(range(3, 153)))
    yield f"/distinct?event={EVENT}"
    ask("DELETE", f"{stack.distinct}/events/{EVENT}")


@pytest.fixture
def opened(page: Page, seen: str) -> Page:
    open_live(page, seen)
    page.mark()
    return page


def open_live(page: Page, path: str) -> None:
    """Opened, and drawn."""
    page.open(path)
    eventually(lambda: page.browser.find_elements("css selector", "#curves canvas"), what="no curve is drawn")


def figures(page: Page) -> list[str]:
    return [page.text(f"#{name}") for name in FIGURES]


def query(text: str) -> str:
    return f"&text={quote(text)}"


def test_the_figures_move_as_visits_come_without_a_reload(opened: Page, stack: Stack) -> None:
    eventually(lambda: page_shows(opened, "150", "153"), what="the figures are not those of the visits")

    visit(stack, [5000, 5001, 5001])

    eventually(lambda: page_shows(opened, "152", "155"), DONE_SECONDS, what="the figures do not move")
    assert opened.text("#new") == "145"
    assert not opened.was_reloaded()
    assert opened.complaints() == []


def page_shows(page: Page, today: str, ever: str) -> bool:
    shown = figures(page)
    return shown[0] in (today, "0") and shown[1] == today and shown[-1] == ever


def test_the_figures_are_marked_stale_while_redis_is_away(opened: Page, stack: Stack) -> None:
    stack.server.end()

    eventually(lambda: "Redis cannot be reached" in opened.text("#notice"), DONE_SECONDS)
    assert "stale" in str(opened.find("body").get_attribute("class"))
    stack.server.start()
    eventually(lambda: opened.text("#notice") == "", DONE_SECONDS, what="the notice stays")
    visit(stack, [7000], event=EVENT)
    eventually(lambda: opened.text("#today") not in ("", "150"), DONE_SECONDS, what="it is not live again")
    assert not opened.was_reloaded()
    assert opened.complaints() == []


def test_a_view_opened_while_redis_is_away_says_so(page: Page, stack: Stack) -> None:
    stack.server.end()
    try:
        page.open("/distinct")

        assert "Redis cannot be reached" in page.text("#notice")
        assert page.text("#distinct") == "\u2013"
        page.open("/distinct/users?text=a")
        assert "Redis cannot be reached" in page.text("#notice")
    finally:
        stack.server.start()


def test_the_legend_shows_the_last_day_until_another_is_pointed_at(opened: Page) -> None:
    values = (
        "return [...document.querySelectorAll('#curves .u-value')].slice(1).map((one) => one.textContent)"
    )
    at_rest = opened.browser.execute_script(values)

    curves = opened.find("#curves .u-over")
    ActionChains(opened.browser).move_to_element(curves).perform()
    eventually(
        lambda: opened.browser.execute_script(values) != at_rest, what="it does not follow the pointer"
    )
    ActionChains(opened.browser).move_to_element(opened.find("h1")).perform()

    eventually(lambda: opened.browser.execute_script(values) == at_rest, what="it does not come back")
    assert at_rest == ["150", "150", "153"]


def inked(page: Page) -> set[str]:
    """The colours of the curves' canvas."""
    colours = """
    const canvas = document.querySelector("#curves canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let at = 0; at < data.length; at += 4) colours.add(data.slice(at, at + 3).join());
    return [...colours];
    """
    return set(page.browser.execute_script(colours))


def test_the_curves_are_drawn_from_the_numbers_beneath_them(opened: Page) -> None:
    assert {"92,99,112", "163,77,0", "1,98,158"} <= inked(opened)  # a day, 7 days, 30 days
    opened.find("#days summary").click()
    rows = opened.browser.find_elements("css selector", "#days tbody tr")
    assert [cell.text for cell in rows[0].find_elements("css selector", "td")] == ["150", "150", "153"]
    assert len(rows) == 36


def test_a_lone_number_between_gaps_is_drawn_as_a_point(page: Page, stack: Stack) -> None:
    for days_ago in range(6):
        visit(stack, [1, 2, 3], days_ago, event="lone.week")
    ask("PUT", f"{stack.distinct}/events/lone.week/expiry", {"day": 6, "week": 6})  # 7 days: one whole window
    try:
        open_live(page, "/distinct?event=lone.week")
        page.find("#days summary").click()
        rows = page.browser.find_elements("css selector", "#days tbody tr")
        weekly = [row.find_elements("css selector", "td")[1].text for row in rows]

        assert (weekly[0], set(weekly[1:])) == ("3", {"\u2013"})
        assert "163,77,0" in inked(page)
    finally:
        ask("DELETE", f"{stack.distinct}/events/lone.week")


def test_the_first_day_of_an_event_is_drawn_as_a_point(page: Page, stack: Stack) -> None:
    visit(stack, [1, 2, 3], event="first.day")
    try:
        open_live(page, "/distinct?event=first.day")

        assert "1,98,158" in inked(page)  # that of 30 days lies over the others
        assert page.complaints() == []
    finally:
        ask("DELETE", f"{stack.distinct}/events/first.day")


def test_a_long_name_of_an_event_fits_beside_its_button(page: Page, stack: Stack) -> None:
    name = "e" * 100
    visit(stack, [1], event=name)
    page.look(PHONE)
    try:
        open_live(page, f"/distinct?event={name}")

        room = "const it = document.querySelector('#choose button'); return it.clientHeight - it.scrollHeight"
        for width in (PHONE, DESK):
            assert overflow_at(page, width) == 0
            assert page.browser.execute_script(room) >= 0
    finally:
        ask("DELETE", f"{stack.distinct}/events/{name}")


def test_a_cell_leads_to_its_users(opened: Page) -> None:
    cell = opened.find("#retention tbody tr:first-child td:nth-of-type(3) a")
    assert cell.text.split() == ["40", "%", "4"]

    cell.send_keys(Keys.ENTER)

    eventually(lambda: opened.text("h1") == "Users")
    assert opened.text(".users").split() == ["0", "1", "2", "3"]
    assert f"{EVENT}, active in week 1 after first coming in" in opened.text("main")
    assert opened.complaints() == []


def test_more_than_a_hundred_users_are_told_by_pages(opened: Page) -> None:
    opened.find("#retention tbody tr:last-child td:nth-of-type(2) a").click()

    eventually(lambda: len(opened.text(".users").split()) == 100, what="there is no first page")
    opened.find("a[rel=next]").click()
    eventually(lambda: len(opened.text(".users").split()) == 43, what="there is no second page")
    assert opened.browser.find_elements("css selector", "a[rel=next]") == []


def test_the_rows_are_days_where_days_are_asked_for(opened: Page) -> None:
    opened.find("nav[aria-label='Weeks or days'] a:last-child").click()

    eventually(lambda: "day 1" in opened.text("#retention thead"), what="there are no days")
    assert "granularity=day" in opened.browser.current_url
    assert EVENT in opened.text("#choose option:checked")


def test_the_pieces_of_a_bar_lead_to_their_users(opened: Page) -> None:
    assert opened.browser.execute_script("return document.querySelectorAll('.stacks rect.new').length") == 2

    opened.find("#lifecycle summary").click()
    opened.find("#lifecycle tbody tr:first-child td:last-child a").click()

    eventually(lambda: opened.text(".users").split() == ["0", "1", "2"], what="it is not who stayed away")
    assert "dormant in" in opened.text("main")


def test_streaks_are_shown_by_length(opened: Page) -> None:
    first = opened.find("#streaks tbody tr:first-child")

    assert first.text.split() == ["1", "day", "153", "150"]


def test_an_expression_is_counted_and_its_first_users_named(opened: Page) -> None:
    field = opened.find("#ask [name=text]")
    field.send_keys(f"{EVENT}@today&({EVENT} - {EVENT}@7d | {EVENT}@today)", Keys.ENTER)

    eventually(lambda: opened.text("#result strong") == "150", what="nothing is counted")

    canonical = f"{EVENT}@today & (({EVENT} - {EVENT}@7d) | {EVENT}@today)"
    assert opened.text("#result code") == canonical
    assert opened.text(".users").split()[:3] == ["3", "4", "5"]
    opened.find("#result .further a").click()
    eventually(lambda: len(opened.text(".users").split()) == 100, what="they are not all named")
    assert opened.complaints() == []


def test_the_bitmaps_of_an_expression_are_drawn_and_overlaid(page: Page, seen: str) -> None:
    inked = """
    return [...document.querySelectorAll(".strips canvas")].map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, 1);
      return [...data].filter((byte, at) => at % 4 === 3 && byte).length;
    });
    """

    open_live(page, seen + query(f"{EVENT}@today & ({EVENT} - {EVENT}@7d | {EVENT})"))

    names = [one.text for one in page.browser.find_elements("css selector", ".strips dt")]
    assert names == [
        f"{EVENT}@today 150",
        f"{EVENT} 153",
        f"{EVENT}@7d 150",
        "overlay",
        "result 150",
    ]
    assert page.browser.execute_script(inked) == [150, 153, 150, 153, 150]
    assert page.complaints() == []


def test_a_mistake_is_told_at_its_place(page: Page, seen: str) -> None:
    open_live(page, seen + query(f"{EVENT}@today & ({EVENT}@never"))

    told = page.text("#refusal")
    assert told.startswith("Character 30: 'never' is no period")
    assert page.text("#refusal mark") == "n"
    field = page.find("#ask [name=text]")
    assert field.get_attribute("aria-invalid") == "true"
    assert page.browser.execute_script("return arguments[0].selectionStart", field) == 29
    assert violations(page) == []
    assert page.complaints() == []


def test_an_expression_that_ends_too_early_is_marked_at_its_end(page: Page, seen: str) -> None:
    open_live(page, seen + query(f"{EVENT}@today & "))

    assert page.text("#refusal mark") == "␣"
    assert "<here>" not in page.text("#refusal")


def test_an_event_that_nobody_saw_says_what_to_do(page: Page, stack: Stack) -> None:
    page.open("/distinct?event=view.nobody")

    assert "No visits to view.nobody yet" in page.text("#empty")
    assert "curl localhost" in page.text("#empty code")
    visit(stack, [1], event="view.nobody")
    eventually(lambda: page.text("#today") == "1", DONE_SECONDS, what="the figures do not move")
    page.find("#empty a").click()
    eventually(lambda: page.text("#streaks tbody"), what="nothing is drawn")
    ask("DELETE", f"{stack.distinct}/events/view.nobody")
    assert page.complaints() == []


def test_another_event_is_chosen_without_script(page: Page, stack: Stack, seen: str) -> None:
    visit(stack, [1, 2], event="view.other")
    with page.without_script():
        page.open(seen)
        Select(page.find("#choose select")).select_by_visible_text("view.other")
        page.find("#choose button").click()

        eventually(lambda: page.text("#today") == "2", what="the other event is not shown")
        assert page.text("#retention tbody td a") != ""
    ask("DELETE", f"{stack.distinct}/events/view.other")


@pytest.mark.parametrize("granularity", ["week", "day"])
def test_it_fits_every_window(page: Page, seen: str, granularity: str) -> None:
    page.look(WIDTHS[0])

    open_live(page, f"{seen}&granularity={granularity}&text={EVENT}")

    assert overflows(page) == {}


def test_nobody_is_shut_out(page: Page, seen: str) -> None:
    page.look(PHONE)

    open_live(page, f"{seen}&text={EVENT}")
    for summary in page.browser.find_elements("css selector", "summary"):
        ActionChains(page.browser).scroll_to_element(summary).perform()
        summary.send_keys(Keys.ENTER)

    assert [barriers(page, width) for width in (PHONE, DESK)] == [NO_BARRIERS, NO_BARRIERS]
    page.open(f"/distinct/users?text={EVENT}")
    assert [barriers(page, width) for width in (PHONE, DESK)] == [NO_BARRIERS, NO_BARRIERS]
    assert page.complaints() == []


def test_the_vendored_library_has_its_licence() -> None:
    vendor = Path(__file__).parents[2] / "trigger_app" / "static" / "vendor"

    assert "MIT License" in (vendor / "uplot.LICENSE.txt").read_text()
    assert "v1.6.32" in (vendor / "uplot-1.6.32.iife.min.js").read_text()[:100]
