"""trigger_app's routes that start something: read, call, answer."""

from __future__ import annotations

import secrets
from http import HTTPStatus

from flask_openapi3 import APIBlueprint, Tag

from donebit.web.answers import Reply
from donebit.web.guard import changes_state
from donebit.web.problems import EVERYWHERE, documented
from trigger_app.models import DistinctQuery, DoneQuery, TaskBody, TaskStarted
from trigger_app.orders import order_of
from trigger_app.starting import Starter

TAG = Tag(name="trigger", description="Start something")
CONFLICT = documented(HTTPStatus.CONFLICT)


def blueprint(starter: Starter) -> APIBlueprint:
    """The routes that have this starter start what they are asked for."""
    routes = APIBlueprint("trigger", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    add_example(routes, starter)
    add_tasks(routes, starter)
    return routes


def add_example(routes: APIBlueprint, starter: Starter) -> None:
    """The example project's routes."""

    @routes.get("/trigger/done", responses={202: TaskStarted}, operation_id="trigger_done_get")
    @routes.post("/trigger/done", responses={202: TaskStarted}, operation_id="trigger_done_post")
    @changes_state
    def trigger_done(query: DoneQuery) -> Reply:
        """Start a task of the built-in job `demo`."""
        return starter.start_job(query.count, "demo", {"sleep_ms": query.sleep_ms}).reply()

    @routes.get("/trigger/distinct", responses={202: TaskStarted}, operation_id="trigger_distinct_get")
    @routes.post("/trigger/distinct", responses={202: TaskStarted}, operation_id="trigger_distinct_post")
    @changes_state
    def trigger_distinct(query: DistinctQuery) -> Reply:
        """Simulate visits of random users: a task of the built-in job `visit`."""
        return starter.start_job(query.count, "visit", {"seed": secrets.randbelow(2**32)}).reply()


def add_tasks(routes: APIBlueprint, starter: Starter) -> None:
    """The route for tasks of any job, or of none."""

    @routes.post("/tasks", responses={200: TaskStarted, 202: TaskStarted, **CONFLICT})
    def create_task(body: TaskBody) -> Reply:
        """Start a task; the same `task_id` again is the same task."""
        order = order_of(body, starter.settings.stall_after)
        return starter.start(order, body.task_id).reply()
