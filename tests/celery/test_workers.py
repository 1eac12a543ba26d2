"""Chords of a real worker: what comes back is what Celery's own backend brings."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from celery import chain, chord, group, states
from celery.app.task import Context
from celery.backends.redis import RedisBackend

from donebit.celery import progress
from donebit.errors import NotFound
from tests.celery.conftest import Workers
from tests.servers import RunningServer
from tests.started import eventually

SECONDS = 40  # of which a worker may take some to start, on a machine with other things to do


def test_each_shape_of_a_header_brings_its_results_in_order(
    project: ModuleType, workers: Workers, valkey: RunningServer
) -> None:
    workers("--pool=prefork", "--concurrency=2")
    same, add = project.same, project.add
    shapes: list[tuple[Any, Any]] = [
        ([same.s(n) for n in range(9)], list(range(9))),
        ((same.s(n) for n in range(9)), list(range(9))),
        ([chain(add.s(1, 1), add.s(2)), same.s(7)], [4, 7]),
        ([chain(same.s(2), group(same.s(), same.s())), same.s(7)], [[2, 2], 7]),
        ([chord([same.s(1), same.s(2)], same.s()), same.s(3)], [[1, 2], 3]),
        ([same.s(1), project.grow.s(2)], [1, {2, 20}]),
        ([project.lean.s(1), project.lean.s(2)], [1, 2]),
        ([chain(project.lean.s(2), group(project.lean.s(), same.s()))], [[2, 2]]),
        ([], []),
    ]

    results = [chord(header, same.s()).apply_async() for header, _ in shapes]

    brought = [result.get(timeout=SECONDS) for result in results]
    grown = next(one for one in brought if one[1:] and set(one[1:]) == {2, 20})
    grown[1:] = [
        set(grown[1:])
    ]  # an added part has the index of the one that added it: Celery goes by the ids
    assert brought == [expected for _, expected in shapes]
    seen = progress(results[0])
    assert (seen.count, seen.done, seen.state, seen.fraction) == (9, 9, "done", 1.0)
    eventually(lambda: progress(results[0]).called)
    with pytest.raises(NotFound):
        progress(results[-1])  # nothing was counted
    bodies = [chain(same.s(), same.s()), group(same.s(), same.s()), chord([same.s(), same.s()], same.s())]
    over = [chord([same.s(1), same.s(2)], body).apply_async() for body in bodies]
    assert [one.get(timeout=SECONDS) for one in over] == [[1, 2], [[1, 2]] * 2, [[1, 2]] * 2]
    eventually(lambda: all(progress(one).called for one in over))
    assert valkey.client.zcard("donebit:done:open") == valkey.client.zcard("donebit:done:chords") == 0


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery
@pytest.mark.parametrize("before", [None, states.STARTED, states.SUCCESS])
def test_what_is_stored_of_a_part_is_what_celery_stores(
    project: ModuleType, celerys: RedisBackend, before: str | None
) -> None:
    applied = chord([project.same.s(1), project.same.s(2)], project.same.s()).apply_async()
    backend, group_id = project.app.backend, progress(applied).task_id
    request = Context(
        id="part", group=group_id, group_index=0, chord=dict(project.same.s().set(task_id="body"))
    )
    if before:
        backend.store_result("part", "stored before", before)

    backend.mark_as_done("part", 7, request=request)
    celerys.store_result("other", 7, states.SUCCESS, request=request)

    seen, expected = (one.get_task_meta(name) for one, name in ((backend, "part"), (celerys, "other")))
    assert seen["result"] == ("stored before" if before == states.SUCCESS else 7)
    assert backend.client.ttl(backend.get_key_for_task("part")) > 0
    if before != states.SUCCESS:
        differing = ("task_id", "date_done")
        assert {**seen, **dict.fromkeys(differing)} == {**expected, **dict.fromkeys(differing)}


@pytest.mark.parametrize("last", ["failing", "succeeding"])
def test_a_failed_part_calls_the_errback_and_shows_in_the_task(
    project: ModuleType, workers: Workers, valkey: RunningServer, last: str
) -> None:
    workers("--pool=threads", "--concurrency=1")
    parts = [project.same.s(1), project.fail.s("bad")]

    body = project.same.s().on_error(project.note_error.s())
    result = chord(parts if last == "failing" else parts[::-1], body).apply_async()

    eventually(lambda: valkey.client.llen("errors"), SECONDS)
    assert valkey.client.lrange("errors", 0, -1) == [f"ChordError {result.id}".encode()]
    eventually(lambda: project.same.AsyncResult(result.id).state == "FAILURE")
    seen = progress(result)
    assert (seen.done, seen.failed, seen.state) == (1, 1, "failed")
    errors = valkey.client.hvals(f"donebit:done:{{{seen.task_id}}}:errors")
    assert errors == [b'"ValueError: bad"']
    eventually(lambda: progress(result).called)
    key = project.app.backend.get_key_for_group(seen.task_id, ".j")
    assert valkey.client.zcard(key) == 2  # what Celery preserves of a chord that failed


@pytest.mark.parametrize("moment", ["gathering", "publishing", "published"])
def test_a_body_runs_once_though_the_process_that_calls_it_is_killed(
    project: ModuleType, workers: Workers, valkey: RunningServer, moment: str
) -> None:
    """It is killed before it gathers the results, before it sends the message, and just afterwards."""
    dying = workers("--pool=prefork", "--concurrency=1", DIE="1", DIE_AT=moment)
    # Of a queue of its own: Celery loses what a worker has just handed to a process that is killed.
    body = project.note.s(number=1).set(queue="bodies")
    result = chord([project.same.s(n) for n in range(3)], body).apply_async()
    eventually(lambda: "signal 9 (SIGKILL)" in dying.err, SECONDS)
    dying.end()

    sweeping = workers("--pool=threads", "--concurrency=1", "--queues=celery,bodies")

    eventually(lambda: valkey.client.llen("ran:1"), 40)
    eventually(lambda: not valkey.client.zcard("donebit:done:chords"), 20)
    assert "cannot be swept" not in sweeping.err
    assert valkey.client.lrange("ran:1", 0, -1) == [f"{result.id} 0 [0, 1, 2]".encode()]
