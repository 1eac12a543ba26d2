"""The view of the workers is for everybody: by keyboard, on a phone, light and dark."""

from __future__ import annotations

from pathlib import Path

from selenium.webdriver import Keys

from tests.browser.page import Page
from tests.browser.test_accessibility import NO_BARRIERS, barriers
from tests.browser.workers.view import busy, tells
from tests.stack import DONE_SECONDS, Stack
from tests.started import eventually


def test_a_phone_shows_all_of_it_without_scrolling_sideways(page: Page, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "block-1").touch()
    stack.create(
        2,
        job="blocked",
        params={"folder": str(tmp_path)},
        task_id="a-worker-of-one-hundred-characters-" + 65 * "x",
    )
    endless = stack.create_endless()
    page.look(360, 740, ratio=3)
    eventually(lambda: endless in busy(page) and tells(page, "failed for good"), DONE_SECONDS)

    assert page.browser.execute_script("return window.innerWidth") == 360
    assert page.overflow_px() == 0
    within = "const l = document.querySelector('#log'); return l.scrollWidth - l.clientWidth"
    assert page.browser.execute_script(within) == 0


def test_every_part_can_be_reached_by_keyboard(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(3, 0)
    eventually(lambda: tells(page, task_id), DONE_SECONDS)
    page.find("#filter [name=task]").click()

    reached = []
    for _ in range(4):
        page.browser.switch_to.active_element.send_keys(Keys.TAB)
        script = "const it = document.activeElement; return it.id || it.name || it.localName"
        reached.append(page.browser.execute_script(script))

    assert reached == ["step", "button", "trouble", "log"]


def test_nobody_is_shut_out(page: Page, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "block-1").touch()
    stack.create(2, job="blocked", params={"folder": str(tmp_path)}, task_id="seen")
    endless = stack.create_endless()

    eventually(lambda: endless in busy(page) and tells(page, "failed for good"), DONE_SECONDS)

    assert barriers(page, 1200) == NO_BARRIERS
