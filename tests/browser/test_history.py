"""The page of the last day and month in a browser: it moves, it needs no script, and everyone can read it."""

from __future__ import annotations

from donebit import clock
from donebit.completion.throughput import RANGES
from tests.browser.page import Page
from tests.browser.test_accessibility import NO_BARRIERS, barriers, overflows
from tests.stack import DONE_SECONDS, Stack
from tests.started import eventually


def fill(stack: Stack) -> None:
    """Count something of each kind in every sixth bucket of both ranges."""
    now = clock.now()
    for of in RANGES.values():
        for ago in range(0, of.buckets, 6):
            counts = {"steps_done": 50_000 * ago, "steps_failed": ago % 7, "tasks_done": 3, "tasks_failed": 1}
            stack.store.throughput.add(counts, [of.current(now - of.bucket * ago)])


def steps_done(page: Page) -> int:
    return int(page.text(".chart figcaption b").replace(",", "") or 0)


def test_a_task_that_ends_moves_the_page(page: Page, stack: Stack) -> None:
    fill(stack)
    page.open("/history?range=30d")
    eventually(lambda: page.is_there("#live:not([hidden])"), what="the page is not live")
    before = steps_done(page)

    stack.create(7, job="demo", params={"sleep_ms": 0})

    eventually(lambda: steps_done(page) == before + 7, DONE_SECONDS, what="the steps are not counted")
    assert page.complaints() == []


def test_it_is_read_without_a_script(page: Page, stack: Stack) -> None:
    fill(stack)
    with page.without_script():
        page.open("/history")

        page.find("nav.pages a:last-child").click()
        page.find("summary").click()

        assert page.text("nav.pages [aria-current]") == "Last 30 days"
        assert len(page.browser.find_elements("css selector", "tbody tr")) == RANGES["30d"].buckets // 6


def test_it_has_no_barrier_and_fits_every_window(page: Page, stack: Stack) -> None:
    fill(stack)

    page.open("/history?range=30d")
    page.find("summary").click()

    assert barriers(page) == NO_BARRIERS
    assert overflows(page) == {}
    assert page.complaints() == []
