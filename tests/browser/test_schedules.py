"""The page of schedules in a browser: its form, its buttons, and what it looks like for everyone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from donebit.schedules import changes
from donebit.store import Store
from tests.browser.page import Page
from tests.browser.test_accessibility import NO_BARRIERS, barriers, overflows
from tests.stack import Stack, ask
from tests.started import eventually

LONG = "a-name-of-seventy-characters." + "x" * 41


@pytest.fixture
def store(stack: Stack) -> Iterator[Store]:
    yield stack.store
    for one in changes.list_schedules(stack.store):
        changes.delete(stack.store, one.name)


def make(stack: Stack, name: str, cron: str = "30 2 * * *", **more: object) -> None:
    body = {"name": name, "cron": cron, "zone": "Europe/Berlin", "task": {"count": 3, "job": "demo"}, **more}
    answer = ask("POST", f"{stack.trigger}/schedules", body)
    assert answer.status == 201, answer


def row(name: str, within: str = "") -> str:
    return f'li[data-id="{name}"] {within}'


def open_live(page: Page, name: str) -> None:
    page.open("/schedule")
    eventually(lambda: page.is_there("#live:not([hidden])"), what="the page is not live")
    assert page.is_there(row(name))


def test_the_form_makes_a_schedule_that_appears_below(page: Page, store: Store) -> None:
    page.open("/schedule")
    for field, value in {"name": "by-form", "cron": "*/5 * * * *", "params": '{"sleep_ms": 5}'}.items():
        page.find(f"#create [name={field}]").send_keys(value)

    page.find("#create button").click()

    eventually(lambda: page.is_there(row("by-form")), what="it does not appear")
    assert page.text("article .said") == "Created schedule by-form."
    assert changes.get(store, "by-form").spec.task.params == {"sleep_ms": 5}
    assert page.complaints() == []


def test_a_refusal_is_shown_below_the_form(page: Page, store: Store) -> None:
    page.open("/schedule")
    page.find("#create [name=name]").send_keys("wrong")
    page.find("#create [name=cron]").send_keys("61 * * * *")

    page.find("#create button").click()

    eventually(lambda: "cron is '61 * * * *'" in page.text("article .said"), what="it does not say why")
    assert changes.list_schedules(store) == []


def test_each_button_changes_the_row_at_once(page: Page, stack: Stack, store: Store) -> None:
    make(stack, "mine")
    open_live(page, "mine")

    page.find(row("mine", "form[action$=pause] button")).click()
    eventually(lambda: page.text(row("mine", ".next")) == "paused", what="it is not paused")
    page.find(row("mine", "form[action$=resume] button")).click()
    eventually(lambda: "next 20" in page.text(row("mine", ".next")), what="it does not fire again")
    page.find(row("mine", "form[action$=run] button")).click()
    eventually(lambda: page.text("#said").startswith("Started task mine."), what="it did not run")
    page.find(row("mine", "summary")).click()
    page.find(row("mine", "form[action$=delete] button")).click()

    eventually(lambda: not page.is_there(row("mine")), what="it is still there")
    assert changes.list_schedules(store) == []


def test_a_later_page_is_live_too(page: Page, stack: Stack, store: Store) -> None:
    for name in ("a-first", "b-second", "c-third"):
        make(stack, name)
    page.open("/schedule?after=a-first")
    eventually(lambda: page.is_there("#live:not([hidden])"), what="the page is not live")

    page.find(row("b-second", "form[action$=pause] button")).click()

    eventually(lambda: page.is_there(row("b-second", "form[action$=resume]")), what="it looks as before")
    changes.delete(store, "c-third")
    eventually(lambda: not page.is_there(row("c-third")), what="what is deleted is shown")
    assert not page.is_there(row("a-first"))
    assert page.complaints() == []


def test_the_row_after_a_deleted_one_does_not_ask_to_be_deleted(
    page: Page, stack: Stack, store: Store
) -> None:
    for name in ("first", "second"):
        make(stack, name)
    open_live(page, "second")
    page.find(row("first", "summary")).click()
    page.find(row("first", "form[action$=delete] button")).click()

    eventually(lambda: not page.is_there(row("first")), what="it is still there")

    assert not page.is_there(row("second", "details[open]"))
    assert [one.name for one in changes.list_schedules(store)] == ["second"]


def test_what_a_button_far_down_did_is_shown_in_sight(page: Page, stack: Stack, store: Store) -> None:
    names = [f"mine-{number:02}" for number in range(12)]
    for name in names:
        make(stack, name)
    open_live(page, names[-1])
    page.look(1200, 500)

    page.find(row(names[-1], "form[action$=run] button")).click()

    eventually(lambda: page.text("#said").startswith("Started task mine-11."), what="it did not run")
    assert page.is_in_sight("#said")
    assert len(changes.list_schedules(store)) == len(names)


def test_the_buttons_work_without_a_script(page: Page, stack: Stack, store: Store) -> None:
    make(stack, "mine")
    with page.without_script():
        page.open("/schedule")

        page.find(row("mine", "form[action$=pause] button")).click()

        eventually(lambda: page.text(row("mine", ".next")) == "paused", what="it is not paused")
    assert changes.get(store, "mine").paused


def test_the_page_has_no_barrier_and_fits_every_window(page: Page, stack: Stack, store: Store) -> None:
    make(stack, "mine")
    make(stack, LONG, "0,5,10,15,20,25,30,35,40,45,50,55 1-3 1-7 * MON-FRI", paused=True)
    ask("POST", f"{stack.trigger}/schedules/mine/run")
    open_live(page, "mine")

    assert barriers(page) == NO_BARRIERS
    assert overflows(page) == {}
    assert page.complaints() == []
    assert changes.get(store, LONG).paused
