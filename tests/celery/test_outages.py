"""What a chord keeps while its result server is away for some moments."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
from celery import chord
from celery.app.task import Context
from celery.exceptions import ChordError
from celery.result import AsyncResult, GroupResult

from donebit.celery import calling, progress
from donebit.celery.backend import DonebitBackend
from tests.servers import RunningServer, valkey_binary
from tests.started import eventually

ONCE_MORE = {"max_retries": 1, "interval_start": 0, "interval_step": 0.01, "interval_max": 0.01}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    """A server of the test's own, which it may end and start, is the application's result backend."""
    with closing(RunningServer(valkey_binary(), tmp_path)) as found:
        monkeypatch.setenv("TEST_BACKEND", f"donebit+{found.url}")
        yield found


def request_of(project: ModuleType, applied: AsyncResult[object], index: int) -> Any:
    """What a worker knows of a part."""
    parts = cast(GroupResult, applied.parent)
    part = cast(list[AsyncResult[object]], parts.results)[index]
    body = project.same.s().set(task_id=applied.id)
    return Context(id=part.id, group=parts.id, group_index=index, chord=body)


def mark_as_done(
    backend: DonebitBackend, project: ModuleType, applied: AsyncResult[object], index: int
) -> None:
    """Do what a worker does when a part has returned."""
    request = request_of(project, applied, index)
    backend.mark_as_done(request.id, index, request)


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery
def test_a_part_is_counted_however_long_the_server_is_away_if_told_so(
    server: RunningServer, project: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """Also by a process that has not reached the server before."""
    project.app.conf.result_backend_always_retry = True
    project.app.conf.result_backend_transport_options = {"retry_policy": ONCE_MORE}
    applied = chord([project.same.s(n) for n in range(3)], project.same.s()).apply_async()
    before, begun = (DonebitBackend(app=project.app, url=server.url) for _ in range(2))
    mark_as_done(before, project, applied, 0)

    server.end()
    with ThreadPoolExecutor() as threads, caplog.at_level(logging.ERROR, "celery.backends.redis"):
        counted = [
            threads.submit(mark_as_done, backend, project, applied, index)
            for backend, index in [(before, 1), (begun, 2)]
        ]
        eventually(lambda: caplog.text.count("Connection to Redis lost") > 4, what="nothing is tried again")
        server.start()
        assert [one.result() for one in counted] == [None, None]

    assert (progress(applied).done, progress(applied).called) == (3, True)


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery
def test_a_chord_does_not_fail_by_an_outage_while_it_is_gathered(
    server: RunningServer,
    project: ModuleType,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    applied = chord([project.same.s(n) for n in range(2)], project.same.s()).apply_async()
    backend = DonebitBackend(app=project.app, url=server.url)
    mark_as_done(backend, project, applied, 0)
    call = calling.call_body

    def starts_again() -> None:
        eventually(lambda: "Connection to Redis lost" in caplog.text, what="nothing is tried again")
        server.start()

    with ThreadPoolExecutor() as threads, caplog.at_level(logging.ERROR, "celery.backends.redis"):

        def call_without_a_server(*args: Any) -> Any:
            server.end()
            threads.submit(starts_again)
            return call(*args)

        monkeypatch.setattr(calling, "call_body", call_without_a_server)
        mark_as_done(backend, project, applied, 1)

    assert (progress(applied).called, applied.state) == (True, "PENDING")  # its message waits for a worker


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery
def test_errbacks_are_called_though_a_chords_results_cannot_be_kept(
    project: ModuleType, valkey: RunningServer
) -> None:
    """What Celery keeps them in is of another type, say, from before its order was changed."""
    applied = chord([project.same.s(n) for n in range(2)], project.same.s()).apply_async()
    backend, parts = project.app.backend, cast(GroupResult, applied.parent)
    valkey.client.set(backend.get_key_for_group(parts.id, ".j"), "of another type")
    mark_as_done(backend, project, applied, 0)

    request = request_of(project, applied, 1)
    backend.mark_as_failure(request.id, ValueError("bad"), request=request)

    assert isinstance(applied.result, ChordError)
    assert progress(applied).called
