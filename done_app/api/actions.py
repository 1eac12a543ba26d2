"""The routes that change a task as a whole: cancel, resume, extend, close, delete."""

from __future__ import annotations

from http import HTTPStatus

from flask_openapi3 import APIBlueprint

from done_app.api.answer_models import Resumed
from done_app.api.answers import GONE, GONE_OR_ENDED
from done_app.api.items import Filler
from done_app.api.models import CloseQuery, ExtendBody, ReportHeader, ResumeQuery, StoredTaskPath, TaskPath
from donebit.completion import lifecycle, listing, resuming
from donebit.completion.listing import Filter
from donebit.completion.resuming import Extension
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.publishing import close, publish_end, request_fan_out, resume
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.answers import Reply, answer
from donebit.web.task_answer import TaskAnswer, task_answer


def add_actions(
    routes: APIBlueprint, store: Store, publisher: Publisher, settings: Settings, filler: Filler
) -> None:
    """Add the routes that change one task, and the one that resumes many."""
    ttls = TaskTtls.from_settings(settings)
    add_bulk_resume(routes, store, publisher, ttls)
    add_extend(routes, store, publisher, settings, filler)
    add_close(routes, store, publisher, settings)

    @routes.post("/tasks/<task_id>/cancel", responses={200: TaskAnswer, **GONE_OR_ENDED})
    def cancel_task(path: TaskPath, header: ReportHeader) -> Reply:
        """Cancel a running task: steps in progress finish, and no further one starts."""
        lifecycle.cancel(store, path.task_id, reply_key=header.idempotency_key)
        publish_end(publisher, path.task_id)
        return answer(task_answer(store, settings, lifecycle.get_task(store, path.task_id)))

    @routes.delete("/tasks/<task_id>", responses={204: None, **GONE})
    def delete_task(path: StoredTaskPath, header: ReportHeader) -> Reply:
        """Delete a task, running or ended."""
        lifecycle.delete(store, path.task_id, reply_key=header.idempotency_key)
        return "", HTTPStatus.NO_CONTENT

    @routes.post("/tasks/<task_id>/resume", responses={200: TaskAnswer, **GONE_OR_ENDED})
    def resume_task(path: TaskPath, header: ReportHeader) -> Reply:
        """Resume a failed, cancelled or stalled task: only its missing and failed steps run again."""
        resume(store, publisher, path.task_id, ttls, reply_key=header.idempotency_key)
        return answer(task_answer(store, settings, lifecycle.get_task(store, path.task_id)))


def add_extend(
    routes: APIBlueprint, store: Store, publisher: Publisher, settings: Settings, filler: Filler
) -> None:
    """Add the route that gives a task more steps."""

    @routes.post("/tasks/<task_id>/extend", responses={200: TaskAnswer, **GONE_OR_ENDED})
    def extend_task(path: TaskPath, body: ExtendBody, header: ReportHeader) -> Reply:
        """Add steps to a running task; they start immediately.

        Give the new total as `count`, how many more as `add`, or the `items` of the new steps. With `from`,
        nothing changes if the task has another count: 409.
        """
        task_id, key = path.task_id, header.idempotency_key
        if body.items is None:
            wanted = Extension(body.count, body.add, body.from_)
            most = settings.max_steps
            task, before = resuming.extend(store, task_id, wanted, max_steps=most, reply_key=key)
        elif body.count is None and body.add is None and body.items:
            task, before = filler.add(
                task_id, body.items, expected=body.from_, only_open=False, reply_key=key
            )
        else:
            raise InvalidInput("an extension takes one of count, add, and some items", field="items")
        request_fan_out(publisher, task, first=before)
        return answer(task_answer(store, settings, lifecycle.get_task(store, path.task_id)))


def add_close(routes: APIBlueprint, store: Store, publisher: Publisher, settings: Settings) -> None:
    """Add the route that closes an open task."""

    @routes.post("/tasks/<task_id>/close", responses={200: TaskAnswer, **GONE_OR_ENDED})
    def close_task(path: TaskPath, query: CloseQuery, header: ReportHeader) -> Reply:
        """Close an open task: it takes no more steps, and ends once all it has are done or failed.

        With `count`, nothing changes if the task has another count: 409.
        """
        close(store, publisher, path.task_id, expected=query.count, reply_key=header.idempotency_key)
        return answer(task_answer(store, settings, lifecycle.get_task(store, path.task_id)))


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
