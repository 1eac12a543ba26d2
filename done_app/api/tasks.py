"""The routes that read tasks, and the blueprint of all task routes."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from done_app.api.actions import add_actions
from done_app.api.answer_models import MissingAnswer, TaskList
from done_app.api.answers import GONE
from done_app.api.bulk import add_bulk
from done_app.api.failures import add_failure_reads, add_retry
from done_app.api.items import Filler, add_items
from done_app.api.models import ListQuery, MissingQuery, TaskPath
from done_app.api.redelivery import add_redelivery
from done_app.api.reports import Reports, add_failures, add_reports
from done_app.api.results import add_results
from done_app.api.streams import add_streams
from donebit.activity.periods.calendar import Calendar
from donebit.completion import bitmap, lifecycle, listing, missing
from donebit.config import Settings
from donebit.jobs.registry import load_jobs
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
    """All task routes, reading and writing this store and publishing the ends of tasks."""
    routes = APIBlueprint("tasks", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    add_task_reads(routes, store, settings)
    add_failure_reads(routes, store)
    add_retry(routes, store, publisher, settings)
    add_bitmap(routes, store)
    add_streams(routes, store, feed)
    add_results(routes, store)
    add_reports(routes, Reports(store, publisher, settings))
    add_failures(routes, store, publisher)
    filler = Filler(store, settings, cache(lambda: load_jobs(settings)))
    add_items(routes, store, filler)
    add_actions(routes, store, publisher, settings, filler)
    add_bulk(routes, store, publisher, settings)
    add_redelivery(routes, store, settings)
    return routes


def add_task_reads(routes: APIBlueprint, store: Store, settings: Settings) -> None:
    """Add the routes that list tasks and describe one."""

    calendar = Calendar(ZoneInfo(settings.zone))

    @routes.get("/tasks", responses={200: TaskList})
    def list_tasks(query: ListQuery) -> Reply:
        """List tasks, newest first, all or those that match every filter given."""
        page = listing.list_tasks(store, query.as_filter(calendar), limit=query.limit, cursor=query.cursor)
        return answer(TaskList(tasks=[TaskSummary.of(task) for task in page.tasks], next=page.next))

    @routes.get("/tasks/<task_id>", responses={200: TaskAnswer, **GONE})
    def show_task(path: TaskPath) -> Reply:
        """Get a task: its progress, state and what it waits for."""
        return answer(task_answer(store, settings, lifecycle.get_task(store, path.task_id)))

    @routes.get("/tasks/<task_id>/missing", responses={200: MissingAnswer, **GONE})
    def show_missing(path: TaskPath, query: MissingQuery) -> Reply:
        """List the missing steps of a task as ranges."""
        task = lifecycle.get_task(store, path.task_id).task
        page = missing.list_missing(store, task, after=query.after, limit=query.limit)
        return answer(MissingAnswer(missing_steps=task.missing_steps, ranges=page.ranges, next=page.next))


def add_bitmap(routes: APIBlueprint, store: Store) -> None:
    """Add the route that downloads a task's bitmap."""

    @routes.get("/tasks/<task_id>/bitmap", responses={200: BYTES, **GONE})
    def show_bitmap(path: TaskPath) -> Reply:
        """Download the bitmap of a task: one bit per step, then the end marker.

        Bit 0 is the highest bit of the first byte; the last byte is padded with zeros.
        """
        task = lifecycle.get_task(store, path.task_id).task
        return Response(bitmap.bitmap_bytes(store, task), content_type="application/octet-stream")
