"""The page of schedules: when each fires next, what it started last, and the buttons that change it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from donebit import clock
from donebit.priority import PRIORITIES
from donebit.schedules import changes, expecting
from donebit.schedules.schedule import LONGEST_NAME, Missed, Overlap
from donebit.web.answers import answer
from donebit.web.listener import Table
from trigger_app.expectations.models import ExpectationAnswer
from trigger_app.pages import expectations
from trigger_app.pages.fragments import fragment
from trigger_app.pages.job_forms import json_object
from trigger_app.pages.last_reads import LastReads
from trigger_app.pages.problems import wants_page
from trigger_app.pages.view import PageContext, View, attempt, count_asked, page_route, redirect_to
from trigger_app.schedules.models import NewScheduleBody, ScheduleAnswer, ScheduleDetail
from trigger_app.schedules.scheduler import Scheduler

HOME = "/schedule"  # /schedules is the API's
SHOWN = 100  # on a page
FIRST_JOB = "demo"

last_reads = LastReads(timedelta(seconds=2))  # their next times are computed each time


def add_routes(routes: Blueprint, context: PageContext) -> None:
    """Add the page and the addresses that its forms are sent to."""

    @routes.get(HOME)
    @page_route(context.settings)
    def schedules() -> ResponseReturnValue:
        after = request.args.get("after", "")
        now, away = attempt(lambda: overview(context, after))
        return render_template(
            "schedules.html",
            here=HOME,
            away=away,
            after=after,
            **now or {"schedules": [], "expectations": [], "next": None},
            jobs=[job.name for job in context.jobs if job.needs_only_count],
            chosen=FIRST_JOB,
            priorities=PRIORITIES,
            missed=list(Missed),
            overlaps=list(Overlap),
            longest=LONGEST_NAME,
            zone=context.settings.zone,
            settings=context.settings,
        )

    @routes.post(HOME)
    def create_schedule() -> ResponseReturnValue:
        saved = Scheduler(context.starter).create(body_asked(context))
        return redirect_to(HOME) if wants_page() else answer(ScheduleDetail.of(saved.schedule, clock.now()))

    add_buttons(routes, context)
    expectations.add_routes(routes, context)


def add_buttons(routes: Blueprint, context: PageContext) -> None:
    """Add the addresses of the buttons that each schedule has."""

    def said(name: str, what: str) -> ResponseReturnValue:
        return redirect_to(HOME) if wants_page() else {"detail": f"Schedule {name} {what}."}

    @routes.post(f"{HOME}/<name>/pause")
    def pause_schedule(name: str) -> ResponseReturnValue:
        changes.pause(context.store, name)
        return said(name, "is paused")

    @routes.post(f"{HOME}/<name>/resume")
    def resume_schedule(name: str) -> ResponseReturnValue:
        changes.resume(context.store, name)
        return said(name, "fires again")

    @routes.post(f"{HOME}/<name>/run")
    def run_schedule(name: str) -> ResponseReturnValue:
        started = Scheduler(context.starter).run(name, None)
        return redirect_to(f"/tasks/{started.task.task_id}") if wants_page() else started.reply()

    @routes.post(f"{HOME}/<name>/delete")
    def delete_schedule(name: str) -> ResponseReturnValue:
        changes.delete(context.store, name)
        return said(name, "is deleted")


def body_asked(context: PageContext) -> NewScheduleBody:
    """Read a schedule from the form.

    Raises:
        InvalidInput: the number of steps is none, or the parameters are no JSON object.
    """
    sent = {name: text.strip() for name, text in request.form.items()}
    task: dict[str, Any] = {
        "count": count_asked(context.settings.max_steps),
        "job": sent.get("job") or None,
        "params": json_object(sent.get("params", "")),
        "priority": sent.get("priority") or None,
    }
    asked = {field: sent[field] for field in ("name", "cron", "zone", "missed", "overlap") if sent.get(field)}
    return NewScheduleBody.model_validate({"name": "", "cron": "", **asked, "task": task})


def overview(context: PageContext, after: str) -> dict[str, Any]:
    """Read the schedules that follow a name, as many as a page shows."""
    found = changes.list_schedules(context.store, after=after, limit=SHOWN + 1)
    now, shown = clock.now(), found[:SHOWN]
    return {
        "schedules": [ScheduleAnswer.of(one, now) for one in shown],
        "next": shown[-1].name if len(found) > SHOWN else None,
        "expectations": [
            ExpectationAnswer.of(one, now) for one in expecting.list_expectations(context.store)
        ],
    }


def read_schedules(context: PageContext, about: str, before: Table) -> Table:
    """Read the schedules that follow a name, drawn as HTML, every other second at most."""
    if last_reads.is_recent(about) and before:
        return before
    found = overview(context, about)
    root = context.settings.trigger_prefix
    return {name: fragment(name, root=root, **found) for name in ("schedules", "expectations")}


VIEW = View("schedules", HOME, "Schedules", add_routes, read_schedules, last_reads)
