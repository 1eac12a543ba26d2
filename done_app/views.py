"""done_app's routes: read, call, answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import numpy as np
from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from done_app.models import (
    ExampleQuery,
    ListQuery,
    MissingQuery,
    Ranges,
    ReportHeader,
    Rule,
    StepAnswer,
    StepPath,
    StepsAnswer,
    StepsBody,
    TaskAnswer,
    TaskList,
    TaskPath,
)
from shared import clock
from shared.completion import lifecycle, listing, missing
from shared.completion.lifecycle import Report
from shared.completion.listing import Filter
from shared.completion.task import Sight, State, Task
from shared.errors import BrokerUnavailable, InvalidInput, NotFound
from shared.queue import Outbox
from shared.store import Store
from shared.web.answers import Reply, answer
from shared.web.guard import changes_state
from shared.web.live import Feed, Message
from shared.web.problems import EVERYWHERE, documented
from shared.web.task_summary import TaskSummary

TAG = Tag(name="tasks", description="Tasks and their steps")
FIRST_RANGES = 10  # how many missing ranges an answer shows unasked
GONE = documented(HTTPStatus.NOT_FOUND)
GONE_OR_ENDED = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
BYTES = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
# Without a schema: it would be taken for one of each event.
EVENTS: dict[str, Any] = {"content": {"text/event-stream": {}}}

log = logging.getLogger(__name__)


def blueprint(store: Store, outbox: Outbox) -> APIBlueprint:
    """The routes over this store, telling ends through this outbox."""
    routes = APIBlueprint("tasks", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    feed = Feed(lambda topics: states(store, topics))
    add_readings(routes, store, feed)
    add_reports(routes, store, outbox)
    add_ends(routes, store, outbox)
    return routes


def add_readings(routes: APIBlueprint, store: Store, feed: Feed) -> None:
    """The routes that only look."""

    @routes.get("/tasks", responses={200: TaskList})
    def list_tasks(query: ListQuery) -> Reply:
        """Tasks, newest first."""
        if query.state == "failed":
            return answer(TaskList(tasks=[], next=None))
        wanted = Filter(State(query.state) if query.state else None, query.label)
        page = listing.page(store, wanted, limit=query.limit, cursor=query.cursor)
        return answer(TaskList(tasks=[TaskSummary.of(task) for task in page.tasks], next=page.next))

    @routes.get("/tasks/<task_id>", responses={200: TaskAnswer, **GONE})
    def show_task(path: TaskPath) -> Reply:
        """One task: how far it is, and what it waits for."""
        return answer(task_answer(store, lifecycle.look(store, path.task_id)))

    @routes.get("/tasks/<task_id>/missing", responses={200: Ranges, **GONE})
    def show_missing(path: TaskPath, query: MissingQuery) -> Reply:
        """The steps not yet done, as ranges."""
        task = lifecycle.look(store, path.task_id).task
        page = missing.page(store, task, after=query.after, limit=query.limit)
        return answer(Ranges(missing_steps=task.left, ranges=page.ranges, next=page.next))

    @routes.get("/tasks/<task_id>/bitmap", responses={200: BYTES, **GONE})
    def show_bitmap(path: TaskPath) -> Reply:
        """The bits as they stand, end marker included, bit 0 the highest of the first byte."""
        task = lifecycle.look(store, path.task_id).task
        return Response(bitmap_of(store, task), content_type="application/octet-stream")

    @routes.get("/tasks/<task_id>/events", responses={200: EVENTS, **GONE})
    def follow_task(path: TaskPath) -> Reply:
        """Server-sent events: the task now, then at each change, until it ends."""
        lifecycle.look(store, path.task_id)
        return feed.stream(path.task_id, last=lambda message: message.get("ended_at") is not None)


def add_reports(routes: APIBlueprint, store: Store, outbox: Outbox) -> None:
    """The routes through which steps are reported."""

    def report(
        task_id: str,
        steps: Sequence[int] = (),
        ranges: Sequence[tuple[int, int]] = (),
        key: str | None = None,
    ) -> Report:
        made = lifecycle.report(store, task_id, steps, ranges, reply_key=key)
        if made.completed_task:
            tell(outbox, task_id)
        return made

    @routes.put("/tasks/<task_id>/steps/<n>", responses={200: StepAnswer, **GONE})
    def mark_step(path: StepPath, header: ReportHeader) -> Reply:
        """Step n is done."""
        made = report(path.task_id, [path.n], key=header.idempotency_key)
        return answer(StepAnswer(fresh=bool(made.fresh), **common(path.task_id, made)))

    @routes.post("/tasks/<task_id>/steps", responses={200: StepsAnswer, **GONE})
    def mark_steps(path: TaskPath, body: StepsBody, header: ReportHeader) -> Reply:
        """Many steps are done: all of them are recorded, or none."""
        if not body.steps and not body.ranges:
            raise InvalidInput("a report names at least one step or range", field="steps")
        made = report(path.task_id, body.steps, body.ranges, header.idempotency_key)
        return answer(StepsAnswer(fresh=made.fresh, **common(path.task_id, made)))

    @routes.get("/done", responses={200: StepAnswer, **GONE}, operation_id="done_get")
    @routes.post("/done", responses={200: StepAnswer, **GONE}, operation_id="done_post")
    @changes_state
    def mark_example_step(query: ExampleQuery) -> Reply:
        """A step is done: the example project's call."""
        made = report(query.taskId, [query.stepNumber])
        return answer(StepAnswer(fresh=bool(made.fresh), **common(query.taskId, made)))


