"""Starts the tasks that are asked for over HTTP or with the form of the dashboard."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from http import HTTPStatus

from donebit.access.report_tokens import ReportTokens
from donebit.completion import changing, lifecycle, rerunning
from donebit.completion.items import check_size
from donebit.completion.lifecycle import PackedItems, Started, check_count
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.errors import Conflict
from donebit.publishing import publish_start
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web import audit
from donebit.web.access import current_caller
from donebit.web.answers import Reply, answer
from donebit.web.quotas import admit_task, note_task
from trigger_app.models import RerunBody, TaskBody, TaskStarted
from trigger_app.orders import Checker, pack_items, spec_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StartedTask:
    """A task that was asked for; `fresh` if this request made it."""

    task: TaskStarted
    fresh: bool

    def reply(self) -> Reply:
        """Answer 202 for a new task, 200 for one that existed already."""
        return answer(self.task, HTTPStatus.ACCEPTED if self.fresh else HTTPStatus.OK)


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts what a request asks for."""

    store: Store
    publisher: Publisher
    checker: Checker
    settings: Settings

    def start_body(self, body: TaskBody, *, reply_key: str | None = None) -> StartedTask:
        """Start the task that a request body asks for, with its items.

        Raises as `start`, and InvalidInput if another request had the same reply key.
        """
        if body.task_id is not None or reply_key is None:
            return self._start_body(body, body.task_id)
        try:
            return self._start_body(body, id_of_key(reply_key))
        except Conflict:
            raise changing.key_reused(reply_key) from None

    def _start_body(self, body: TaskBody, task_id: str | None) -> StartedTask:
        spec = spec_of(body, self.checker.jobs, self.settings.stall_after)
        check_count(spec.count, self.settings.max_steps)
        jobs = self.checker.jobs  # an unknown one is refused below, after what weighs more
        items = pack_items(body, jobs.find(body.job) if body.job and body.job in jobs else None)
        if items is None:
            return self.start(spec, task_id)
        check_size(items.size, self.settings.max_items_bytes)
        return self.start(replace(spec, items=items.digest), task_id, items)

    def start(
        self, spec: TaskSpec, task_id: str | None = None, items: PackedItems | None = None
    ) -> StartedTask:
        """Start a task, or find the one that already has this id and the same specification.

        Raises:
            InvalidInput: no worker could run it.
            Conflict: another task has this id.
            QuotaExceeded: as many tasks are open as may be.
        """
        self.checker.check(spec)
        admit_task(task_id)
        ttls = TaskTtls.from_settings(self.settings)
        started = lifecycle.start(
            self.store, spec, task_id=task_id, ttls=ttls, max_steps=self.settings.max_steps, items=items
        )
        task = started.task
        queued = publish_start(self.publisher, task) if started.fresh else None
        if started.fresh:
            note_task(task.id)
            what = f"{task.count} steps of {spec.job or 'its caller'}"
            log.info("task %s is started: %s", task.id, what)
            audit.name(f"task {task.id}", what)
        body = TaskStarted(
            task_id=task.id,
            count=task.count,
            job=spec.job,
            state=task.state,
            queued=queued,
            report_token=self.report_token(task),
        )
        return StartedTask(body, started.fresh)

    def report_token(self, task: Task) -> str | None:
        """The token to report this task's steps with; None where no token is asked for."""
        secret = self.settings.signing_secret
        return ReportTokens(secret).make(task.id, task.nonce) if secret else None

    def rerun(
        self, task_id: str, body: RerunBody | None = None, *, reply_key: str | None = None
    ) -> tuple[Started, bool | None]:
        """Start a new task with the order of an old one.

        Returns:
            The task, and whether the broker took the request for its steps, as publish_start says.

        Raises:
            NotFound: the order is gone.
            InvalidInput: no worker could run it, or the reply key was used for another request.
            QuotaExceeded: as many tasks are open as may be.
        """
        task = rerunning.get_order(self.store, task_id)
        spec = rerunning.spec_again(task, body.params, body.label) if body else rerunning.spec_again(task)
        self.checker.check(spec, has_parent=task.parent is not None)
        admit_task(rerunning.next_id(task, reply_key))
        started = rerunning.rerun(
            self.store,
            task,
            spec,
            ttls=TaskTtls.from_settings(self.settings),
            max_steps=self.settings.max_steps,
            reply_key=reply_key,
        )
        if not started.fresh:
            return started, None
        note_task(started.task.id)
        log.info("task %s is started: it runs task %s again", started.task.id, task.id)
        audit.name(f"task {task.id}", f"as task {started.task.id}")
        return started, publish_start(self.publisher, started.task)

    def start_job(self, count: int, job: str, params: dict[str, int]) -> StartedTask:
        return self.start(TaskSpec(count, job, params, stall_after=self.settings.stall_after))


def id_of_key(reply_key: str) -> str:
    """The id of the task that requests with an Idempotency-Key start; each token has keys of its own."""
    caller = current_caller()
    return changing.call_token(reply_key, "start", caller.name if caller else None)[: lifecycle.ID_LENGTH]
