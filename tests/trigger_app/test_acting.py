"""Acting on selected tasks from the lists: shown first, then done, once."""

from __future__ import annotations

import re

import pytest
from werkzeug.test import TestResponse

from donebit.completion import failing, lifecycle
from donebit.completion.state import State
from donebit.store import Store
from tests.completion.arranged import start, start_done
from tests.trigger_app.test_pages import PEOPLE, SCRIPTS
from tests.web.services import Services, body_of, problem_of


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store)


def send(services: Services, action: str, ids: list[str], **more: str) -> TestResponse:
    form = {"action": action, "ids": ids, **more}
    return services.trigger.post("/act", data=form, headers=PEOPLE)


def once_of(page: TestResponse) -> str:
    (once,) = re.findall(r'name="once" value="(\w+)"', page.text)
    return str(once)


def test_what_would_be_done_is_shown_and_nothing_changes(services: Services, real_store: Store) -> None:
    running, done = start(real_store, 3).id, start_done(real_store).id

    page = send(services, "cancel", [running, done, "unknown"])

    assert page.status_code == 200
    assert "<h1>Cancel 1 task?</h1>" in page.text
    assert f"<code>{done}</code>: task {done} is done, which cancel does not apply to" in page.text
    assert "<code>unknown</code>: no task unknown is known" in page.text
    assert re.findall(r'name="ids" value="(\w+)"', page.text) == [running]
    assert lifecycle.get_task(real_store, running).task.state is State.RUNNING


def test_once_confirmed_it_is_done_to_those(services: Services, real_store: Store) -> None:
    ids = [start(real_store, 3).id for _ in range(3)]
    once = once_of(send(services, "pause", ids))
    lifecycle.cancel(real_store, ids[0])

    page = send(services, "pause", ids, once=once)

    assert "<h1>2 tasks paused</h1>" in page.text
    assert f"task {ids[0]} is cancelled" in page.text
    assert [lifecycle.get_task(real_store, one).task.paused for one in ids] == [False, True, True]
    assert body_of(services.trigger.get("/audit"))["entries"][0]["action"] == "act"


def test_tasks_are_run_again_once_though_the_form_is_sent_twice(
    services: Services, real_store: Store
) -> None:
    done = start_done(real_store).id
    once = once_of(send(services, "rerun", [done]))

    first, second = (send(services, "rerun", [done], once=once) for _ in range(2))

    assert first.text == second.text
    assert "<h1>1 task run again</h1>" in first.text
    assert len(body_of(services.done.get("/tasks"))["tasks"]) == 2


def test_without_a_task_that_it_applies_to_there_is_nothing_to_confirm(
    services: Services, real_store: Store
) -> None:
    page = send(services, "pause", [start_done(real_store).id])

    assert "<h1>Nothing to pause</h1>" in page.text
    assert ' name="ids"' not in page.text
    assert '<button type="submit">' not in page.text


@pytest.mark.parametrize(
    ("form", "detail"),
    [
        ({"action": "pause"}, "0 tasks are selected; it must be 1 to 500"),
        ({"action": "pause", "ids": ["a"] * 501}, "501 tasks are selected; it must be 1 to 500"),
        ({"action": "pause", "ids": ["a/b"]}, "ids is 'a/b'; it must be 1 to 100 of"),
        ({"action": "stop", "ids": ["a"]}, "action is 'stop'; it must be cancel, delete, pause"),
        ({"ids": ["a"]}, "action is ''; it must be"),
        ({"action": "pause", "ids": ["a"], "once": "a b"}, "once is 'a b'; it must be"),
    ],
)
def test_a_selection_that_makes_no_sense_is_refused(
    services: Services, form: dict[str, object], detail: str
) -> None:
    problem = problem_of(services.trigger.post("/act", data=form, headers=SCRIPTS))

    assert problem["detail"].startswith(detail)


def test_the_list_is_filtered_by_job_and_beginning_of_the_id(services: Services, real_store: Store) -> None:
    for name in ("night-1", "night-2", "day-1"):
        start_done(real_store, task_id=name)

    page = services.trigger.get("/?prefix=night-&job=", headers=PEOPLE).text
    none = services.trigger.get("/?prefix=night-&job=demo", headers=PEOPLE).text

    assert set(re.findall(r'data-id="([\w-]+)"', page)) == {"night-1", "night-2"}
    assert "No tasks match" in none.partition("<template id")[0]  # apart from what its script may show


def test_the_list_is_filtered_by_error_and_keeps_to_it(services: Services, real_store: Store) -> None:
    for name in ("a", "b"):
        failing.fail(real_store, start(real_store, 1, task_id=name).id, 0, f"no picture of {name}")

    page = services.trigger.get("/?error=picture+of+b", headers=PEOPLE).text

    assert re.findall(r'<li data-id="(\w)"', page) == ["b"]
    assert re.search(r'<div id="ended" data-older', page)  # the stream's rows do not say their errors
