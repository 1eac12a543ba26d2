"""The lists of tasks: what is started with the form, filtered, paged, and shown without any script."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.support.ui import Select

from donebit import clock
from donebit.completion import lifecycle
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.store import Store
from tests.browser.page import Page
from tests.browser.test_bitmap import report
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually

ENDED = "return [...document.querySelectorAll('#ended li')].map((row) => row.dataset.id)"

# The element that has the focus, if another one lies over it.
HIDDEN = """
const { left, right, top, bottom } = document.activeElement.getBoundingClientRect();
const seen = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
return document.activeElement.contains(seen) ? [] : [document.activeElement.outerHTML];
"""


def ended(page: Page) -> list[str]:
    """The ended tasks as they are listed, read at one moment: rows come and go."""
    found: list[str] = page.browser.execute_script(ENDED)
    return found


def test_the_fields_of_a_job_follow_its_choice(page: Page) -> None:
    page.open()
    names = "return [...document.querySelectorAll('#params [name]')].map((field) => [field.name, field.type])"

    page.find("#start [name=job]").send_keys("note")

    eventually(lambda: page.browser.execute_script(names)[0][0] == "param.folder", what="no fields")
    assert page.browser.execute_script(names) == [["param.folder", "text"], ["param.pause_ms", "number"]]


def test_the_fields_are_of_the_chosen_job_after_going_back(page: Page) -> None:
    page.open()
    page.browser.execute_script("addEventListener('unload', () => {})")  # else the page is kept as it is
    Select(page.find("#start [name=job]")).select_by_visible_text("note")
    page.find("[name='param.folder']")
    page.open("/workers")

    page.browser.back()

    eventually(lambda: page.is_there("[name='param.folder']"), what="its fields are of another job")
    assert page.find("#start [name=job]").get_attribute("value") == "note"


def test_a_parameter_that_is_refused_is_told(page: Page) -> None:
    page.open()
    page.browser.execute_script("document.querySelector('#start form').noValidate = true")
    page.fill("done", count=3, sleep_ms=-1)

    page.submit("done")

    eventually(lambda: "sleep_ms" in page.said("done"), what="nothing is told")
    assert "sleep_ms is -1; it must be at least 0" in page.said("done")
    assert page.complaints() == []


def test_a_running_task_tells_its_speed_and_what_it_waits_for(page: Page, stack: Stack) -> None:
    page.open()
    task_id = stack.create(10_000, job="demo", params={"sleep_ms": 40})
    row = f"#running li[data-id='{task_id}']"

    eventually(lambda: "in progress" in page.text(f"{row} .condition"), DONE_SECONDS)

    eventually(lambda: "steps/s" in page.text(f"{row} .figures"), DONE_SECONDS, what="no speed")
    eventually(lambda: " left" in page.text(f"{row} .figures"), DONE_SECONDS, what="no time left")
    assert "last progress" in page.text(f"{row} .figures")


def test_an_ended_task_tells_how_long_it_took_and_how_fast_it_was(page: Page, stack: Stack) -> None:
    page.open()
    task_id = stack.trigger_done(10, 0)
    stack.await_told(task_id)

    eventually(lambda: page.state(task_id) == "done", what="it is not listed")

    speed, took, ended = page.text(f"#ended li[data-id='{task_id}'] .figures").split("\n")
    assert float(speed.removesuffix(" steps/s").replace(",", "")) > 0
    assert re.fullmatch(r"took [\d.]*[1-9][\d.]* (ms|s)", took)
    assert ended == "finished just now"


def test_a_filtered_list_takes_in_what_fits_and_leaves_out_the_rest(page: Page, stack: Stack) -> None:
    label = f"filtered-{stack.create(1)}"
    page.open(f"/?state=done&label={label}")
    assert "No tasks match" in page.text("#ended")
    fitting, other = stack.create(1, label=label), stack.create(1)

    report(stack, other, (0, 1))
    report(stack, fitting, (0, 1))

    eventually(lambda: ended(page) == [fitting], what="it is not listed")
    assert page.complaints() == []


def test_a_filtered_list_leaves_out_what_runs_again_or_is_deleted(page: Page, stack: Stack) -> None:
    label = f"left-{stack.create(1)}"
    again, deleted, kept = (stack.create(1, label=label) for _ in range(3))
    for task_id in (again, deleted, kept):
        lifecycle.cancel(stack.store, task_id)
    page.open(f"/?state=cancelled&label={label}")
    assert ended(page) == [kept, deleted, again]

    lifecycle.delete(stack.store, deleted)
    assert ask("POST", f"{stack.done}/tasks/{again}/resume").status == 200
    report(stack, again, (0, 1))

    eventually(lambda: ended(page) == [kept], what="what is not cancelled is listed as cancelled")
    lifecycle.delete(stack.store, kept)
    eventually(lambda: "No tasks match" in page.text("#ended"), what="what is deleted is listed")
    assert page.complaints() == []


def test_a_task_of_a_whole_second_keeps_its_place_in_a_filtered_list(
    page: Page, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is written without a fraction."""
    label, store = f"placed-{stack.create(1)}", Store.on(stack.server.client)
    whole = clock.now().replace(microsecond=0) - timedelta(seconds=1)  # the newest comes after both
    spec, ttls, ids = TaskSpec(1, label=label), TaskTtls.from_settings(Settings()), list[str]()
    for moment in (whole, whole + timedelta(milliseconds=500)):
        monkeypatch.setattr(clock, "now", lambda at=moment: at)
        ids.insert(0, lifecycle.start(store, spec, ttls=ttls, max_steps=1).task.id)
    for task_id in ids:
        report(stack, task_id, (0, 1))
    page.open(f"/?label={label}")

    newest = stack.create(1, label=label)
    report(stack, newest, (0, 1))

    eventually(lambda: ended(page)[:1] == [newest], what="it is not listed")
    assert ended(page) == [newest, *ids]


