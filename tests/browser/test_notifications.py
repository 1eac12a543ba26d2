"""Notifications of a task's end: asked for by a button, shown while any page of the site is open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.browser.chromium import chromium
from tests.browser.page import Page
from tests.browser.test_accessibility import violations
from tests.browser.test_bitmap import report
from tests.stack import Stack, ask
from tests.started import eventually

BUTTON = "#notify button"
# Lists what is shown; it is shown all the same.
RECORDER = """
window.shown = [];
window.Notification = class extends Notification {
  constructor(title, options) {
    super(title, options);
    window.shown.push([title, options.body]);
  }
};
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile"), whole=True) as chrome:
        yield chrome


def begin(page: Page, setting: str) -> None:
    """Have the browser answer so when a page asks for permission, and list what it shows."""
    permission = {"permission": {"name": "notifications"}, "setting": setting, "origin": page.address}
    page.browser.execute_cdp_cmd("Browser.setPermission", permission)
    page.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": RECORDER})


def shown(page: Page) -> list[list[str]]:
    found: list[list[str]] = page.browser.execute_script("return window.shown")
    return found


def wait_for_end(page: Page, stack: Stack, count: int = 3, **body: object) -> str:
    """Start a task, and click the button on its page."""
    task_id = stack.create(count, **body)
    page.open(f"/tasks/{task_id}")
    eventually(lambda: page.is_there("#notify:not([hidden])"), what="there is no button")
    page.find(BUTTON).click()
    return task_id


def locks(page: Page) -> int:
    """How many pages listen for ends, or wait to."""
    script = "navigator.locks.query().then(({held, pending}) => arguments[0](held.length + pending.length))"
    return int(page.browser.execute_async_script(script))


def is_pressed(page: Page) -> bool:
    return page.find(BUTTON).get_attribute("aria-pressed") == "true"


def test_the_end_is_shown_and_the_button_goes(page: Page, stack: Stack) -> None:
    begin(page, "granted")
    task_id = wait_for_end(page, stack, label="nightly")
    eventually(lambda: is_pressed(page), what="it is not waited for")
    assert violations(page) == []

    report(stack, task_id, (0, 3))

    eventually(lambda: shown(page), what="nothing is shown")
    ((title, text),) = shown(page)
    assert title == "Task nightly: done"
    assert text.startswith("3 of 3 steps done in ")
    eventually(lambda: not page.is_there("#notify:not([hidden])"), what="the button stays")
    assert page.complaints() == []


def test_any_page_shows_it_once_while_none_is_in_sight(page: Page, stack: Stack) -> None:
    begin(page, "granted")
    task_id = wait_for_end(page, stack)
    eventually(lambda: is_pressed(page), what="it is not waited for")
    first = page.browser.current_window_handle
    page.open("/jobs")
    page.browser.switch_to.new_window("tab")
    second = page.browser.current_window_handle
    begin(page, "granted")
    page.open("/schedule")
    page.browser.switch_to.new_window("tab")  # nothing of the site is in sight

    ask("POST", f"{stack.done}/tasks/{task_id}/cancel")

    def all_shown() -> list[list[str]]:
        found = []
        for handle in (first, second):
            page.browser.switch_to.window(handle)
            found += shown(page)
        return found

    eventually(all_shown, what="nothing is shown")
    assert [title for title, _ in all_shown()] == [f"Task {task_id}: cancelled"]
    eventually(lambda: locks(page) == 0, what="a page goes on to listen")


def test_a_page_that_is_opened_later_shows_it(page: Page, stack: Stack) -> None:
    begin(page, "granted")
    task_id = wait_for_end(page, stack)
    eventually(lambda: is_pressed(page), what="it is not waited for")
    page.browser.get("about:blank")
    report(stack, task_id, (0, 3))

    page.open("/history")

    eventually(lambda: shown(page), what="nothing is shown")


def test_a_second_click_takes_it_back(page: Page, stack: Stack) -> None:
    begin(page, "granted")
    task_id = wait_for_end(page, stack)
    eventually(lambda: is_pressed(page), what="it is not waited for")

    page.find(BUTTON).click()

    eventually(lambda: not is_pressed(page), what="it is still waited for")
    report(stack, task_id, (0, 3))
    eventually(lambda: page.text(".facts .state") == "done", what="the page does not move")
    assert shown(page) == []


def test_the_button_of_another_page_of_the_task_follows(page: Page, stack: Stack) -> None:
    begin(page, "granted")
    task_id = stack.create(3)
    page.open(f"/tasks/{task_id}")
    first = page.browser.current_window_handle
    page.browser.switch_to.new_window("tab")
    page.open(f"/tasks/{task_id}")
    eventually(lambda: page.is_there("#notify:not([hidden])"), what="there is no button")

    page.find(BUTTON).click()
    eventually(lambda: is_pressed(page), what="it is not waited for")
    second = page.browser.current_window_handle
    page.browser.switch_to.window(first)
    eventually(lambda: is_pressed(page), what="the other button does not follow")
    page.find(BUTTON).click()
    page.browser.switch_to.window(second)

    eventually(lambda: not is_pressed(page), what="it is still waited for")
    assert page.text("#notify .said") == ""


def test_a_task_that_ends_while_permission_is_asked_for_has_no_button(page: Page, stack: Stack) -> None:
    begin(page, "granted")
    ask_later = "Notification.requestPermission = () => new Promise((resolve) => (window.allow = resolve))"
    task_id = stack.create(3)
    page.open(f"/tasks/{task_id}")
    eventually(lambda: page.is_there("#notify:not([hidden])"), what="there is no button")
    page.browser.execute_script(ask_later)
    page.find(BUTTON).click()
    report(stack, task_id, (0, 3))
    eventually(lambda: not page.is_there("#notify:not([hidden])"), what="the button stays")

    page.browser.execute_script("window.allow('granted')")

    eventually(lambda: shown(page), what="nothing is shown")
    assert not page.is_there("#notify:not([hidden])")


def test_a_page_moves_where_the_browser_keeps_no_data(page: Page, stack: Stack) -> None:
    begin(page, "granted")
    blocked = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException(); } })"
    page.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": blocked})

    task_id = wait_for_end(page, stack)

    eventually(lambda: "keeps no data of this site" in page.text("#notify .said"), what="it does not say why")
    report(stack, task_id, (0, 3))
    eventually(lambda: page.text(".facts .state") == "done", what="the page does not move")
    assert page.complaints() == []


def test_the_button_says_why_it_cannot(page: Page, stack: Stack) -> None:
    begin(page, "denied")

    wait_for_end(page, stack)

    eventually(
        lambda: "are blocked in this browser" in page.text("#notify .said"), what="it does not say why"
    )
    assert not is_pressed(page)


def test_there_is_no_button_without_a_script(page: Page, stack: Stack) -> None:
    task_id = stack.create(3)
    with page.without_script():
        page.open(f"/tasks/{task_id}")

        assert not page.find(BUTTON).is_displayed()
