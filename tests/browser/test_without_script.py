"""Where no script runs: every button still works, and what loses something is asked about on a page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from donebit.completion.state import State
from tests.browser.page import Page
from tests.browser.test_accessibility import NO_BARRIERS, barriers
from tests.browser.test_bitmap import give_up, report
from tests.stack import Stack, ask
from tests.started import eventually


@pytest.fixture
def bare(page: Page) -> Iterator[Page]:
    with page.without_script():
        yield page


def press(page: Page, text: str) -> None:
    """The button or link of this text."""
    page.browser.find_element("xpath", f"//main//*[self::button or self::a][text()='{text}']").click()


def await_title(page: Page, title: str) -> None:
    eventually(lambda: page.text("h1") == title, what=f"no page {title!r}")


def test_cancel_asks_on_a_page_and_then_cancels(bare: Page, stack: Stack) -> None:
    task_id = stack.create(10)
    bare.open(f"/tasks/{task_id}")

    press(bare, "Cancel…")
    await_title(bare, "Cancel this task?")
    asked = stack.task(task_id).state
    press(bare, "Cancel task")

    await_title(bare, f"Task {task_id}")
    assert asked is State.RUNNING
    assert bare.text(".facts .state") == "cancelled"
    assert stack.task(task_id).state is State.CANCELLED


def test_whoever_has_second_thoughts_keeps_the_task(bare: Page, stack: Stack) -> None:
    task_id = stack.create(10)
    bare.open(f"/tasks/{task_id}")
    press(bare, "Delete…")
    await_title(bare, "Delete this task?")

    press(bare, "Keep task")

    await_title(bare, f"Task {task_id}")
    assert stack.task(task_id).state is State.RUNNING


def test_delete_asks_on_a_page_and_then_leads_to_the_tasks(bare: Page, stack: Stack) -> None:
    task_id = stack.create(10)
    bare.open(f"/tasks/{task_id}")

    press(bare, "Delete…")
    await_title(bare, "Delete this task?")
    press(bare, "Delete task")

    await_title(bare, "Tasks")
    assert ask("GET", f"{stack.done}/tasks/{task_id}").status == 404


def test_extend_proposes_a_total_and_takes_another(bare: Page, stack: Stack) -> None:
    task_id = stack.create(10)
    bare.open(f"/tasks/{task_id}")

    press(bare, "Extend…")
    await_title(bare, "Extend this task")
    field = bare.find("[name=count]")
    proposed, least = field.get_attribute("value"), field.get_attribute("min")
    field.clear()
    field.send_keys("25")
    press(bare, "Extend")

    await_title(bare, f"Task {task_id}")
    assert (proposed, least) == ("20", "11")
    assert bare.text(".facts .steps") == "0 of 25"


def test_resume_lets_a_failed_task_run_again(bare: Page, stack: Stack) -> None:
    task_id = stack.create(2)
    give_up(stack, task_id, 0, "no such picture")
    report(stack, task_id, (1, 2))
    bare.open(f"/tasks/{task_id}")

    press(bare, "Resume")

    eventually(lambda: bare.text(".facts .state") == "running", what="it does not run")
    assert stack.task(task_id).run == 2


def test_what_is_too_late_is_told_on_a_page(bare: Page, stack: Stack) -> None:
    task_id = stack.create(1)
    bare.open(f"/tasks/{task_id}/cancel")
    report(stack, task_id, (0, 1))

    press(bare, "Cancel task")

    await_title(bare, "Conflict")
    assert task_id in bare.text("main")


@pytest.mark.parametrize("name", ["cancel", "delete", "extend"])
def test_a_question_on_a_page_has_no_barrier(page: Page, stack: Stack, name: str) -> None:
    task_id = stack.create(10, task_id=f"{name}-".ljust(100, "x"))
    page.look(360)

    page.open(f"/tasks/{task_id}/{name}")

    assert barriers(page, 360) == NO_BARRIERS
    assert page.overflow_px() == 0
    assert page.complaints() == []


def test_nobody_is_asked_about_a_task_that_is_not_there(page: Page) -> None:
    page.open("/tasks/nobody/delete")

    assert page.text("h1") == "Not Found"
