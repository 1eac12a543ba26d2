"""Times in the browser: UTC as written, the reader's own under the pointer."""

from __future__ import annotations

from selenium.webdriver import ActionChains

from tests.browser.page import Page
from tests.browser.test_bitmap import report
from tests.stack import Stack
from tests.started import eventually


def test_a_time_is_that_of_the_reader_under_the_pointer(page: Page, stack: Stack) -> None:
    task_id = stack.create(2)
    report(stack, task_id, (0, 2))
    page.browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kolkata"})
    try:
        page.open(f"/tasks/{task_id}")
        finished = page.find(".timeline [data-mark=good] time")
        written = finished.text

        def is_named() -> bool:
            ActionChains(page.browser).move_to_element(finished).move_by_offset(1, 0).perform()
            return "GMT+5:30" in (finished.get_attribute("title") or "")

        eventually(is_named, what="it is not the reader's time")
        title = finished.get_attribute("title") or ""
    finally:
        page.browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})

    assert title.endswith(f"which is {written}")
    assert page.complaints() == []


def test_a_finished_task_in_the_list_says_how_long_ago(page: Page, stack: Stack) -> None:
    task_id = stack.create(2)
    report(stack, task_id, (0, 2))

    page.open()

    row = f"#tasks li[data-id='{task_id}'] .when"
    eventually(lambda: page.text(row) == "finished just now", what="it is not said")