def add_ends(routes: APIBlueprint, store: Store, outbox: Outbox) -> None:
    """The routes that end a task before its steps do."""

    @routes.post("/tasks/<task_id>/cancel", responses={200: TaskAnswer, **GONE_OR_ENDED})
    def cancel_task(path: TaskPath) -> Reply:
        """End a running task; its slices stop, and no further one starts."""
        lifecycle.cancel(store, path.task_id)
        tell(outbox, path.task_id)
        return answer(task_answer(store, lifecycle.look(store, path.task_id)))

    @routes.delete("/tasks/<task_id>", responses={204: None, **GONE})
    def delete_task(path: TaskPath) -> Reply:
        """Forget a task, running or ended."""
        lifecycle.delete(store, path.task_id)
        return "", HTTPStatus.NO_CONTENT


def tell(outbox: Outbox, task_id: str) -> None:
    """Have the end told. It is already claimed and kept: without a broker the sweep tells it later."""
    try:
        outbox.announce(task_id)
    except BrokerUnavailable as error:
        log.warning("the end of task %s is told later: %s", task_id, error.detail)


def common(task_id: str, made: Report) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "completed_task": made.completed_task,
        "state": made.state,
        "done_steps": made.done_steps,
        "count": made.count,
    }


def task_answer(store: Store, sight: Sight) -> TaskAnswer:
    task = sight.task
    return TaskAnswer(
        **TaskSummary.of(task).model_dump(),
        params=dict(task.order.params),
        missing=missing.page(store, task, limit=FIRST_RANGES).ranges,
        rule=Rule(first_gap=sight.reading.first_gap, set_bits=sight.reading.set_bits),
        run=task.run,
        dispatched_at=clock.iso(task.dispatched_at) if task.dispatched_at else None,
        heals=task.heals,
        took_seconds=task.took.total_seconds() if task.took else None,
    )


def bitmap_of(store: Store, task: Task) -> bytes:
    """Bits 0..N and zero padding; made from the count once the task is done and its bitmap dropped."""
    size = task.count // 8 + 1
    if task.state is State.DONE:
        return np.packbits(np.ones(task.count + 1, np.uint8)).tobytes()
    bits = store.tasks.bitmap_bytes(task.id, 0, size)
    if not bits:  # done, or gone, since the look
        return bitmap_of(store, lifecycle.look(store, task.id).task)
    return bits


def states(store: Store, task_ids: frozenset[str]) -> Mapping[str, Message | None]:
    """Each task as an event tells it; None for one that is gone."""
    found: dict[str, Message | None] = {}
    for task_id in task_ids:
        try:
            found[task_id] = TaskSummary.of(lifecycle.look(store, task_id).task).model_dump()
        except NotFound:
            found[task_id] = None
    return found
