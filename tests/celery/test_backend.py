"""The result backend by itself: its sweep, what it subscribes to, and how it finds its server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest
from celery import chain, chord, group
from celery.app.task import Context
from celery.result import AsyncResult, GroupResult
from kombu.exceptions import EncodeError

from donebit.celery import progress, sweep, sweep_chords
from donebit.celery.subscribing import _tasks_of
from donebit.completion import announcing, lifecycle
from donebit.store import Store
from tests.celery.conftest import Workers
from tests.sentinel_group import MASTER, sentinel_group
from tests.servers import RunningServer, valkey_binary
from tests.started import eventually

SECONDS = 40  # of which a worker may take some to start, on a machine with other things to do


def test_a_part_is_subscribed_to_when_somebody_waits_for_it(
    project: ModuleType, workers: Workers, valkey: RunningServer
) -> None:
    before = project.same.delay(0)
    nested = chain(project.same.s(1), group(project.same.s(), project.same.s()))
    applied = chord([*(project.same.s(n) for n in range(20)), nested], project.same.s()).apply_async()
    parts, after = cast(GroupResult, applied.parent), project.same.delay(1)

    def subscribed() -> int:
        of_parts = {project.app.backend.get_key_for_task(one.id) for one in parts.results or ()}
        return len(of_parts.intersection(valkey.client.pubsub_channels()))

    assert subscribed() == 0
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(parts.get, timeout=SECONDS, disable_sync_subtasks=False)
        eventually(lambda: subscribed() == 20)
        workers("--pool=threads", "--concurrency=2")
        assert waiting.result() == [*range(20), [1, 1]]
    assert (before.get(timeout=SECONDS), after.get(timeout=SECONDS)) == (0, 1)


def test_a_part_of_a_header_that_could_not_be_sent_is_waited_for_too(
    project: ModuleType, workers: Workers
) -> None:
    unsendable = project.same.s(object())
    with pytest.raises(EncodeError):
        chord(
            [project.same.s(1).set(task_id="first"), unsendable, unsendable], project.same.s()
        ).apply_async()

    with ThreadPoolExecutor() as threads:
        threads.submit(workers, "--pool=threads", "--concurrency=1")

        assert project.same.AsyncResult("first").get(timeout=SECONDS) == 1


@pytest.mark.parametrize(("expires", "short"), [(100, 5), (0, -1)])
def test_a_nested_header_is_kept_as_long_as_its_chord(project: ModuleType, expires: int, short: int) -> None:
    """Celery keeps it under a key of its own; without it the results would be given flat."""
    project.app.conf.result_expires = expires
    nested = chain(project.same.s(1), group(project.same.s(), project.same.s()))
    applied = chord([nested, project.same.s(2)], project.same.s()).apply_async()
    backend, parts = project.app.backend, cast(GroupResult, applied.parent)
    key, body = backend.get_key_for_group(parts.id), project.same.s().set(task_id=applied.id)

    left = []
    for index, part in enumerate(_tasks_of([parts])):
        if expires:
            backend.client.expire(key, short)  # most of its time is over
        request = Context(id=part.id, group=parts.id, group_index=index, chord=body)
        backend.mark_as_done(part.id, index, request)
        left.append(backend.client.ttl(key) > short)

    assert left == [bool(expires)] * 3


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server of the test's own, which Sentinels watch, is the application's result backend."""
    with (
        closing(RunningServer(valkey_binary(), tmp_path)) as master,
        sentinel_group(master, tmp_path) as group,
    ):
        monkeypatch.setenv("TEST_BACKEND", f"donebit+{group.celery_url()}")
        yield


@pytest.mark.usefixtures("watched")
def test_chords_are_counted_on_the_server_that_sentinels_name(project: ModuleType) -> None:
    project.app.conf.result_backend_transport_options = {"master_name": MASTER}

    applied = chord([project.same.s(n) for n in range(2)], project.same.s()).apply_async()
    parts = cast(GroupResult, applied.parent)
    body = project.same.s().set(task_id=applied.id)
    for number, part in enumerate(cast(list[GroupResult], parts.results)):
        request = Context(id=part.id, group=parts.id, group_index=number, chord=body)
        project.app.backend.mark_as_done(part.id, number, request)

    assert (progress(applied).done, progress(applied).called) == (2, True)


def sum_of(results: list[int]) -> int:
    return sum(results)


def end(store: Store, applied: AsyncResult[object]) -> None:
    """End a chord whose body nobody calls."""
    lifecycle.cancel(store, progress(applied).task_id)
    announcing.announce(store, progress(applied).task_id)


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery
def test_a_sweep_leaves_the_bodies_of_other_applications(
    project: ModuleType, lasting_store: tuple[object, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own is called though one of another application is due before it."""
    monkeypatch.setattr(sweep, "AT_ONCE", 1)
    of_another = project.app.signature("another.total")
    gathering = project.app.tasks["celery.accumulate"].s(index=0).set(chord=of_another)  # every one has it
    nested = chord([project.same.s(), project.same.s()], of_another)
    bodies = [of_another, nested, gathering, project.same.s()]
    for body in bodies:
        applied = chord([project.same.s(1), project.same.s(2)], body).apply_async()
        end(lasting_store[1], applied)

    assert (sweep_chords(project.app), sweep_chords(project.app)) == (1, 0)
    assert progress(applied).called
    project.app.task(sum_of, name="another.total", shared=False)
    assert (sweep_chords(project.app), sweep_chords(project.app)) == (3, 0)


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery
def test_a_sweep_leaves_a_body_that_its_application_may_not_read(
    project: ModuleType, lasting_store: tuple[object, Store]
) -> None:
    conf = project.app.conf
    conf.accept_content = ["json", "pickle"]
    pickled = project.same.s().set(serializer="pickle")
    of_another = chord([project.same.s(1), project.same.s(2)], pickled).apply_async()
    conf.accept_content = ["json"]
    own = chord([project.same.s(1), project.same.s(2)], project.same.s()).apply_async()
    for applied in (of_another, own):
        end(lasting_store[1], applied)

    assert (sweep_chords(project.app), progress(own).called, progress(of_another).called) == (1, True, False)
