"""The HTTP routes of schedules."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

from flask import Response, redirect, request
from flask_openapi3 import APIBlueprint, Tag

from donebit import clock
from donebit.schedules import changes
from donebit.schedules.changes import Saved
from donebit.schedules.schedule import Schedule
from donebit.store import Store
from donebit.web.answers import Reply, answer
from donebit.web.problems import EVERYWHERE, documented
from trigger_app.models import RerunHeader, TaskStarted
from trigger_app.pages.problems import wants_page
from trigger_app.schedules.models import (
    NewScheduleBody,
    ScheduleAnswer,
    ScheduleBody,
    ScheduleDetail,
    SchedulePath,
    SchedulesAnswer,
    SchedulesQuery,
)
from trigger_app.schedules.scheduler import Scheduler

TAG = Tag(name="schedules", description="Start tasks by the clock")
UNKNOWN = documented(HTTPStatus.NOT_FOUND)
CONFLICT = documented(HTTPStatus.CONFLICT)


def blueprint(scheduler: Scheduler) -> APIBlueprint:
    """Make the routes over this scheduler."""
    routes = APIBlueprint("schedules", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    add_reading(routes, scheduler.starter.store)
    add_changes(routes, scheduler)
    add_switches(routes, scheduler)
    return routes


def add_reading(routes: APIBlueprint, store: Store) -> None:
    """Add the routes that only read."""

    @routes.get("/schedules", responses={200: SchedulesAnswer})
    def list_schedules(query: SchedulesQuery) -> Reply:
        """List schedules by name, each with its next firing. A browser is led to their page."""
        if wants_page():
            return cast(Response, redirect(f"{request.script_root}/schedule"))
        found = changes.list_schedules(store, after=query.after or "", limit=query.limit + 1)
        now, shown = clock.now(), found[: query.limit]
        following = shown[-1].name if len(found) > query.limit else None
        return answer(
            SchedulesAnswer(schedules=[ScheduleAnswer.of(one, now) for one in shown], next=following)
        )

    @routes.get("/schedules/<name>", responses={200: ScheduleDetail, **UNKNOWN, **CONFLICT})
    def get_schedule(path: SchedulePath) -> Reply:
        """Read a schedule with its next firings."""
        return reply(changes.get(store, path.name))


def add_changes(routes: APIBlueprint, scheduler: Scheduler) -> None:
    """Add the routes that make, change and delete a schedule."""

    @routes.post("/schedules", responses={200: ScheduleDetail, 201: ScheduleDetail, **CONFLICT})
    def create_schedule(body: NewScheduleBody) -> Reply:
        """Make a schedule that starts a task at each of its times.

        The same body again answers 200 with the existing schedule; another body under its name answers 409.
        """
        return saved_reply(scheduler.create(body))

    @routes.put("/schedules/<name>", responses={200: ScheduleDetail, 201: ScheduleDetail, **CONFLICT})
    def replace_schedule(path: SchedulePath, body: ScheduleBody) -> Reply:
        """Change a schedule, or make it.

        A paused schedule stays paused. Where its times change, its next firing is the first one after now.
        """
        return saved_reply(scheduler.replace(path.name, body))

    @routes.delete("/schedules/<name>", responses={204: None, **UNKNOWN})
    def delete_schedule(path: SchedulePath) -> Reply:
        """Delete a schedule. The tasks that it has started stay."""
        changes.delete(scheduler.starter.store, path.name)
        return "", HTTPStatus.NO_CONTENT


def add_switches(routes: APIBlueprint, scheduler: Scheduler) -> None:
    """Add the routes that pause, resume and run a schedule."""
    store = scheduler.starter.store

    @routes.post("/schedules/<name>/pause", responses={200: ScheduleDetail, **UNKNOWN, **CONFLICT})
    def pause_schedule(path: SchedulePath) -> Reply:
        """Pause a schedule: nothing fires until it is resumed. Its running task goes on."""
        return reply(changes.pause(store, path.name))

    @routes.post("/schedules/<name>/resume", responses={200: ScheduleDetail, **UNKNOWN, **CONFLICT})
    def resume_schedule(path: SchedulePath) -> Reply:
        """Resume a paused schedule. What was due meanwhile is not made up for."""
        return reply(changes.resume(store, path.name))

    @routes.post(
        "/schedules/<name>/run", responses={200: TaskStarted, 202: TaskStarted, **UNKNOWN, **CONFLICT}
    )
    def run_schedule(path: SchedulePath, header: RerunHeader) -> Reply:
        """Start a schedule's task now, out of turn; its firings stay as they are."""
        return scheduler.run(path.name, header.idempotency_key).reply()


def reply(schedule: Schedule, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return answer(ScheduleDetail.of(schedule, clock.now()), status)


def saved_reply(saved: Saved) -> Reply:
    return reply(saved.schedule, HTTPStatus.CREATED if saved.fresh else HTTPStatus.OK)
