"""The routes that change a task as a whole: cancel, pause, resume, extend, close, delete."""

from __future__ import annotations

from http import HTTPStatus

from flask_openapi3 import APIBlueprint

from done_app.api.answers import GONE, GONE_OR_ENDED
from done_app.api.items import Filler
from done_app.api.models import CloseQuery, ExtendBody, ReportHeader, StoredTaskPath, TaskPath
from donebit.completion import lifecycle, rerunning, resuming
from donebit.completion.resuming import Extension
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.errors import InvalidInput
from donebit.publishing import close, publish_end, publish_start, request_fan_out, resume
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web import audit
from donebit.web.answers import Reply, answer
from donebit.web.quotas import admit_again, admit_task, note_task
from donebit.web.rerun_answer import RerunStarted, rerun_reply
from donebit.web.task_answer import TaskAnswer, task_answer


def add_actions(
    routes: APIBlueprint, store: Store, publisher: Publisher, settings: Settings, filler: Filler
) -> None:
    """Add the routes that change one task."""
    ttls = TaskTtls.from_settings(settings)
    add_extend(routes, store, publisher, settings, filler)
    add_rerun(routes, store, publisher, settings)
    add_close(routes, store, publisher, settings)
    add_delete(routes, store)

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

    @routes.post("/tasks/<task_id>/resume", responses={200: TaskAnswer, **GONE_OR_ENDED})
    def resume_task(path: TaskPath, header: ReportHeader) -> Reply:
        """Resume a failed, cancelled, stalled or paused task: only its missing steps are sent again.

        Steps that gave up run again too, unless the task was paused or stalled.
        """
        admit_again(path.task_id)
        resume(store, publisher, path.task_id, ttls, reply_key=header.idempotency_key)
        return answer(task_answer(store, settings, lifecycle.get_task(store, path.task_id)))


def add_delete(routes: APIBlueprint, store: Store) -> None:
    """Add the route that deletes a task."""

    @routes.delete("/tasks/<task_id>", responses={204: None, **GONE})
    def delete_task(path: StoredTaskPath, header: ReportHeader) -> Reply:
        """Delete a task, running or ended."""
        lifecycle.delete(store, path.task_id, reply_key=header.idempotency_key)
        return "", HTTPStatus.NO_CONTENT


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
            raise InvalidInput(
                "one of count, add and items is needed, and only one; items may not be empty", field="items"
            )
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


def add_rerun(routes: APIBlueprint, store: Store, publisher: Publisher, settings: Settings) -> None:
    """Add the route that runs a task again, as a new one."""
    ttls = TaskTtls.from_settings(settings)

    @routes.post("/tasks/<task_id>/rerun", responses={200: RerunStarted, 202: RerunStarted, **GONE})
    def rerun_task(path: TaskPath, header: ReportHeader) -> Reply:
        """Run a task again: start a new one with its order, while its record is kept.

        With trigger_app's route of this name, parameters can be changed.
        """
        task, key = rerunning.get_order(store, path.task_id), header.idempotency_key
        admit_task(rerunning.next_id(task, key))
        started = rerunning.rerun(
            store,
            task,
            rerunning.spec_again(task),
            ttls=ttls,
            max_steps=settings.max_steps,
            reply_key=key,
        )
        if started.fresh:
            note_task(started.task.id)
            audit.name(f"task {task.id}", f"as task {started.task.id}")
        return rerun_reply(
            started, task.id, publish_start(publisher, started.task) if started.fresh else None
        )
