"""What can be done with a task on its page: each button, with the question first where something is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from selenium.webdriver import Keys

from donebit.completion import lifecycle
from donebit.completion.state import State
from tests.browser.page import Page
from tests.browser.test_bitmap import give_up, report
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually

# Ask for what is too late by now: a button that is shown is only now and then refused.
PAUSE_INSTEAD = """
const form = document.querySelector("form[action$='/resume']");
form.setAttribute("action", form.getAttribute("action").replace("resume", "pause"));
form.querySelector("button").click();
"""


@pytest.fixture
def opened(page: Page, stack: Stack) -> Callable[..., str]:
    """Start a task and open its page."""

    def opened(count: int, **body: object) -> str:
        task_id = stack.create(count, **body)
        page.open(f"/tasks/{task_id}")
        eventually(lambda: page.find("#cells").get_attribute("data-columns"), what="the page is not live")
        page.mark()
        return task_id

    return opened


def click(page: Page, selector: str) -> None:
    page.find(selector).click()


def is_asked(page: Page, name: str) -> bool:
    return page.find(f"#ask-{name}").get_attribute("open") is not None


def test_cancel_asks_first_and_then_cancels(page: Page, stack: Stack, opened: Callable[..., str]) -> None:
    task_id = opened(10)

    click(page, "[data-ask=cancel]")
    assert is_asked(page, "cancel")
    click(page, "#ask-cancel [data-close]")
    assert not is_asked(page, "cancel")
    assert stack.task(task_id).state is State.RUNNING
    click(page, "[data-ask=cancel]")
    click(page, "#ask-cancel .grave")

    eventually(lambda: page.text(".facts .state") == "cancelled", what="it is not cancelled")
    eventually(lambda: not is_asked(page, "cancel"), what="the question stays")
    assert stack.task(task_id).state is State.CANCELLED
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_a_refusal_is_shown_on_the_page_of_an_ended_task(
    page: Page, stack: Stack, opened: Callable[..., str]
) -> None:
    task_id = opened(10)
    lifecycle.cancel(stack.store, task_id)
    page.find("form[action$='/resume']")

    page.browser.execute_script(PAUSE_INSTEAD)

    refusal = f"task {task_id} is cancelled; only a running task can be paused"
    eventually(lambda: page.text("#said") == refusal, what="nothing is told")
    assert page.complaints() == []


def test_pause_and_resume_need_no_question_and_no_reload(
    page: Page, stack: Stack, opened: Callable[..., str]
) -> None:
    task_id = opened(10)

    click(page, "form[action$='/pause'] button")
    eventually(lambda: page.text(".facts .state") == "paused", what="it is not paused")
    paused = stack.task(task_id).paused
    report(stack, task_id, (0, 3))
    eventually(lambda: page.text(".facts .steps") == "3 of 10", what="a report does not count")
    click(page, "form[action$='/resume'] button")

    eventually(lambda: page.text(".facts .state") == "running", what="it is not resumed")
    assert (paused, stack.task(task_id).paused) == (True, False)
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_run_again_leads_to_the_new_task_which_names_the_old_one(
    page: Page, stack: Stack, opened: Callable[..., str]
) -> None:
    task_id = opened(3)
    report(stack, task_id, (0, 3))
    eventually(lambda: page.text(".facts .state") == "done", what="it is not done")

    click(page, "form[action$='/again'] button")

    eventually(lambda: f"/tasks/{task_id}." in page.browser.current_url, what="the page stays")
    assert page.text(".facts .state") == "running"
    assert page.text(f".facts a[href$='/tasks/{task_id}']") == task_id
    assert page.complaints() == []


def test_changes_typed_by_keyboard_stay_while_the_page_moves_and_are_run(page: Page, stack: Stack) -> None:
    task_id = stack.create(1000, job="demo", params={"sleep_ms": 7})
    ask("POST", f"{stack.done}/tasks/{task_id}/cancel")
    page.open(f"/tasks/{task_id}")
    page.find(".changed summary").send_keys(Keys.ENTER)
    field = page.find(".changed [name=params]")
    field.clear()
    field.send_keys('{"sleep_ms": 0}')
    report(stack, task_id, (990, 1000))

    def drawn() -> bool:
        return page.text(".facts .steps") == f"{stack.task(task_id).done_steps} of 1,000"

    eventually(drawn, what="the page stands still")

    page.find(".changed [name=label]").send_keys("changed", Keys.ENTER)

    eventually(lambda: f"/tasks/{task_id}." in page.browser.current_url, what="the page stays")
    assert "sleep_ms=0" in page.text(".facts dl")
    assert "changed" in page.text(".facts dl")
    assert page.complaints() == []


def test_delete_asks_first_and_then_leads_back_to_the_tasks(
    page: Page, stack: Stack, opened: Callable[..., str]
) -> None:
    task_id = opened(10)

    click(page, "[data-ask=delete]")
    assert is_asked(page, "delete")
    click(page, "#ask-delete .grave")

    eventually(lambda: page.browser.current_url == f"{page.address}/", what="the page stays")
    assert ask("GET", f"{stack.done}/tasks/{task_id}").status == 404
    eventually(lambda: page.state(task_id) == "", what="it is still listed")
    page.browser.back()
    assert f"/tasks/{task_id}" not in page.browser.current_url
    assert page.complaints() == []


def test_a_task_that_could_not_be_deleted_is_live_again(
    page: Page, stack: Stack, opened: Callable[..., str]
) -> None:
    task_id = opened(10)
    click(page, "[data-ask=delete]")
    stack.server.end()
    try:
        click(page, "#ask-delete .grave")
        eventually(lambda: page.text("#ask-delete .said"), DONE_SECONDS, what="nothing is told")
    finally:
        stack.server.start()
    click(page, "#ask-delete [data-close]")

    report(stack, task_id, (0, 3))

    eventually(lambda: page.text(".facts .steps") == "3 of 10", DONE_SECONDS, what="the page stands still")
    assert not page.was_reloaded()


def test_extend_takes_the_new_total_and_moves_the_end_marker(
    page: Page, stack: Stack, opened: Callable[..., str]
) -> None:
    task_id = opened(10)

    click(page, "[data-ask=extend]")
    field = page.find("#ask-extend [name=count]")
    proposed = field.get_attribute("value")
    field.clear()
    field.send_keys("25", Keys.ENTER)

    eventually(lambda: page.text(".facts .steps") == "0 of 25", what="it is not extended")
    page.tab_to("cells")
    page.press(Keys.END)
    eventually(lambda: page.text("#reading") == "Bit 25: the end marker")
    assert proposed == "20"
    assert stack.task(task_id).count == 25
    assert page.complaints() == []


def test_an_open_task_without_steps_is_extended_as_proposed(page: Page, opened: Callable[..., str]) -> None:
    opened(0, open=True)
    assert "Report a step" not in page.text("#facts")  # there is none

    click(page, "[data-ask=extend]")
    click(page, "#ask-extend button[type=submit]")

    eventually(lambda: page.text(".facts .steps") == "0 of 1", what="it is not extended")
    eventually(lambda: page.text("#facts code").endswith("/steps/0"), what="no step is named")
    assert page.complaints() == []


def test_what_is_refused_is_told_where_it_was_asked(
    page: Page, stack: Stack, opened: Callable[..., str]
) -> None:
    task_id = opened(10)
    click(page, "[data-ask=extend]")
    page.browser.execute_script("document.querySelector('#ask-extend form').noValidate = true")
    field = page.find("#ask-extend [name=count]")
    field.clear()

    field.send_keys("5", Keys.ENTER)

    eventually(lambda: "it must be above 10" in page.text("#ask-extend .said"), what="nothing is told")
    assert stack.task(task_id).count == 10
    assert page.complaints() == []


def test_resume_lets_a_failed_task_run_again(page: Page, stack: Stack, opened: Callable[..., str]) -> None:
    task_id = opened(2)
    give_up(stack, task_id, 0, "no such picture")
    report(stack, task_id, (1, 2))
    eventually(lambda: page.text(".facts .state") == "failed", what="the page does not see the end")
    assert "1 of 2 steps" in page.text(".why")

    click(page, ".buttons form button")

    eventually(lambda: page.text(".facts .state") == "running", what="it does not run")
    assert stack.task(task_id).run == 2
    eventually(lambda: page.text("#steps .ranges") == "Missing: 0")
    assert page.complaints() == []


def test_only_what_a_task_allows_is_offered(page: Page, stack: Stack, opened: Callable[..., str]) -> None:
    task_id = opened(1)
    running = page.text(".buttons").split("\n")

    report(stack, task_id, (0, 1))

    eventually(lambda: page.text(".facts .state") == "done", what="the page does not see the end")
    assert running == ["Pause", "Extend…", "Cancel…", "Delete…"]
    assert page.text(".buttons").split("\n") == ["Run again", "Delete…"]


def test_the_timeline_of_a_task_is_shown(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(20, 0)
    stack.await_told(task_id)

    page.open(f"/tasks/{task_id}")

    told = [element.text for element in page.browser.find_elements("css selector", ".timeline li b")]
    assert told == ["Created", "Steps sent", "Done", "Notified"]


def test_a_task_that_is_deleted_elsewhere_is_told_to_be_gone(
    page: Page, stack: Stack, opened: Callable[..., str]
) -> None:
    task_id = opened(10)

    ask("DELETE", f"{stack.done}/tasks/{task_id}")

    eventually(lambda: "This task no longer exists" in page.text("#notice"), what="nothing is told")
    assert page.complaints() == []


def test_everything_is_done_with_the_keyboard_alone(page: Page, stack: Stack) -> None:
    page.open()
    page.tab_to("count")
    page.press(Keys.CONTROL, "a", Keys.NULL, "30")
    page.tab_to("job")
    page.press("none")
    page.tab_to("label")
    page.press("by-hand", Keys.ENTER)
    task_id = page.started("done")
    eventually(lambda: page.state(task_id) == "running", what="it is not listed")
    page.tab_to(task_id)
    page.press(Keys.ENTER)
    eventually(lambda: page.text("h1") == f"Task {task_id}", what="it does not open")
    page.tab_to("Cancel…")
    page.press(Keys.ENTER)
    eventually(lambda: is_asked(page, "cancel"), what="nothing is asked")
    page.press(Keys.ESCAPE)
    eventually(lambda: not is_asked(page, "cancel"), what="the question stays")
    assert page.focused() == "Cancel…"
    page.press(Keys.ENTER)
    page.tab_to("Cancel task")
    page.press(Keys.ENTER)

    eventually(lambda: page.text(".facts .state") == "cancelled", what="it is not cancelled")
    assert stack.task(task_id).spec.label == "by-hand"
    assert page.complaints() == []
