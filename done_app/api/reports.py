"""The routes through which steps are reported from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from flask_openapi3 import APIBlueprint

from done_app.api.answers import GONE, common
from done_app.api.models import (
    ExampleQuery,
    FailureBody,
    ReportHeader,
    StepAnswer,
    StepPath,
    StepsAnswer,
    StepsBody,
    TaskPath,
)
from donebit.completion import failing, lifecycle
from donebit.completion.lifecycle import Report
from donebit.errors import InvalidInput
from donebit.publishing import publish_end
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.answers import Reply, answer
from donebit.web.guard import changes_state


def add_reports(routes: APIBlueprint, store: Store, publisher: Publisher) -> None:
    """The routes through which steps are reported."""

    def report(
        task_id: str,
        steps: Sequence[int] = (),
        ranges: Sequence[tuple[int, int]] = (),
        key: str | None = None,
    ) -> Report:
        made = lifecycle.report(store, task_id, steps, ranges, reply_key=key)
        if made.completed_task:
            publish_end(publisher, task_id)
        return made

    @routes.put("/tasks/<task_id>/steps/<n>", responses={200: StepAnswer, **GONE})
    def mark_step(path: StepPath, header: ReportHeader) -> Reply:
        """Step n is done."""
        made = report(path.task_id, [path.n], key=header.idempotency_key)
        return answer(StepAnswer(fresh=bool(made.fresh), **common(path.task_id, made)))

    @routes.post("/tasks/<task_id>/steps", responses={200: StepsAnswer, **GONE})
    def mark_steps(path: TaskPath, body: StepsBody, header: ReportHeader) -> Reply:
        """Many steps are done: all of them are recorded, or none."""
        if not body.steps and not body.ranges:
            raise InvalidInput("a report names at least one step or range", field="steps")
        made = report(path.task_id, body.steps, body.ranges, header.idempotency_key)
        return answer(StepsAnswer(fresh=made.fresh, **common(path.task_id, made)))

    @routes.get("/done", responses={200: StepAnswer, **GONE}, operation_id="done_get")
    @routes.post("/done", responses={200: StepAnswer, **GONE}, operation_id="done_post")
    @changes_state
    def mark_example_step(query: ExampleQuery) -> Reply:
        """A step is done: the example project's call."""
        made = report(query.taskId, [query.stepNumber])
        return answer(StepAnswer(fresh=bool(made.fresh), **common(query.taskId, made)))


def add_failures(routes: APIBlueprint, store: Store, publisher: Publisher) -> None:
    """The route through which steps from elsewhere are given up."""

    @routes.post("/tasks/<task_id>/failures", responses={200: StepAnswer, **GONE})
    def fail_step(path: TaskPath, body: FailureBody, header: ReportHeader) -> Reply:
        """A step gave up."""
        made = failing.fail(store, path.task_id, body.step, body.error, reply_key=header.idempotency_key)
        if made.completed_task:
            publish_end(publisher, path.task_id)
        return answer(StepAnswer(fresh=made.gave_up, **common(path.task_id, made)))
