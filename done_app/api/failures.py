"""The routes about steps that gave up: which, for what reason, and trying them again."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint

from done_app.api.answer_models import FailuresAnswer, GroupAnswer, GroupsAnswer, RetryAnswer, StepFailure
from done_app.api.answers import GONE, GONE_OR_ENDED
from done_app.api.models import FailuresQuery, ReportHeader, TaskPath
from done_app.api.report_models import RetryBody
from donebit.completion import failing, failure_groups, items, lifecycle
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.publishing import retry
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.answers import Reply, answer
from donebit.web.quotas import admit_again


def add_failure_reads(routes: APIBlueprint, store: Store) -> None:
    """Add the routes that list failed steps, one by one and by their error."""

    @routes.get("/tasks/<task_id>/failures", responses={200: FailuresAnswer, **GONE})
    def show_failures(path: TaskPath, query: FailuresQuery) -> Reply:
        """List the failed steps of a task with their attempts and last errors."""
        task = lifecycle.get_task(store, path.task_id).task
        page = failing.list_failures(store, task, after=query.after, limit=query.limit, group=query.group)
        shown = items.shown_items(store, task, [one.step for one in page.failures])
        failures = [StepFailure.from_step(one, shown) for one in page.failures]
        found = FailuresAnswer(failed_steps=task.failed_steps, failures=failures, next=page.next)
        return answer(found, exclude_unset=True)

    @routes.get("/tasks/<task_id>/failures/groups", responses={200: GroupsAnswer, **GONE})
    def show_failure_groups(path: TaskPath) -> Reply:
        """Group the failed steps of a task by their error, without its numbers and ids, the largest first."""
        task = lifecycle.get_task(store, path.task_id).task
        groups = [GroupAnswer.of(group) for group in failure_groups.list_groups(store, task)]
        return answer(GroupsAnswer(failed_steps=task.failed_steps, groups=groups))


def add_retry(routes: APIBlueprint, store: Store, publisher: Publisher, settings: Settings) -> None:
    """Add the route that tries some failed steps again."""
    ttls = TaskTtls.from_settings(settings)

    @routes.post("/tasks/<task_id>/retry", responses={200: RetryAnswer, **GONE_OR_ENDED})
    def retry_steps(path: TaskPath, body: RetryBody, header: ReportHeader) -> Reply:
        """Try failed steps of a failed or running task again: those of a group, or steps and ranges.

        The other failed steps stay so; `resume` tries all of them again.
        """
        key = header.idempotency_key
        admit_again(path.task_id)
        retried = retry(store, publisher, path.task_id, body.as_chosen(), ttls, reply_key=key)
        task = lifecycle.get_task(store, path.task_id).task
        return answer(
            RetryAnswer(task_id=task.id, retried=retried, state=task.state, failed_steps=task.failed_steps)
        )
