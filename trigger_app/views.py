"""The HTTP routes of trigger_app that start tasks."""

from __future__ import annotations

import secrets
from http import HTTPStatus

from flask_openapi3 import APIBlueprint, Tag

from donebit.web.answers import Reply
from donebit.web.origin import changes_state
from donebit.web.problems import EVERYWHERE, documented
from donebit.web.rerun_answer import RerunStarted, rerun_reply
from trigger_app.models import (
    DistinctQuery,
    DoneQuery,
    RerunBody,
    RerunHeader,
    RerunPath,
    StartHeader,
    TaskBody,
    TaskStarted,
)
from trigger_app.starting import Starter

TAG = Tag(name="trigger", description="Start tasks")
CONFLICT = documented(HTTPStatus.CONFLICT)
GONE = documented(HTTPStatus.NOT_FOUND)


def blueprint(starter: Starter) -> APIBlueprint:
    """Make the routes over this starter."""
    routes = APIBlueprint("trigger", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    add_example(routes, starter)
    add_tasks(routes, starter)
    add_rerun(routes, starter)
    return routes


def add_example(routes: APIBlueprint, starter: Starter) -> None:
    """Add the routes of the example project."""

    @routes.get("/trigger/done", responses={202: TaskStarted}, operation_id="trigger_done_get")
    @routes.post("/trigger/done", responses={202: TaskStarted}, operation_id="trigger_done_post")
    @changes_state()
    def trigger_done(query: DoneQuery) -> Reply:
        """Start a task of the built-in job `demo`, whose steps sleep."""
        return starter.start_job(query.count, "demo", {"sleep_ms": query.sleep_ms}).reply()

    @routes.get("/trigger/distinct", responses={202: TaskStarted}, operation_id="trigger_distinct_get")
    @routes.post("/trigger/distinct", responses={202: TaskStarted}, operation_id="trigger_distinct_post")
    @changes_state()
    def trigger_distinct(query: DistinctQuery) -> Reply:
        """Simulate visits of random users, as a task of the built-in job `visit`."""
        return starter.start_job(query.count, "visit", {"seed": secrets.randbelow(2**32)}).reply()


def add_tasks(routes: APIBlueprint, starter: Starter) -> None:
    """Add the route that starts a task of any job, or of none."""

    @routes.post("/tasks", responses={200: TaskStarted, 202: TaskStarted, **CONFLICT})
    def create_task(header: StartHeader, body: TaskBody) -> Reply:
        """Start a task.

        The same `task_id` and body again answer 200 with the existing task; another body answers 409. So does
        the same `Idempotency-Key` where there is no `task_id`, and another body answers 422.
        """
        return starter.start_body(body, reply_key=header.idempotency_key).reply()


def add_rerun(routes: APIBlueprint, starter: Starter) -> None:
    """Add the route that runs a task again, as a new one."""

    @routes.post("/tasks/<task_id>/rerun", responses={200: RerunStarted, 202: RerunStarted, **GONE})
    def rerun_task(path: RerunPath, header: RerunHeader, body: RerunBody) -> Reply:
        """Run a task again: start a new one with its order, while its record is kept.

        The body may be left out. Its parameters replace those of the same names; the others stay.
        """
        started, queued = starter.rerun(path.task_id, body, reply_key=header.idempotency_key)
        return rerun_reply(started, path.task_id, queued)
