"""trigger_app's routes that start something: read, call, answer."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from http import HTTPStatus

from flask_openapi3 import APIBlueprint, Tag

from shared.completion import lifecycle
from shared.completion.lifecycle import Lives, Started
from shared.completion.order import Order
from shared.config import Settings
from shared.errors import BrokerUnavailable
from shared.jobs import Jobs
from shared.queue import Outbox
from shared.store import Store
from shared.web.answers import Reply, answer
from shared.web.guard import changes_state
from shared.web.problems import EVERYWHERE, documented
from trigger_app.models import DistinctQuery, DoneQuery, TaskBody, TaskStarted
from trigger_app.orders import Checker, order_of

TAG = Tag(name="trigger", description="Start something")
CONFLICT = documented(HTTPStatus.CONFLICT)

log = logging.getLogger(__name__)


def blueprint(store: Store, outbox: Outbox, jobs: Jobs, settings: Settings) -> APIBlueprint:
    """The routes over this store, fanning out through this outbox."""
    routes = APIBlueprint("trigger", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    starter = Starter(store, outbox, Checker(jobs, settings), settings)
    add_example(routes, starter)
    add_tasks(routes, starter)
    return routes


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts what a request asks for."""

    store: Store
    outbox: Outbox
    checker: Checker
    settings: Settings

    def start(self, order: Order, task_id: str | None = None) -> Reply:
        """202 for a new task, 200 for one that there is already."""
        self.checker.check(order)
        lives = Lives(self.settings.task_ttl, self.settings.ended_ttl)
        started = lifecycle.start(
            self.store, order, task_id=task_id, lives=lives, max_steps=self.settings.max_steps
        )
        queued = fan_out(self.outbox, started)
        task = started.task
        if started.fresh:
            log.info(
                "task %s is started: %d steps of %s", task.id, task.count, order.job or "the caller's own"
            )
        body = TaskStarted(task_id=task.id, count=task.count, job=order.job, state=task.state, queued=queued)
        return answer(body, HTTPStatus.ACCEPTED if started.fresh else HTTPStatus.OK)

    def start_job(self, count: int, job: str, params: dict[str, int]) -> Reply:
        return self.start(Order(count, job, params, stall_after=self.settings.stall_after))


def add_example(routes: APIBlueprint, starter: Starter) -> None:
    """The example project's routes."""

    @routes.get("/trigger/done", responses={202: TaskStarted}, operation_id="trigger_done_get")
    @routes.post("/trigger/done", responses={202: TaskStarted}, operation_id="trigger_done_post")
    @changes_state
    def trigger_done(query: DoneQuery) -> Reply:
        """Start a task of the built-in job `demo`."""
        return starter.start_job(query.count, "demo", {"sleep_ms": query.sleep_ms})

    @routes.get("/trigger/distinct", responses={202: TaskStarted}, operation_id="trigger_distinct_get")
    @routes.post("/trigger/distinct", responses={202: TaskStarted}, operation_id="trigger_distinct_post")
    @changes_state
    def trigger_distinct(query: DistinctQuery) -> Reply:
        """Simulate visits of random users: a task of the built-in job `visit`."""
        return starter.start_job(query.count, "visit", {"seed": secrets.randbelow(2**32)})


def add_tasks(routes: APIBlueprint, starter: Starter) -> None:
    """The route for tasks of any job, or of none."""

    @routes.post("/tasks", responses={200: TaskStarted, 202: TaskStarted, **CONFLICT})
    def create_task(body: TaskBody) -> Reply:
        """Start a task; the same `task_id` again is the same task."""
        order = order_of(body, starter.settings.stall_after)
        return starter.start(order, body.task_id)


def fan_out(outbox: Outbox, started: Started) -> bool | None:
    """Have a new task of a job fanned out; whether the broker took it. If not, the sweep does it later."""
    if not started.fresh or started.task.order.job is None:
        return None
    try:
        outbox.dispatch(started.task)
    except BrokerUnavailable as error:
        log.warning("task %s is fanned out later: %s", started.task.id, error.detail)
        return False
    return True
