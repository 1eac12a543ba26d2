"""The route that acts on many tasks, and the one that it replaces."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask_openapi3 import APIBlueprint

from done_app.api.answer_models import Resumed
from done_app.api.bulk_models import ActionAnswer, ActionBody, SkippedAnswer
from done_app.api.models import ReportHeader, ResumeQuery
from donebit.access.roles import Role
from donebit.activity.periods.calendar import Calendar
from donebit.completion import bulk
from donebit.completion.bulk import Action
from donebit.completion.listing import Filter
from donebit.completion.state import State
from donebit.config import Settings
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.access import refuse_below
from donebit.web.acting import Acted, Actor
from donebit.web.answers import Reply, answer


def as_answer(action: Action, done: Acted, *, dry_run: bool) -> ActionAnswer:
    """Answer what was done, or would be."""
    return ActionAnswer(
        action=action,
        dry_run=dry_run,
        changed=len(done.changed),
        tasks=done.changed,
        started=done.started,
        skipped=[SkippedAnswer(task_id=one.task_id, detail=one.why) for one in done.skipped],
        next=done.next,
    )


def add_bulk(routes: APIBlueprint, store: Store, publisher: Publisher, settings: Settings) -> None:
    """Add the routes that act on many tasks."""
    actor, calendar = Actor(store, publisher, settings), Calendar(ZoneInfo(settings.zone))
    add_bulk_resume(routes, actor)

    @routes.post("/tasks/actions", responses={200: ActionAnswer})
    def act_on_tasks(body: ActionBody, header: ReportHeader) -> Reply:
        """Cancel, delete, pause, resume or rerun many tasks, by their ids or by a filter.

        To delete takes a token of the role `admin`. Only tasks that the action applies to are counted:
        cancel and pause running ones, resume failed, cancelled, stalled and paused ones, rerun ended ones.
        With `dry_run` nothing changes. Repeat with `cursor` set to `next` until `next` is null.
        """
        if body.action is Action.DELETE:
            refuse_below(Role.ADMIN, "deleting tasks")
        body.check_tasks()
        if body.ids is not None:
            found = bulk.select_by_ids(store, body.action, body.ids)
        else:
            found = bulk.select_by_filter(
                store, body.action, body.as_filter(calendar), limit=body.limit, cursor=body.cursor
            )
        if body.dry_run:
            would = Acted([task.id for task in found.tasks], [], found.skipped, found.next)
            return answer(as_answer(body.action, would, dry_run=True))
        done = actor.act_on_all(body.action, found, header.idempotency_key)
        return answer(as_answer(body.action, done, dry_run=False))


def add_bulk_resume(routes: APIBlueprint, actor: Actor) -> None:
    """Add the route that resumed many tasks before there was another for any action."""

    @routes.post("/resume", responses={200: Resumed}, deprecated=True)
    def resume_tasks(query: ResumeQuery) -> Reply:
        """Resume many failed tasks; `POST /tasks/actions` replaces this route.

        Repeat with `cursor` set to `next` until `next` is null.
        """
        wanted = Filter(State.FAILED, query.label)
        found = bulk.select_by_filter(
            actor.store, Action.RESUME, wanted, limit=query.limit, cursor=query.cursor
        )
        done = actor.act_on_all(Action.RESUME, found, None)
        return answer(Resumed(resumed=done.changed, next=done.next))