def test_older_tasks_are_a_page_away(page: Page, stack: Stack) -> None:
    label = f"paged-{stack.create(1)}"
    tasks = [stack.create(1, label=label) for _ in range(23)]
    for task_id in tasks:
        report(stack, task_id, (0, 1))
    newest_first = tasks[::-1]
    page.open(f"/?label={label}")
    first = ended(page)

    page.browser.find_element("link text", "Older").click()

    eventually(lambda: ended(page) == newest_first[20:], what="no older ones")
    assert first == newest_first[:20]
    page.browser.find_element("link text", "Newest").click()
    eventually(lambda: ended(page) == newest_first[:20], what="not back")


def test_without_a_script_the_form_starts_a_task_and_leads_to_it(page: Page, stack: Stack) -> None:
    with page.without_script():
        page.open()
        page.fill("done", count=12, sleep_ms=0)
        page.find("#start form > button").click()

        eventually(lambda: page.text("h1").startswith("Task "), what="it leads nowhere")
        task_id = page.text("h1").removeprefix("Task ")
        stack.await_told(task_id)
        page.open(f"/tasks/{task_id}")
        shown = page.text(".facts .steps"), page.text(".verdict b")

    assert shown == ("12 of 12", "13 = 13")


def test_without_a_script_the_fields_of_a_job_keep_what_was_typed(page: Page, stack: Stack) -> None:
    ended_task = stack.create(0)
    with page.without_script():
        page.open()
        page.fill("done", count=12, label="typed")
        Select(page.find("#start [name=priority]")).select_by_visible_text("high")
        Select(page.find("#start [name=job]")).select_by_visible_text("note")
        page.find("#start noscript button").click()
        page.find("[name='param.folder']")

    names = ("count", "label", "priority")
    kept = [page.find(f"#start [name={name}]").get_attribute("value") for name in names]
    assert kept == ["12", "typed", "high"]
    assert ended_task in ended(page)


def test_without_a_script_a_refusal_is_a_page(page: Page) -> None:
    with page.without_script():
        page.open("/?job=visit")
        page.find("#start form > button").click()
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        page.browser.execute_script("document.querySelector('#start form').noValidate = true")
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        page.fill("done", count=99999999)
        page.find("#start form > button").click()

        eventually(lambda: page.text("h1") == "Unprocessable Entity", what="no page")
        assert "count is 99999999; it must be 0 to 10000000" in page.text("main").lower()


def test_the_pages_of_a_worker_that_reports_from_elsewhere_say_how(page: Page, stack: Stack) -> None:
    task_id = stack.create(3)
    page.open(f"/tasks/{task_id}")
    command = page.text(".why code")

    answer = ask("PUT", "http://" + command.split()[-1])

    assert answer.said["fresh"] is True
    eventually(lambda: page.text(".facts .steps") == "1 of 3", what="the page does not move")


def test_selected_tasks_are_cancelled_after_a_question(page: Page, stack: Stack) -> None:
    ids = [stack.create(2) for _ in range(3)]
    page.open()
    for task_id in ids[:2]:
        page.find(f"#running [value='{task_id}']").click()
    Select(page.find("#act select")).select_by_visible_text("Cancel")
    page.find("#act button").click()
    eventually(lambda: page.text("h1") == "Cancel 2 tasks?", what="it is not asked")
    page.find("button.grave").click()

    eventually(lambda: page.text("h1") == "2 tasks cancelled", what="it is not done")
    states = [stack.task(one).state for one in ids]
    assert states == [State.CANCELLED, State.CANCELLED, State.RUNNING]
    assert page.complaints() == []


def test_a_selection_stays_while_the_list_changes(page: Page, stack: Stack) -> None:
    chosen = stack.create(10)
    page.open()
    page.find(f"#running [value='{chosen}']").click()
    other = stack.create(2)

    eventually(lambda: page.is_there(f"#running [value='{other}']"), what="the list does not change")
    report(stack, chosen, (0, 3))
    eventually(lambda: page.bar(chosen) == 3, what="the row does not change")
    assert page.find(f"#running [value='{chosen}']").is_selected()


def test_the_bar_of_a_selection_hides_nothing_from_the_keyboard(page: Page, stack: Stack) -> None:
    for _ in range(12):
        stack.create(0)
    chosen = stack.create(2)
    page.look(1280, 600)
    page.open()
    page.find(f"#running [value='{chosen}']").send_keys(Keys.SPACE)

    hidden = []
    while page.browser.execute_script("return document.activeElement.closest('#tasks') !== null"):
        page.drawn()
        hidden += page.browser.execute_script(HIDDEN)
        page.press(Keys.TAB)

    assert hidden == []
