"""Times in the browser: UTC as written, the reader's own under the pointer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from selenium.webdriver import ActionChains
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.page import Page
from tests.browser.test_bitmap import report
from tests.browser.test_history import fill
from tests.stack import Stack
from tests.started import eventually


def test_a_time_is_that_of_the_reader_under_the_pointer(page: Page, stack: Stack) -> None:
    task_id = stack.create(2)
    report(stack, task_id, (0, 2))
    with in_india(page):
        page.open(f"/tasks/{task_id}")
        finished = page.find(".timeline [data-mark=good] time")
        written = finished.text
        title = pointed_at(page, finished, lambda: finished.get_attribute("title") or "")

    assert title.endswith(f"which is {written}")
    assert page.complaints() == []


def test_a_bar_of_a_chart_names_the_time_of_the_reader(page: Page, stack: Stack) -> None:
    fill(stack)
    with in_india(page):
        page.open("/history")
        bar = page.find(".chart g:has(rect)")
        text = bar.find_element("css selector", "title")
        written = text.get_attribute("textContent") or ""
        title = pointed_at(page, bar, lambda: text.get_attribute("textContent") or "")

    day_and_minute, figures = written.split(" UTC")
    assert title.endswith(f"which is {day_and_minute}:00 UTC{figures}")
    assert page.complaints() == []


@contextmanager
def in_india(page: Page) -> Iterator[None]:
    page.browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kolkata"})
    try:
        yield
    finally:
        page.browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


def pointed_at(page: Page, element: WebElement, title: Callable[[], str]) -> str:
    """What a part of the page says of its time while the pointer is over it."""
    seen: list[str] = []

    def is_named() -> bool:
        ActionChains(page.browser).move_to_element(element).move_by_offset(1, 0).perform()
        seen.append(title())
        return "GMT+5:30" in seen[-1]

    eventually(is_named, what="it is not the reader's time")
    return seen[-1]


def test_a_finished_task_in_the_list_says_how_long_ago(page: Page, stack: Stack) -> None:
    task_id = stack.create(2)
    report(stack, task_id, (0, 2))

    page.open()

    row = f"#tasks li[data-id='{task_id}'] .when"
    eventually(lambda: page.text(row) == "finished just now", what="it is not said")
