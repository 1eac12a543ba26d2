"""The routes that change a task as a whole: cancel, pause, resume, extend, delete."""

from __future__ import annotations

from http import HTTPStatus

from flask_openapi3 import APIBlueprint

from done_app.api.answer_models import Resumed
from done_app.api.answers import GONE, GONE_OR_ENDED
from done_app.api.models import ExtendBody, ReportHeader, ResumeQuery, StoredTaskPath, TaskPath
from donebit.completion import lifecycle, listing, rerunning, resuming
from donebit.completion.listing import Filter
from donebit.completion.resuming import Extension
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.errors import Conflict, NotFound
from donebit.publishing import publish_end, publish_start, request_fan_out, resume
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web import audit
from donebit.web.answers import Reply, answer
from donebit.web.quotas import current_quotas
from donebit.web.rerun_answer import RerunStarted, rerun_reply
from donebit.web.task_answer import TaskAnswer, task_answer


def add_actions(routes: APIBlueprint, store: Store, publisher: Publisher, settings: Settings) -> None:
    """Add the routes that change one task, and the one that resumes many."""
    ttls = TaskTtls.from_settings(settings)
    add_bulk_resume(routes, store, publisher, ttls)
    add_extend(routes, store, publisher, settings)
    add_rerun(routes, store, publisher, settings)

    @routes.post("/tasks/<task_id>/cancel", responses={200: TaskAnswer, **GONE_OR_ENDED})
    def cancel_task(path: TaskPath, header: ReportHeader) -> Reply:
        """Cancel a running task: steps in progress finish, and no further one starts."""
        lifecycle.cancel(store, path.task_id, reply_key=header.idempotency_key)
        publish_end(publisher, path.task_id)
        return answer(task_answer(store, settings, lifecycle.get_task(store, path.task_id)))

    @routes.post("/tasks/<task_id>/pause", responses={200: TaskAnswer, **GONE_OR_ENDED})
    def pause_task(path: TaskPath, header: ReportHeader) -> Reply:
        """Pause a running task: steps in progress finish, and no further one starts until it is resumed.

        Its state stays `running`, with `paused` true. Reports from elsewhere count, and may end it.
        """
        lifecycle.pause(store, path.task_id, reply_key=header.idempotency_key)
        return answer(task_answer(store, settings, lifecycle.get_task(store, path.task_id)))

    @routes.delete("/tasks/<task_id>", responses={204: None, **GONE})
    def delete_task(path: StoredTaskPath, header: ReportHeader) -> Reply:
        """Delete a task, running or ended."""
        lifecycle.delete(store, path.task_id, reply_key=header.idempotency_key)
        return "", HTTPStatus.NO_CONTENT

    @routes.post("/tasks/<task_id>/resume", responses={200: TaskAnswer, **GONE_OR_ENDED})
    def resume_task(path: TaskPath, header: ReportHeader) -> Reply:
        """Resume a failed, cancelled, stalled or paused task: only its missing steps are sent again.

        Steps that gave up run again too, unless the task was paused or stalled.
        """
        resume(store, publisher, path.task_id, ttls, reply_key=header.idempotency_key)
        return answer(task_answer(store, settings, lifecycle.get_task(store, path.task_id)))


def add_extend(routes: APIBlueprint, store: Store, publisher: Publisher, settings: Settings) -> None:
    """Add the route that gives a task more steps."""

    @routes.post("/tasks/<task_id>/extend", responses={200: TaskAnswer, **GONE_OR_ENDED})
    def extend_task(path: TaskPath, body: ExtendBody, header: ReportHeader) -> Reply:
        """Add steps to a running task; they start immediately.

        Give the new total as `count`, or how many more as `add`. With `from`, nothing changes if the task has
        another count: 409.
        """
        task, before = resuming.extend(
            store,
            path.task_id,
            Extension(body.count, body.add, body.from_),
            max_steps=settings.max_steps,
            reply_key=header.idempotency_key,
        )
        request_fan_out(publisher, task, first=before)
        return answer(task_answer(store, settings, lifecycle.get_task(store, path.task_id)))


def add_rerun(routes: APIBlueprint, store: Store, publisher: Publisher, settings: Settings) -> None:
    """Add the route that runs a task again, as a new one."""
    ttls = TaskTtls.from_settings(settings)

    @routes.post("/tasks/<task_id>/rerun", responses={200: RerunStarted, 202: RerunStarted, **GONE})
    def rerun_task(path: TaskPath, header: ReportHeader) -> Reply:
        """Run a task again: start a new one with its order, while its record is kept.

        With trigger_app's route of this name, parameters can be changed.
        """
        task, key = rerunning.get_order(store, path.task_id), header.idempotency_key
        current_quotas().admit_task(rerunning.next_id(task, key))
        started = rerunning.rerun(
            store,
            task,
            rerunning.spec_again(task),
            ttls=ttls,
            max_steps=settings.max_steps,
            reply_key=key,
        )
        if started.fresh:
            audit.name(f"task {task.id}", f"as task {started.task.id}")
        return rerun_reply(
            started, task.id, publish_start(publisher, started.task) if started.fresh else None
        )


def add_bulk_resume(routes: APIBlueprint, store: Store, publisher: Publisher, ttls: TaskTtls) -> None:
    """Add the route that resumes many tasks."""

    @routes.post("/resume", responses={200: Resumed})
    def resume_tasks(query: ResumeQuery) -> Reply:
        """Resume many failed tasks, newest first, all or those with a label.

        Repeat with `cursor` set to `next` until `next` is null.
        """
        page = listing.list_tasks(
            store, Filter(State.FAILED, query.label), limit=query.limit, cursor=query.cursor
        )
        resumed = [task.id for task in page.tasks if try_resume(store, publisher, task, ttls)]
        if resumed:
            labelled = f" of the label {query.label}" if query.label else ""
            audit.name(f"{len(resumed)} failed tasks{labelled}", " ".join(resumed))
        return answer(Resumed(resumed=resumed, next=page.next))


def try_resume(store: Store, publisher: Publisher, task: Task, ttls: TaskTtls) -> bool:
    """Resume a task that was failed when it was listed.

    Returns:
        False when it has been resumed or deleted since.
    """
    try:
        resume(store, publisher, task.id, ttls)
    except (Conflict, NotFound):
        return False
    return True
