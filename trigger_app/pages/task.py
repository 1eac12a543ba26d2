"""The page of one task: its bitmap, the completion check, its timeline, and its buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from donebit import publishing
from donebit.completion import items, lifecycle, resuming
from donebit.completion.resuming import Extension
from donebit.completion.task import Task, TaskSnapshot
from donebit.completion.ttls import TaskTtls
from donebit.errors import InvalidInput, NotFound
from donebit.web.listener import Table
from donebit.web.quotas import admit_again
from donebit.web.task_answer import FIRST_RANGES, Range, task_answer
from trigger_app.models import RerunBody
from trigger_app.pages import cells, failures
from trigger_app.pages.changes import changed
from trigger_app.pages.fragments import fragment
from trigger_app.pages.job_forms import json_object
from trigger_app.pages.timeline import timeline_of
from trigger_app.pages.view import PageContext, View, attempt, count_asked, page_route, redirect_to

LARGE = 200_000  # steps; the map of more than these takes all of the width, so that each has a pixel
PARTS = ("facts", "rule", "steps", "timeline")


def add_routes(routes: Blueprint, context: PageContext) -> None:
    add_pages(routes, context)
    add_buttons(routes, context)


def add_pages(routes: Blueprint, context: PageContext) -> None:
    """Add the task's page, and the confirmations as pages of their own."""

    @routes.get("/tasks/<task_id>")
    @page_route(context.settings)
    def task(task_id: str) -> ResponseReturnValue:
        now, away = attempt(lambda: opened(context, lifecycle.get_task(context.store, task_id)))
        return render_template(
            "task.html",
            here="/",
            away=away,
            task_id=task_id,
            **now or {"task": None},
            max_steps=context.settings.max_steps,
            paged=failures_after() > 0 or failures.group_asked() is not None,
            large=LARGE,
        )

    @routes.get("/tasks/<task_id>/<any(cancel, delete, extend):action>")
    @page_route(context.settings)
    def ask(task_id: str, action: str) -> ResponseReturnValue:
        """Ask for confirmation where no script opens a dialog."""
        task, away = attempt(lambda: lifecycle.get_task(context.store, task_id).task)
        return render_template(
            "ask.html",
            here="/",
            away=away,
            task_id=task_id,
            action=action,
            task=task,
            max_steps=context.settings.max_steps,
        )


def add_buttons(routes: Blueprint, context: PageContext) -> None:
    """Add the addresses that the buttons are sent to."""

    @routes.post("/tasks/<task_id>/resume")
    def resume(task_id: str) -> ResponseReturnValue:
        admit_again(task_id)
        publishing.resume(context.store, context.publisher, task_id, TaskTtls.from_settings(context.settings))
        return changed(task_id)

    @routes.post("/tasks/<task_id>/pause")
    def pause(task_id: str) -> ResponseReturnValue:
        lifecycle.pause(context.store, task_id)
        return changed(task_id)

    @routes.post("/tasks/<task_id>/cancel")
    def cancel(task_id: str) -> ResponseReturnValue:
        lifecycle.cancel(context.store, task_id)
        publishing.publish_end(context.publisher, task_id)
        return changed(task_id)

    @routes.post("/tasks/<task_id>/extend")
    def extend(task_id: str) -> ResponseReturnValue:
        most = context.settings.max_steps
        wanted = Extension(count_asked(most))
        found, before = resuming.extend(context.store, task_id, wanted, max_steps=most)
        publishing.request_fan_out(context.publisher, found, first=before)
        return changed(task_id)

    add_button_again(routes, context)
    add_button_close(routes, context)
    failures.add_button(routes, context)

    @routes.post("/tasks/<task_id>/delete")
    def delete(task_id: str) -> ResponseReturnValue:
        lifecycle.delete(context.store, task_id)
        return changed("")


def add_button_close(routes: Blueprint, context: PageContext) -> None:
    """Add the address that closes an open task."""

    @routes.post("/tasks/<task_id>/close")
    def close(task_id: str) -> ResponseReturnValue:
        publishing.close(context.store, context.publisher, task_id)
        return changed(task_id)


def add_button_again(routes: Blueprint, context: PageContext) -> None:
    """Add the address that starts a task with the order of an old one, or with changes to it."""

    @routes.post("/tasks/<task_id>/again")
    def again(task_id: str) -> ResponseReturnValue:
        asked = {
            "params": json_object(request.form.get("params", "")),
            "label": request.form.get("label", "").strip() or None,
        }
        started, _ = context.starter.rerun(task_id, RerunBody.model_validate(asked))
        return redirect_to(f"/tasks/{started.task.id}")


def failures_after() -> int:
    """Return the step at which the page of failures begins."""
    first = request.args.get("failures", "0")
    return int(first) if first.isascii() and first.isdigit() and len(first) < 12 else 0


def opened(context: PageContext, snapshot: TaskSnapshot) -> dict[str, Any]:
    """Return the variables of a page that is opened."""
    group = failures.group_asked()
    parts = page_parts(context, snapshot, failures_after(), group)
    return parts | failures.group_parts(context.store, snapshot.task, group)


def page_parts(
    context: PageContext, snapshot: TaskSnapshot, after: int = 0, group: str | None = None
) -> dict[str, Any]:
    """Return the variables from which the parts of the page are drawn."""
    task = task_answer(context.store, context.settings, snapshot)
    page = failures.listed(context.store, snapshot.task, after, group)
    failed = [one.step for one in page.failures]
    return {
        "task": task,
        "age_seconds": int(task.last_progress_age_seconds),
        "why": task.why[0].upper() + task.why[1:],
        "unnamed": unnamed(snapshot.task, task.missing),
        "key": context.store.keys.bitmap(task.task_id),
        "failures": page,
        "failed_items": items.shown_items(context.store, snapshot.task, failed),
        "timeline": timeline_of(snapshot.task, task.deliveries),
        "done_port": context.settings.done_port,
        "after": after,
    }


def unnamed(task: Task, missing: Sequence[Range]) -> int:
    """Count the missing steps beyond the first ranges, which were read a moment later than the task."""
    named = sum(stop - start for start, stop in missing)
    return max(0, task.missing_steps - named) if len(missing) == FIRST_RANGES else 0


def read_parts(context: PageContext, about: str, before: Table) -> Table:
    """Draw the parts as they are now, and read the cells of the bitmap."""
    try:
        snapshot = lifecycle.get_task(context.store, about)
        now = page_parts(context, snapshot)
    except (NotFound, InvalidInput):
        return {"gone": {"gone": True}}
    parts = {part: fragment(part, root=context.settings.trigger_prefix, **now) for part in PARTS}
    parts["groups"] = failures.groups_message(context, snapshot.task, before, **now)
    parts["trouble"] = failures.trouble_message(context, snapshot.task, before)
    return {**parts, **cells.changed_cells(context.store, snapshot, before)}


VIEW = View("task", "/tasks/", "", add_routes, read_parts, failures.last_reads)
