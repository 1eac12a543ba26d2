"""done_app's routes: read, call, answer."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from done_app.api.actions import add_changes
from done_app.api.answers import GONE
from done_app.api.models import (
    FailuresAnswer,
    ListQuery,
    MissingAnswer,
    MissingQuery,
    StepFailure,
    TaskList,
    TaskPath,
)
from done_app.api.reports import add_failures, add_reports
from done_app.api.streams import add_streams
from donebit.completion import bitmap, failing, lifecycle, listing, missing
from donebit.completion.listing import Filter
from donebit.completion.state import State
from donebit.config import Settings
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.answers import Reply, answer
from donebit.web.live import Feed
from donebit.web.problems import EVERYWHERE
from donebit.web.task_answer import TaskAnswer, task_answer
from donebit.web.task_summary import TaskSummary

TAG = Tag(name="tasks", description="Tasks and their steps")
BYTES = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


def blueprint(store: Store, publisher: Publisher, settings: Settings, feed: Feed) -> APIBlueprint:
    """The routes over this store, telling ends through this publisher."""
    routes = APIBlueprint("tasks", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    add_readings(routes, store, settings)
    add_bits(routes, store)
    add_streams(routes, store, feed)
    add_reports(routes, store, publisher)
    add_failures(routes, store, publisher)
    add_changes(routes, store, publisher, settings)
    return routes


def add_readings(routes: APIBlueprint, store: Store, settings: Settings) -> None:
    """The routes that tell how tasks are."""

    @routes.get("/tasks", responses={200: TaskList})
    def list_tasks(query: ListQuery) -> Reply:
        """Tasks, newest first."""
        wanted = Filter(State(query.state) if query.state else None, query.label)
        page = listing.list_tasks(store, wanted, limit=query.limit, cursor=query.cursor)
        return answer(TaskList(tasks=[TaskSummary.of(task) for task in page.tasks], next=page.next))

    @routes.get("/tasks/<task_id>", responses={200: TaskAnswer, **GONE})
    def show_task(path: TaskPath) -> Reply:
        """One task: how far it is, and what it waits for."""
        return answer(task_answer(store, settings, lifecycle.get_task(store, path.task_id)))

    @routes.get("/tasks/<task_id>/missing", responses={200: MissingAnswer, **GONE})
    def show_missing(path: TaskPath, query: MissingQuery) -> Reply:
        """The steps not yet done, as ranges."""
        task = lifecycle.get_task(store, path.task_id).task
        page = missing.list_missing(store, task, after=query.after, limit=query.limit)
        return answer(MissingAnswer(missing_steps=task.missing_steps, ranges=page.ranges, next=page.next))

    @routes.get("/tasks/<task_id>/failures", responses={200: FailuresAnswer, **GONE})
    def show_failures(path: TaskPath, query: MissingQuery) -> Reply:
        """The steps that gave up, with their attempts and last errors, as far as those are kept."""
        task = lifecycle.get_task(store, path.task_id).task
        page = failing.list_failures(store, task, after=query.after, limit=query.limit)
        failures = [StepFailure(step=f.step, attempts=f.attempts, error=f.error) for f in page.failures]
        return answer(FailuresAnswer(failed_steps=task.failed_steps, failures=failures, next=page.next))


def add_bits(routes: APIBlueprint, store: Store) -> None:
    """The route that gives a task's bits as they are."""

    @routes.get("/tasks/<task_id>/bitmap", responses={200: BYTES, **GONE})
    def show_bitmap(path: TaskPath) -> Reply:
        """The bits as they stand, end marker included, bit 0 the highest of the first byte."""
        task = lifecycle.get_task(store, path.task_id).task
        return Response(bitmap.whole(store, task), content_type="application/octet-stream")
