"""What the services show of a chord, what they refuse, and what becomes of the body of a cancelled one."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest
from celery import chord, states
from celery.app.task import Context
from celery.exceptions import ChordError
from celery.result import AsyncResult, GroupResult

from donebit.celery import progress, sweep_chords
from donebit.completion import announcing, lifecycle
from donebit.store import Store
from tests.backup.arranged import held, restore, take
from tests.servers import RunningServer
from tests.web.services import Services, body_of


@pytest.fixture
def applied(project: ModuleType) -> AsyncResult[object]:
    """A chord of three parts, of which the first has returned and the second failed; no worker runs."""
    result = chord([project.same.s(n) for n in range(3)], project.same.s()).apply_async()
    group = cast(GroupResult, result.parent)
    first, second, _ = cast(list[AsyncResult[object]], group.results)
    for index, one, state, value in [
        (0, first, states.SUCCESS, 7),
        (1, second, states.FAILURE, OSError("full")),
    ]:
        project.app.backend.on_chord_part_return(_request(project, one.id, result, index), state, value)
    return result


def _request(project: ModuleType, part_id: str, result: AsyncResult[object], index: int) -> object:
    body = project.same.s().set(task_id=result.id)
    return Context(id=part_id, group=cast(GroupResult, result.parent).id, group_index=index, chord=body)


def test_a_chord_is_a_task_like_any_other(
    applied: AsyncResult[object], lasting_store: tuple[object, Store]
) -> None:
    services, group_id = Services(lasting_store[1]), progress(applied).task_id

    answer = services.done.get(f"/tasks/{group_id}").json
    failures = services.done.get(f"/tasks/{group_id}/failures").json
    listed = services.done.get("/tasks?label=tests.celery.project.same").json
    page = services.trigger.get(f"/tasks/{group_id}")

    assert answer is not None
    assert failures is not None
    assert listed is not None
    assert (answer["done_steps"], answer["failed_steps"], answer["missing"]) == (1, 1, [[2, 3]])
    assert [one["error"] for one in failures["failures"]] == ["OSError: full"]
    assert [one["task_id"] for one in listed["tasks"]] == [group_id]
    assert page.status_code == 200


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ("resume", None),
        ("extend", {"add": 1}),
        ("pause", None),
        ("rerun", None),
        ("retry", {"steps": [1]}),
    ],
)
def test_a_chord_is_not_changed_over_http(
    applied: AsyncResult[object],
    lasting_store: tuple[object, Store],
    change: str,
    body: dict[str, object] | None,
) -> None:
    services, group_id = Services(lasting_store[1]), progress(applied).task_id

    answer = services.done.post(f"/tasks/{group_id}/{change}", json=body)

    assert answer.status_code == 409, answer.text
    assert "counts a Celery chord" in answer.text


def test_the_page_of_a_chord_offers_nothing_that_is_refused(
    applied: AsyncResult[object], lasting_store: tuple[object, Store]
) -> None:
    services, group_id = Services(lasting_store[1]), progress(applied).task_id

    page = services.trigger.get(f"/tasks/{group_id}").text

    offered = set(re.findall(rf"/tasks/{group_id}/(\w+)", page))
    assert "OSError: full" in page
    assert offered.isdisjoint({"retry", "resume", "pause", "again", "close"}), offered


@pytest.mark.parametrize("action", ["pause", "resume", "rerun"])
def test_an_action_on_many_tasks_leaves_chords_out(
    applied: AsyncResult[object], lasting_store: tuple[object, Store], action: str
) -> None:
    services, group_id = Services(lasting_store[1]), progress(applied).task_id
    if action != "pause":
        lifecycle.cancel(lasting_store[1], group_id)

    named = {"action": action, "dry_run": True}
    by_id = body_of(services.done.post("/tasks/actions", json={**named, "ids": [group_id]}))
    by_label = body_of(services.done.post("/tasks/actions", json={**named, "prefix": group_id}))

    assert (by_id["tasks"], by_label["tasks"], by_label["skipped"]) == ([], [], [])
    assert "counts a Celery chord" in by_id["skipped"][0]["detail"]


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery
def test_a_failed_chord_is_not_said_to_be_resumable(
    project: ModuleType, applied: AsyncResult[object], lasting_store: tuple[object, Store]
) -> None:
    services, group = Services(lasting_store[1]), cast(GroupResult, applied.parent)
    last = cast(list[AsyncResult[object]], group.results)[2]
    project.app.backend.on_chord_part_return(_request(project, last.id, applied, 2), states.SUCCESS, 1)

    task = body_of(services.done.get(f"/tasks/{progress(applied).task_id}"))

    assert (task["state"], task["why"]) == ("failed", "1 of 3 steps failed")


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery
@pytest.mark.parametrize("announced", [False, True])  # by a worker of Donebit, which there may not be
def test_the_body_of_a_cancelled_chord_fails(
    project: ModuleType, applied: AsyncResult[object], lasting_store: tuple[object, Store], announced: bool
) -> None:
    store, group_id = lasting_store[1], progress(applied).task_id

    lifecycle.cancel(store, group_id, reply_key="k")
    if announced:
        announcing.announce(store, group_id)

    assert (sweep_chords(project.app), sweep_chords(project.app)) == (1, 0)
    assert isinstance(applied.result, ChordError)
    assert "is cancelled" in str(applied.result)
    assert progress(applied).called
    lifecycle.cancel(store, group_id, reply_key="k")  # again, as its answer was lost
    assert sweep_chords(project.app) == 0


@pytest.mark.parametrize("ended", [False, True])
def test_a_deleted_chord_leaves_nothing_of_its_own(
    project: ModuleType,
    applied: AsyncResult[object],
    lasting_store: tuple[object, Store],
    valkey: RunningServer,
    ended: bool,
) -> None:
    store, group_id = lasting_store[1], progress(applied).task_id
    if ended:
        lifecycle.cancel(store, group_id)
        announcing.announce(store, group_id)

    lifecycle.delete(store, group_id)

    assert not list(valkey.client.scan_iter("donebit:done:*"))
    assert sweep_chords(project.app) == 0


def test_a_deletion_that_is_repeated_leaves_a_chord_applied_since(
    project: ModuleType,
    applied: AsyncResult[object],
    lasting_store: tuple[object, Store],
    valkey: RunningServer,
) -> None:
    store, group_id = lasting_store[1], progress(applied).task_id
    lifecycle.delete(store, group_id, reply_key="once")
    header = cast(GroupResult, applied.parent).results
    project.app.backend.apply_chord((group_id, header), project.same.s().set(task_id="another"))
    before = set(valkey.client.scan_iter("donebit:done:*"))

    lifecycle.delete(store, group_id, reply_key="once")

    assert store.keys.chord_body(group_id).encode() in before
    assert set(valkey.client.scan_iter("donebit:done:*")) == before


@pytest.mark.usefixtures("lasting_store")
@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery
def test_a_chord_in_a_backup_goes_on_where_it_is_restored(
    project: ModuleType, applied: AsyncResult[object], valkey: RunningServer, tmp_path: Path
) -> None:
    backend, group_id = project.app.backend, progress(applied).task_id
    backend.add_to_chord(group_id, applied)
    backend.on_chord_part_return(_request(project, "added", applied, 0), states.SUCCESS, 8)
    before = held(valkey.client)
    folder = take(valkey, tmp_path / "backup").folder
    valkey.client.flushall()

    restore(valkey, folder)

    assert held(valkey.client) == before
    for part_id, index in [("added", 0), ("third", 2)]:
        backend.on_chord_part_return(_request(project, part_id, applied, index), states.SUCCESS, 9)
    seen = progress(applied)
    assert (seen.count, seen.done, seen.failed, seen.called) == (4, 3, 1, True)
