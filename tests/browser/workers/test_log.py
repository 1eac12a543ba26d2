"""The log of the workers: live, filtered by task, and left where somebody reads in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from selenium.webdriver import Keys

from tests.browser.page import Page
from tests.browser.workers.view import busy, filter_by, gap_px, lines_of, log_of, scroll, tells
from tests.stack import DONE_SECONDS, Stack
from tests.started import eventually


def test_the_lines_of_a_task_appear_as_its_worker_writes_them(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(8, 20)

    # Fanned out, eight steps, and done: each process writes its own, so the last may not come last.
    eventually(lambda: len(lines_of(page, task_id)) == 10, DONE_SECONDS, what="not all lines come")
    assert sorted(lines_of(page, task_id)) == sorted(stack.log_of(task_id))
    assert tells(page, f"task {task_id} is done: 8 steps")
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_the_log_is_filtered_by_task_and_the_address_says_so(page: Page, stack: Stack) -> None:
    mine, other = stack.trigger_done(4, 0), stack.trigger_done(4, 0)
    eventually(lambda: tells(page, f"{mine} is done") and tells(page, f"{other} is done"), DONE_SECONDS)

    filter_by(page, mine)

    eventually(lambda: len(log_of(page)) == 6, DONE_SECONDS, what="not all of its lines are shown")
    assert all(mine in line for line in log_of(page))
    assert page.browser.current_url.endswith(f"/workers?task={mine}")
    assert page.find("#open").get_attribute("href") == f"{page.address}/tasks/{mine}"
    page.browser.back()
    eventually(lambda: tells(page, other), DONE_SECONDS, what="the others do not come back")
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_a_failed_step_leads_to_its_own_lines(page: Page, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "block-1").touch()
    task_id = stack.create(3, job="blocked", params={"folder": str(tmp_path)})
    stack.await_told(task_id)
    page.open(f"/tasks/{task_id}")

    page.find("#steps tbody a").click()

    eventually(lambda: len(log_of(page)) == 2, DONE_SECONDS, what="not both attempts are shown")
    assert all(line.startswith(f"step 1 of task {task_id} failed") for line in log_of(page))
    assert page.browser.current_url.endswith(f"/workers?task={task_id}&step=1")
    page.find("#filter [name=step]").clear()
    filter_by(page, task_id)
    eventually(lambda: tells(page, f"step 2 of task {task_id} is done"), DONE_SECONDS, what="all do not come")
    page.browser.back()
    eventually(lambda: len(log_of(page)) == 2, DONE_SECONDS, what="it does not come back to the step")
    assert page.complaints() == []


def test_a_filtered_log_goes_on_live(page: Page, stack: Stack) -> None:
    filter_by(page, "to-come")
    eventually(lambda: "No log lines for task to-come" in page.text("#no-line"), what="it does not say so")

    stack.create(3, job="demo", params={"sleep_ms": 0}, task_id="to-come")
    stack.trigger_done(3, 0)

    eventually(lambda: tells(page, "to-come is done"), DONE_SECONDS, what="no line appears")
    assert all("to-come" in line for line in log_of(page))
    assert page.text("#no-line") == ""
    assert page.complaints() == []


@pytest.mark.parametrize("pasted", ["http://127.0.0.1/tasks/a", "..", "50 %"])
def test_whatever_is_pasted_as_a_task_the_page_stays_live(page: Page, pasted: str) -> None:
    filter_by(page, pasted)

    eventually(lambda: f"No log lines for task {pasted}" in page.text("#no-line"), what="it does not say so")
    eventually(lambda: page.text("#live") == "live", what="it is not live")
    assert page.complaints() == []


def test_a_filtered_log_can_be_linked_to_and_needs_no_script(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(3, 0)
    eventually(lambda: len(lines_of(page, task_id)) == 5, DONE_SECONDS, what="not all lines come")
    with page.without_script():
        page.open(f"/workers?task={task_id}")

        assert len(page.browser.find_elements("css selector", "#log li")) == 5
        assert page.find("#filter [name=task]").get_attribute("value") == task_id
        assert str(stack.worker.process.pid) in page.text("#workers")
        filter_by(page, "nobody")
        eventually(lambda: "No log lines for task nobody" in page.text("#no-line"))


def test_a_click_on_what_runs_shows_its_lines_alone(page: Page, stack: Stack) -> None:
    other, task_id = stack.trigger_done(3, 0), stack.create_endless()
    eventually(lambda: task_id in busy(page) and tells(page, other), DONE_SECONDS)

    eventually(lambda: is_clicked(page, task_id), what="it is not shown any more")

    eventually(lambda: log_of(page) and all(task_id in line for line in log_of(page)), DONE_SECONDS)
    assert not page.was_reloaded()


def is_clicked(page: Page, task_id: str) -> bool:
    """Whether a process is shown at a task, which is then clicked: between two messages none is."""
    links = "[...document.querySelectorAll('.processes .task')]"
    found = f"const link = {links}.find((one) => one.textContent === arguments[0])"
    return bool(page.browser.execute_script(f"{found}; link?.click(); return link !== undefined", task_id))


def test_trouble_can_be_seen_alone(page: Page, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "block-1").touch()
    task_id = stack.create(2, job="blocked", params={"folder": str(tmp_path)})
    eventually(lambda: tells(page, f"task {task_id} is failed"), DONE_SECONDS, what="its end is not shown")

    page.find("#trouble").send_keys(Keys.SPACE)

    shown = page.text("#log")
    assert "Traceback" in shown
    assert "failed for good after 2 attempts" in shown
    assert f"task {task_id} is failed" not in shown


def test_trouble_is_still_seen_alone_after_going_back(page: Page, stack: Stack) -> None:
    stack.trigger_done(3, 0)
    eventually(lambda: len(log_of(page)) > 3, DONE_SECONDS, what="no lines")
    page.browser.execute_script("addEventListener('unload', () => {})")  # else the page is kept as it is
    page.find("#trouble").send_keys(Keys.SPACE)
    page.open("/jobs")

    page.browser.back()

    eventually(lambda: page.find("#trouble").is_selected(), what="the choice is lost")
    eventually(lambda: page.is_there("#log.trouble"), what="all lines are shown")


def test_who_reads_back_in_the_log_is_left_there_and_told_of_newer_lines(page: Page, stack: Stack) -> None:
    stack.trigger_done(60, 0)
    eventually(lambda: len(log_of(page)) > 60 and gap_px(page) < 8, DONE_SECONDS, what="it is not at its end")

    scroll(page, "0")
    eventually(lambda: gap_px(page) > 100)
    task_id = stack.trigger_done(5, 0)
    eventually(lambda: tells(page, f"{task_id} is done"), DONE_SECONDS)

    eventually(
        lambda: re.fullmatch(r"\d+ newer lines? below", page.text("#newer")), what="it does not say so"
    )
    assert page.browser.execute_script("return document.querySelector('#log').scrollTop") == 0
    page.find("#newer").send_keys(Keys.ENTER)
    eventually(lambda: gap_px(page) < 8 and page.text("#newer") == "", what="it does not go to the end")


def test_what_a_line_says_is_text_and_never_markup(page: Page, stack: Stack) -> None:
    word = "<img src=x onerror=alert(1)><b>bold</b> & 'quoted'"
    task_id = stack.create(1, job="talkative", params={"word": word})

    eventually(lambda: tells(page, word), DONE_SECONDS, what="the line is not shown as it is")
    page.open(f"/workers?task={task_id}")

    eventually(lambda: tells(page, word), DONE_SECONDS, what="the line is not shown as it is")
    assert page.browser.find_elements("css selector", "#log img, #log b") == []
    assert page.complaints() == []
