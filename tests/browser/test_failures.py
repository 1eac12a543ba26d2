"""The failures of a task on its page: by error, marked on the bitmap, retried without a reload."""

from __future__ import annotations

import logging

import pytest

from tests.browser.bitmap import BitMap
from tests.browser.page import Page
from tests.browser.test_bitmap import give_up
from tests.stack import Stack
from tests.started import eventually
from tests.workers.arranged import say


def test_a_group_appears_and_its_steps_are_retried_by_a_button(page: Page, stack: Stack) -> None:
    task_id = stack.create(20)
    BitMap(page, task_id)
    page.mark()
    for step in (3, 4, 9):
        give_up(stack, task_id, step, f"picture {step} is empty" if step < 9 else "disk full")

    eventually(lambda: "2 steps" in page.text(".groups li"), what="the group is not shown")
    page.find(".groups li button").click()

    eventually(lambda: "1 step" in page.text(".groups li"), what="it was not retried")
    assert stack.task(task_id).failed_steps == 1
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_log_lines_of_a_failure_appear_beside_it(page: Page, stack: Stack) -> None:
    task_id = stack.create(20)
    BitMap(page, task_id)
    give_up(stack, task_id, 3, "disk full")
    say(stack.store, f"step 3 of task {task_id} failed for good", task_id=task_id, level=logging.ERROR)

    eventually(lambda: "step 3 of task" in page.text("#trouble li"), what="the line is not shown")

    say(stack.store, "disk full again", task_id=task_id, level=logging.WARNING)
    eventually(lambda: "disk full again" in page.text("#trouble li + li"), what="the next is not shown")
    assert page.complaints() == []


def test_a_refusal_is_shown_below_the_failures(page: Page, stack: Stack) -> None:
    task_id = stack.create(20)
    give_up(stack, task_id, 3, "picture 3 is empty")
    BitMap(page, task_id)
    page.look(1200, 500)
    page.find(".by-hand input").send_keys("7")

    page.find(".by-hand button").click()

    eventually(lambda: page.text("#failures .said"), what="nothing is said there")
    assert "none of these steps" in page.text("#failures .said")
    assert page.text("#said") == ""
    assert page.is_in_sight("#failures .said")


@pytest.mark.parametrize("count", [100, 100_000])
def test_the_steps_of_a_group_are_marked_on_the_bitmap(page: Page, stack: Stack, count: int) -> None:
    task_id = stack.create(count)
    give_up(stack, task_id, 3, "picture 3 is empty")
    give_up(stack, task_id, 9, "disk full")
    BitMap(page, task_id)
    eventually(lambda: page.is_there(".groups .more a"), what="no group is shown")
    pixels = "return document.querySelector('#cells .marks').toDataURL()"
    page.drawn()
    before = page.browser.execute_script(pixels)

    page.find(".groups .more a").click()

    eventually(lambda: page.is_there("#cells[data-marked][data-columns]"), what="no step is marked")
    eventually(lambda: page.browser.execute_script(pixels) != before, what="no mark is drawn")
    assert len(page.browser.find_elements("css selector", "#steps tbody tr")) == 1
    assert page.complaints() == []
