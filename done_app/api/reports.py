"""The routes through which callers report steps that ran elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from flask_openapi3 import APIBlueprint

from done_app.api.answer_models import StepAnswer, StepsAnswer
from done_app.api.answers import GONE, report_fields
from done_app.api.models import ExampleQuery, FailureBody, ReportHeader, StepPath, StepsBody, TaskPath
from donebit.completion import failing, reporting
from donebit.completion.reporting import Report
from donebit.errors import InvalidInput
from donebit.publishing import publish_end
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.answers import Reply, answer
from donebit.web.origin import changes_state


def add_reports(routes: APIBlueprint, store: Store, publisher: Publisher) -> None:
    """Add the routes that report steps as done."""

    def report(
        task_id: str,
        steps: Sequence[int] = (),
        ranges: Sequence[tuple[int, int]] = (),
        key: str | None = None,
    ) -> Report:
        outcome = reporting.report(store, task_id, steps, ranges, reply_key=key)
        if outcome.completed_task:
            publish_end(publisher, task_id)
        return outcome

    @routes.put("/tasks/<task_id>/steps/<n>", responses={200: StepAnswer, **GONE})
    def mark_step(path: StepPath, header: ReportHeader) -> Reply:
        """Mark a step done."""
        outcome = report(path.task_id, [path.n], key=header.idempotency_key)
        return answer(StepAnswer(fresh=bool(outcome.fresh), **report_fields(path.task_id, outcome)))

    @routes.post("/tasks/<task_id>/steps", responses={200: StepsAnswer, **GONE})
    def mark_steps(path: TaskPath, body: StepsBody, header: ReportHeader) -> Reply:
        """Mark many steps done: all of them, or none if one is refused."""
        if not body.steps and not body.ranges:
            raise InvalidInput("a report must name at least one step or range", field="steps")
        outcome = report(path.task_id, body.steps, body.ranges, header.idempotency_key)
        return answer(StepsAnswer(fresh=outcome.fresh, **report_fields(path.task_id, outcome)))

    @routes.get("/done", responses={200: StepAnswer, **GONE}, operation_id="done_get")
    @routes.post("/done", responses={200: StepAnswer, **GONE}, operation_id="done_post")
    @changes_state()
    def mark_example_step(query: ExampleQuery) -> Reply:
        """Mark a step done, with task and step in the query."""
        outcome = report(query.taskId, [query.stepNumber])
        return answer(StepAnswer(fresh=bool(outcome.fresh), **report_fields(query.taskId, outcome)))


def add_failures(routes: APIBlueprint, store: Store, publisher: Publisher) -> None:
    """Add the route that reports a step as failed."""

    @routes.post("/tasks/<task_id>/failures", responses={200: StepAnswer, **GONE})
    def fail_step(path: TaskPath, body: FailureBody, header: ReportHeader) -> Reply:
        """Mark a step failed for good: it will not be tried again."""
        outcome = failing.fail(store, path.task_id, body.step, body.error, reply_key=header.idempotency_key)
        if outcome.completed_task:
            publish_end(publisher, path.task_id)
        return answer(StepAnswer(fresh=outcome.gave_up, **report_fields(path.task_id, outcome)))
