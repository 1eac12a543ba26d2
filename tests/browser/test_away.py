"""Every view while Redis is away: it says so, keeps what it had and marks it, and comes back by itself."""

from __future__ import annotations

import pytest

from tests.browser.page import Page
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually

AWAY = "Redis cannot be reached"
# What each view shows only once it has read something.
VIEWS = {
    "/": "#ended li",
    "/tasks/{task}": "#cells[data-columns]",
    "/distinct": "#curves canvas",
    "/workers": ".worker",
}


@pytest.fixture
def task(stack: Stack) -> str:
    """A task that is done; and somebody was here."""
    task_id = stack.trigger_done(5, 0)
    stack.await_told(task_id)
    ask("POST", f"{stack.distinct}/events/distinct", {"users": [1, 2, 3]})
    return task_id


def await_notice(page: Page, text: str) -> None:
    eventually(lambda: text in page.text("#notice"), DONE_SECONDS, what=f"the notice is not {text!r}")


@pytest.mark.parametrize("path", VIEWS)
def test_a_view_opened_while_redis_is_away_says_so_and_then_comes_to_life(
    page: Page, stack: Stack, task: str, path: str
) -> None:
    stack.server.end()
    page.open(path.format(task=task))
    told = page.text("#notice")
    shown = page.is_there(VIEWS[path])

    stack.server.start()

    eventually(lambda: page.is_there(VIEWS[path]), DONE_SECONDS, what="it does not come to life")
    eventually(lambda: page.text("#notice") == "", DONE_SECONDS, what="the notice stays")
    assert AWAY in told
    assert not shown
    assert page.complaints() == []


@pytest.mark.parametrize("path", VIEWS)
def test_a_view_keeps_what_it_had_and_marks_it_while_redis_is_away(
    page: Page, stack: Stack, task: str, path: str
) -> None:
    page.open(path.format(task=task))
    eventually(lambda: page.text("#live") == "live", DONE_SECONDS, what="it is not live")
    eventually(lambda: page.is_there(VIEWS[path]), DONE_SECONDS, what="nothing is shown")
    page.mark()

    stack.server.end()
    await_notice(page, AWAY)
    marked = page.text("#live"), page.is_there(f".stale {VIEWS[path]}")
    stack.server.start()

    eventually(lambda: page.text("#live") == "live", DONE_SECONDS, what="it is not live again")
    assert marked == ("not live", True)
    assert page.text("#notice") == ""
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_a_question_asked_while_redis_is_away_says_so(page: Page, stack: Stack, task: str) -> None:
    stack.server.end()

    page.open(f"/tasks/{task}/delete")

    assert AWAY in page.text("#notice")
    assert page.text("h1") == "Delete this task?"


def test_an_empty_list_says_what_to_do_and_that_works(page: Page, stack: Stack) -> None:
    page.open()
    eventually(lambda: "No tasks running." in page.text("#running .empty"), what="no empty state")
    _, method, address = page.text("#running .empty code").split()[1:]

    answer = ask(method, "http://" + address.strip("'"))

    assert answer.status == 202
    task_id = str(answer.said["task_id"])
    eventually(lambda: page.state(task_id) in ("running", "done"), DONE_SECONDS, what="it is not listed")
    stack.await_told(task_id)
