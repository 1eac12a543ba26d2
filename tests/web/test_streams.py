"""Event streams on the real server, read to their end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers import running, valkey_binary
from tests.web.following import messages, nobody_listens, report, start, stream
from tests.web.real import RealServices, running_services


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    with (
        running(valkey_binary(), tmp_path_factory.mktemp("streams-server")) as server,
        running_services(tmp_path_factory.mktemp("streams"), server.url) as real,
    ):
        yield real


def test_a_stream_has_a_tasks_state_its_changes_and_its_end_last(
    services: RealServices,
) -> None:
    task_id = start(services, 4)
    report(services, task_id, 0, 1)

    with stream(services, "done", f"/tasks/{task_id}/events") as events:
        told = messages(events)
        first = next(told)
        report(services, task_id, 1, 2)
        second = next(told)
        report(services, task_id, 2, 4)
        rest = list(told)

    assert events.headers["Content-Type"] == "text/event-stream"
    assert events.headers["Cache-Control"] == "no-store"
    assert (first["task_id"], first["state"], first["done_steps"]) == (task_id, "running", 1)
    assert (second["state"], second["done_steps"]) == ("running", 2)
    assert (rest[-1]["state"], rest[-1]["done_steps"]) == ("done", 4)
    assert [message["ended_at"] is None for message in rest] == [True] * (len(rest) - 1) + [False]


def test_a_task_that_has_ended_is_told_once(services: RealServices) -> None:
    task_id = start(services, 1)
    report(services, task_id, 0, 1)

    with stream(services, "done", f"/tasks/{task_id}/events") as events:
        told = list(messages(events))

    assert [message["state"] for message in told] == ["done"]


def test_a_task_that_is_deleted_ends_its_streams(services: RealServices) -> None:
    task_id = start(services, 1)

    with stream(services, "done", f"/tasks/{task_id}/events") as events:
        told = messages(events)
        first = next(told)
        services.ask("done", "DELETE", f"/tasks/{task_id}")
        rest = list(told)

    assert (first["state"], rest) == ("running", [])


def test_the_views_are_told_of_new_tasks_and_of_visits(services: RealServices) -> None:
    with stream(services, "trigger", "/events/done") as events:
        told = messages(events)
        before = [next(told), next(told)]
        task_id = start(services, 3)
        after = next(message for message in told if task_id in message["html"])

    assert [message["fragment"] for message in before] == ["running", "ended"]
    assert after["fragment"] == "running"


def test_the_view_of_users_is_told_of_visits(services: RealServices) -> None:
    with stream(services, "trigger", "/events/distinct") as events:
        told = messages(events)
        before = next(told)
        services.ask("distinct", "POST", "/distinct?userId=7")
        visited = next(told)

    assert figure(visited, "today") - figure(before, "today") == 1
    assert figure(visited, "distinct") - figure(before, "distinct") == 1


def figure(message: dict[str, Any], name: str) -> int:
    """A figure of the users page, in the fragment that the stream sends."""
    found = re.search(rf'id="{name}">([0-9,]+)<', message["html"])
    assert found is not None, message
    return int(found[1].replace(",", ""))


def test_a_stream_of_all_tasks_has_their_states_changes_and_ends(
    services: RealServices,
) -> None:
    early = start(services, 2)

    with stream(services, "done", "/events") as events:
        told = messages(events)
        opening = next(message for message in told if message["task_id"] == early)
        late = start(services, 1)
        came = next(message for message in told if message["task_id"] == late)
        report(services, early, 0, 1)
        changed = next(message for message in told if message["task_id"] == early)
        report(services, late, 0, 1)
        ended = next(message for message in told if message["task_id"] == late)
        services.ask("done", "DELETE", f"/tasks/{early}")
        deleted = next(message for message in told if message["task_id"] == early)

    assert events.headers["Content-Type"] == "text/event-stream"
    assert (opening["state"], came["state"]) == ("running", "running")
    assert (changed["done_steps"], ended["state"]) == (1, "done")
    assert deleted == {"task_id": early, "label": None, "deleted": True}


def test_a_label_leaves_the_tasks_of_others_out(services: RealServices) -> None:
    with stream(services, "done", "/events?label=mine") as events:
        told = messages(events)
        for task_id, label in (("theirs", "other"), ("nobodys", None), ("mine", "mine")):
            services.ask("trigger", "POST", "/tasks", {"count": 1, "task_id": task_id, "label": label})
        report(services, "mine", 0, 1)
        seen = [next(told)]
        while seen[-1]["state"] == "running":
            seen.append(next(told))

    assert {message["task_id"] for message in seen} == {"mine"}


def test_asking_for_a_streams_head_takes_no_place(services: RealServices) -> None:
    with stream(services, "done", "/events", method="HEAD") as head:
        assert head.status == 200

    nobody_listens(services)
