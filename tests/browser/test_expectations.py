"""The expectations on the page of schedules in a browser: their form, their buttons, and how they look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Keys

from donebit.schedules import expecting
from donebit.store import Store
from tests.browser.page import Page
from tests.browser.test_accessibility import NO_BARRIERS, barriers, overflows
from tests.browser.test_schedules import LONG, row
from tests.stack import Stack, ask
from tests.started import eventually


@pytest.fixture
def store(stack: Stack) -> Iterator[Store]:
    yield stack.store
    for one in expecting.list_expectations(stack.store):
        expecting.delete(stack.store, one.name)


def make(stack: Stack, name: str, **more: object) -> None:
    body = {"cron": "0 3 * * *", "zone": "Europe/Berlin", "label": "backup", **more}
    assert ask("PUT", f"{stack.trigger}/expectations/{name}", body).status == 201


def open_live(page: Page) -> None:
    page.open("/schedule")
    eventually(lambda: page.is_there("#live:not([hidden])"), what="the page is not live")


def test_the_form_makes_one_with_the_keyboard(page: Page, store: Store) -> None:
    open_live(page)
    page.find("#expect [name=name]").click()
    page.press("by-form", Keys.TAB, "s")  # started
    page.tab_to("cron")
    page.press("@daily")
    page.tab_to("prefix")
    page.press("nightly-", Keys.ENTER)

    eventually(lambda: page.is_there(row("by-form")), what="it does not appear")
    assert page.text(row("by-form", ".job")) == "a task started (prefix nightly-)"
    assert page.text("#expectations-title + article .said") == "Expectation by-form is created."
    assert expecting.get(store, "by-form").spec.prefix == "nightly-"
    assert page.complaints() == []


def test_a_refusal_is_shown_below_the_form(page: Page, store: Store) -> None:
    page.open("/schedule")
    page.find("#expect [name=name]").send_keys("wrong")
    page.find("#expect [name=cron]").send_keys("@daily", Keys.ENTER)

    said = "#expectations-title + article .said"
    eventually(lambda: "must say which tasks are meant" in page.text(said), what="it does not say why")
    assert expecting.list_expectations(store) == []


def test_each_button_changes_the_row_at_once(page: Page, stack: Stack, store: Store) -> None:
    make(stack, "mine")
    open_live(page)

    page.find(row("mine", "form[action$=pause] button")).click()
    eventually(lambda: page.text(row("mine", ".next")) == "paused", what="it is not paused")
    page.find(row("mine", "form[action$=resume] button")).click()
    eventually(lambda: "next deadline 20" in page.text(row("mine", ".next")), what="it is not resumed")
    page.find(row("mine", "summary")).click()
    page.find(row("mine", "form[action$=delete] button")).click()

    eventually(lambda: not page.is_there(row("mine")), what="it is still there")
    assert expecting.list_expectations(store) == []


def test_the_row_after_a_deleted_one_does_not_ask_to_be_deleted(
    page: Page, stack: Stack, store: Store
) -> None:
    for name in ("first", "second"):
        make(stack, name)
    open_live(page)
    page.find(row("first", "summary")).click()
    page.find(row("first", "form[action$=delete] button")).click()

    eventually(lambda: not page.is_there(row("first")), what="it is still there")

    assert not page.is_there(row("second", "details[open]"))
    assert [one.name for one in expecting.list_expectations(store)] == ["second"]


def test_it_works_without_a_script(page: Page, store: Store) -> None:
    with page.without_script():
        page.open("/schedule")
        for field, value in {"name": "plain", "cron": "@daily", "label": "backup"}.items():
            page.find(f"#expect [name={field}]").send_keys(value)

        page.find("#expect button").click()
        page.find(row("plain", "form[action$=pause] button")).click()

        eventually(lambda: page.text(row("plain", ".next")) == "paused", what="it is not paused")
    assert expecting.get(store, "plain").paused


def test_they_have_no_barrier_and_fit_every_window(page: Page, stack: Stack, store: Store) -> None:
    make(stack, "mine")
    make(stack, LONG, cron="0,5,10,15,20,25,30,35,40,45,50,55 1-3 1-7 * MON-FRI", job="j" * 100)
    open_live(page)

    assert barriers(page) == NO_BARRIERS
    assert overflows(page) == {}
    assert page.complaints() == []
    assert len(expecting.list_expectations(store)) == 2
