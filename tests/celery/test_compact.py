"""Results are stored without what says nothing, and read as Celery's own, by Celery's own backend too."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any, cast

import pytest
from celery import Celery, states
from celery.app.task import Context
from celery.backends.redis import RedisBackend
from celery.result import AsyncResult, GroupResult
from kombu.exceptions import EncodeError

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery

VALUE = {"a": [1, 2.5, None], "b c": "d, e: é"}
EMPTY = {"traceback", "children"}


def read_by(backend: RedisBackend, task_id: str) -> AsyncResult[Any]:
    """The result of a task as an application with this backend reads it."""
    return AsyncResult(task_id, backend=backend)


@pytest.mark.parametrize("before", [None, states.STARTED])
def test_a_result_is_stored_without_what_says_nothing(
    project: ModuleType, celerys: RedisBackend, before: str | None
) -> None:
    backend = project.app.backend
    if before:
        backend.store_result("one", {}, before)

    backend.mark_as_done("one", VALUE, request=Context(id="one"))
    celerys.mark_as_done("two", VALUE, request=Context(id="two"))

    kept, whole = (json.loads(backend.client.get(backend.get_key_for_task(name))) for name in ("one", "two"))
    assert (set(whole) - set(kept), kept["result"]) == (EMPTY, VALUE)
    assert backend.encode(kept) == json.dumps(kept, separators=(",", ":"))
    differing = {"task_id", "date_done"}
    seen, expected = backend.get_task_meta("one"), celerys.get_task_meta("two")
    assert {**seen, **dict.fromkeys(differing)} == {**expected, **dict.fromkeys(differing)}


def test_celery_itself_reads_a_compact_result(project: ModuleType, celerys: RedisBackend) -> None:
    names = ["one", "two"]
    for name in names:
        project.app.backend.mark_as_done(name, VALUE, request=Context(id=name))

    results = [read_by(celerys, name) for name in names]

    read = results[0]
    assert read.get(timeout=5) == VALUE
    assert (read.state, read.traceback, read.children) == ("SUCCESS", None, None)
    assert GroupResult("both", results, app=project.app).join_native(timeout=5) == [VALUE] * 2
    assert [node for _, node in read.iterdeps()] == [read]


def test_a_traceback_and_children_are_kept(project: ModuleType, celerys: RedisBackend) -> None:
    backend, request = project.app.backend, Context(id="one")
    cast(list[Any], request.children).append(read_by(celerys, "child"))

    backend.mark_as_done("one", 1, request=request)
    backend.mark_as_failure("two", ValueError("bad"), "the traceback", request=Context(id="two"))

    done, failed = (read_by(celerys, name) for name in ("one", "two"))
    assert [child.id for child in cast(list[Any], done.children)] == ["child"]
    assert (str(failed.traceback), repr(failed.result)) == ("the traceback", "ValueError('bad')")


@pytest.mark.parametrize("serializer", ["json", "pickle"])
def test_what_cannot_be_encoded_is_refused_as_by_celery(project: ModuleType, serializer: str) -> None:
    application = Celery("other", backend=f"donebit+{project.URL}", result_serializer=serializer)
    application.conf.result_accept_content = [serializer]
    refused: Any = {1, 2} if serializer == "json" else lambda: None

    with pytest.raises(EncodeError):
        application.backend.encode(refused)

    application.backend.mark_as_done("one", VALUE)
    assert application.backend.get_task_meta("one", cache=False)["result"] == VALUE
