"""One task opened: its bitmap, what the rule says of it, its life, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from donebit import publishing
from donebit.completion import failing, lifecycle, resuming
from donebit.completion.task import Task, TaskSnapshot
from donebit.completion.ttls import TaskTtls
from donebit.errors import InvalidInput, NotFound
from donebit.store import keys
from donebit.web.listener import Table
from donebit.web.task_answer import FIRST_RANGES, Range, task_answer
from trigger_app.pages import cells
from trigger_app.pages.fragments import fragment
from trigger_app.pages.life import timeline_of
from trigger_app.pages.problems import wants_page
from trigger_app.pages.view import PageContext, View, attempt, count_asked, page_route

FAILURES = 20  # on a page
LARGE = 200_000  # steps; the map of more than these takes all of the width, so that each has a pixel
PARTS = ("facts", "rule", "steps", "life")


def add_routes(routes: Blueprint, ground: PageContext) -> None:
    add_pages(routes, ground)
    add_buttons(routes, ground)


def add_pages(routes: Blueprint, ground: PageContext) -> None:
    """The task, and the question that a dialog asks."""

    @routes.get("/tasks/<task_id>")
    @page_route(ground.settings)
    def task(task_id: str) -> ResponseReturnValue:
        now, away = attempt(
            lambda: page_parts(ground, lifecycle.get_task(ground.store, task_id), failures_after())
        )
        return render_template(
            "task.html",
            here="/",
            away=away,
            task_id=task_id,
            **now or {"task": None},
            max_steps=ground.settings.max_steps,
            paged=failures_after() > 0,
            large=LARGE,
        )

    @routes.get("/tasks/<task_id>/<any(cancel, delete, extend):asked>")
    @page_route(ground.settings)
    def ask(task_id: str, asked: str) -> ResponseReturnValue:
        """What a dialog asks, for browsers where no script opens one."""
        task, away = attempt(lambda: lifecycle.get_task(ground.store, task_id).task)
        return render_template(
            "ask.html",
            here="/",
            away=away,
            task_id=task_id,
            asked=asked,
            task=task,
            max_steps=ground.settings.max_steps,
        )


def add_buttons(routes: Blueprint, ground: PageContext) -> None:
    """What the buttons send."""

    @routes.post("/tasks/<task_id>/resume")
    def resume(task_id: str) -> ResponseReturnValue:
        publishing.resume(ground.store, ground.publisher, task_id, TaskTtls.from_settings(ground.settings))
        return changed(task_id)

    @routes.post("/tasks/<task_id>/cancel")
    def cancel(task_id: str) -> ResponseReturnValue:
        lifecycle.cancel(ground.store, task_id)
        publishing.publish_end(ground.publisher, task_id)
        return changed(task_id)

    @routes.post("/tasks/<task_id>/extend")
    def extend(task_id: str) -> ResponseReturnValue:
        most = ground.settings.max_steps
        found, before = resuming.extend(ground.store, task_id, count_asked(most), max_steps=most)
        publishing.request_fan_out(ground.publisher, found, first=before)
        return changed(task_id)

    @routes.post("/tasks/<task_id>/delete")
    def delete(task_id: str) -> ResponseReturnValue:
        lifecycle.delete(ground.store, task_id)
        return changed("")


def failures_after() -> int:
    """The step that a page of failures begins at."""
    asked = request.args.get("failures", "0")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 12 else 0


def changed(task_id: str) -> ResponseReturnValue:
    """Back to the page, or nothing for a script, which hears of the change by the stream."""
    if not wants_page():
        return "", HTTPStatus.NO_CONTENT
    return redirect(f"/tasks/{task_id}" if task_id else "/", HTTPStatus.SEE_OTHER)


def page_parts(ground: PageContext, sight: TaskSnapshot, after: int = 0) -> dict[str, Any]:
    """What the page's parts are drawn from."""
    task = task_answer(ground.store, ground.settings, sight)
    return {
        "task": task,
        "age_seconds": int(task.last_progress_age_seconds),
        "why": task.why[0].upper() + task.why[1:],
        "unnamed": unnamed(sight.task, task.missing),
        "key": keys.bitmap(task.task_id),
        "failures": failing.list_failures(ground.store, sight.task, after=after, limit=FAILURES),
        "life": timeline_of(sight.task, task.deliveries),
        "done_port": ground.settings.done_port,
        "after": after,
    }


def unnamed(task: Task, missing: Sequence[Range]) -> int:
    """How many steps are missing beside those of the first ranges, which were read a moment later."""
    named = sum(stop - start for start, stop in missing)
    return max(0, task.missing_steps - named) if len(missing) == FIRST_RANGES else 0


def read_parts(ground: PageContext, about: str, before: Table) -> Table:
    """The parts as they are now, and the cells of the bitmap."""
    try:
        sight = lifecycle.get_task(ground.store, about)
        now = page_parts(ground, sight)
    except (NotFound, InvalidInput):
        return {"gone": {"gone": True}}
    parts = {part: fragment(part, **now) for part in PARTS}
    return {**parts, **cells.changed_cells(ground.store, sight, before)}


VIEW = View("task", "/tasks/", "", add_routes, read_parts)
