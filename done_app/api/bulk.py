"""The route that acts on many tasks, and the one that it replaces."""

from __future__ import annotations

import time
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask_openapi3 import APIBlueprint

from done_app.api.answer_models import Resumed
from done_app.api.bulk_models import ActionAnswer, ActionBody, SkippedAnswer
from done_app.api.models import ReportHeader, ResumeQuery
from donebit.access.roles import Role
from donebit.activity.periods.calendar import Calendar
from donebit.completion import bulk, lifecycle, rerunning
from donebit.completion.bulk import Action, TasksMeant
from donebit.completion.listing import Filter
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.errors import Conflict, InvalidInput, NotFound, QuotaExceeded
from donebit.publishing import publish_end, publish_start, resume
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web import audit
from donebit.web.access import refuse_below
from donebit.web.answers import Reply, answer
from donebit.web.quotas import current_quotas

WITHIN_SECONDS = 10.0
NOT_REACHED = f"not reached within {WITHIN_SECONDS:g} s; send the request again"


@dataclass(frozen=True, slots=True)
class Actor:
    """Does an action to tasks, one after the other."""

    store: Store
    publisher: Publisher
    settings: Settings

    def act(self, action: Action, task: Task, reply_key: str | None) -> str | None:
        """Do an action to one task, and return the id of the task that it started, if it starts one."""
        match action:
            case Action.CANCEL:
                lifecycle.cancel(self.store, task.id, reply_key=reply_key)
                publish_end(self.publisher, task.id)
            case Action.DELETE:
                lifecycle.delete(self.store, task.id, reply_key=reply_key)
            case Action.PAUSE:
                lifecycle.pause(self.store, task.id, reply_key=reply_key)
            case Action.RESUME:
                ttls = TaskTtls.from_settings(self.settings)
                resume(self.store, self.publisher, task.id, ttls, reply_key=reply_key)
            case Action.RERUN:
                return self.rerun(task, reply_key)
        return None

    def rerun(self, task: Task, reply_key: str | None) -> str:
        current_quotas().admit_task(rerunning.next_id(task, reply_key))
        started = rerunning.rerun(
            self.store,
            task,
            rerunning.spec_again(task),
            ttls=TaskTtls.from_settings(self.settings),
            max_steps=self.settings.max_steps,
            reply_key=reply_key,
        )
        if started.fresh:
            publish_start(self.publisher, started.task)
        return started.task.id

    def act_on_all(self, action: Action, found: TasksMeant, reply_key: str | None) -> ActionAnswer:
        """Do an action to all that were selected; those that have changed meanwhile are skipped.

        So are those that would start one task more than may be open, and those that it does not come to in
        time: without a broker each takes most of a second.
        """
        until = time.monotonic() + WITHIN_SECONDS
        changed: list[str] = []
        started: list[str] = []
        skipped = _skipped(found)
        for task in found.tasks:
            if time.monotonic() >= until:
                skipped.append(SkippedAnswer(task_id=task.id, detail=NOT_REACHED))
                continue
            try:
                new = self.act(action, task, reply_key)
            except (Conflict, NotFound, InvalidInput, QuotaExceeded) as error:
                skipped.append(SkippedAnswer(task_id=task.id, detail=error.detail))
                continue
            changed.append(task.id)
            started += [new] if new else []
        return ActionAnswer(
            action=action,
            dry_run=False,
            changed=len(changed),
            tasks=changed,
            started=started,
            skipped=skipped,
            next=found.next,
        )


def _skipped(found: TasksMeant) -> list[SkippedAnswer]:
    return [SkippedAnswer(task_id=one.task_id, detail=one.why) for one in found.skipped]


def name_in_audit(done: ActionAnswer) -> None:
    """Have the audit list what was done to which tasks, if it was to any."""
    if done.changed:
        audit.name(f"{done.changed} tasks", f"{done.action}: {' '.join(done.tasks)}")


def dry_run(action: Action, found: TasksMeant) -> ActionAnswer:
    """Answer what an action would be done to."""
    ids = [task.id for task in found.tasks]
    return ActionAnswer(
        action=action,
        dry_run=True,
        changed=len(ids),
        tasks=ids,
        started=[],
        skipped=_skipped(found),
        next=found.next,
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
            return answer(dry_run(body.action, found))
        done = actor.act_on_all(body.action, found, header.idempotency_key)
        name_in_audit(done)
        return answer(done)


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
        name_in_audit(done)
        return answer(Resumed(resumed=done.tasks, next=done.next))
