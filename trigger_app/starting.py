"""Starts the tasks that are asked for over HTTP or with the form of the dashboard."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from http import HTTPStatus

from donebit.completion import lifecycle
from donebit.completion.items import check_size
from donebit.completion.lifecycle import PackedItems, check_count
from donebit.completion.spec import TaskSpec
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.publishing import publish_start
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.answers import Reply, answer
from trigger_app.models import TaskBody, TaskStarted
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

    def start_body(self, body: TaskBody) -> StartedTask:
        """Start the task that a request body asks for, with its items. Raises as `start`."""
        spec = spec_of(body, self.settings.stall_after)
        check_count(spec.count, self.settings.max_steps)
        jobs = self.checker.jobs  # an unknown one is refused below, after what weighs more
        items = pack_items(body, jobs.find(body.job) if body.job and body.job in jobs else None)
        if items is None:
            return self.start(spec, body.task_id)
        check_size(items.size, self.settings.max_items_bytes)
        return self.start(replace(spec, items=items.digest), body.task_id, items)

    def start(
        self, spec: TaskSpec, task_id: str | None = None, items: PackedItems | None = None
    ) -> StartedTask:
        """Start a task, or find the one that already has this id and the same specification.

        Raises:
            InvalidInput: no worker could run it.
            Conflict: another task has this id.
        """
        self.checker.check(spec)
        ttls = TaskTtls.from_settings(self.settings)
        started = lifecycle.start(
            self.store, spec, task_id=task_id, ttls=ttls, max_steps=self.settings.max_steps, items=items
        )
        task = started.task
        queued = publish_start(self.publisher, task) if started.fresh else None
        if started.fresh:
            log.info(
                "task %s is started: %d steps of %s", task.id, task.count, spec.job or "the caller's own"
            )
        body = TaskStarted(task_id=task.id, count=task.count, job=spec.job, state=task.state, queued=queued)
        return StartedTask(body, started.fresh)

    def start_job(self, count: int, job: str, params: dict[str, int]) -> StartedTask:
        return self.start(TaskSpec(count, job, params, stall_after=self.settings.stall_after))
