"""The routes through which callers report steps that ran elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_openapi3 import APIBlueprint

from done_app.api.answer_models import StepAnswer, StepsAnswer
from done_app.api.answers import GONE, report_fields, step_answer
from done_app.api.models import ExampleQuery, ReportHeader, StepPath, TaskPath
from done_app.api.report_models import FailureBody, StepsBody
from done_app.api.results import RESULT_BODY, sent_result, sent_results
from donebit.completion import failing, reporting, results
from donebit.completion.reporting import Report
from donebit.completion.results import Pair
from donebit.config import Settings
from donebit.errors import InvalidInput
from donebit.publishing import publish_end
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.access import task_nonce
from donebit.web.answers import Reply, answer
from donebit.web.origin import changes_state


@dataclass(frozen=True, slots=True)
class Reports:
    """Records reports, and has the end announced that one leads to."""

    store: Store
    publisher: Publisher
    settings: Settings

    def record(
        self,
        task_id: str,
        steps: Sequence[int] = (),
        ranges: Sequence[tuple[int, int]] = (),
        key: str | None = None,
        found: Sequence[Pair] = (),
    ) -> Report:
        """Record steps and ranges, and further steps with their results."""
        if found:
            most, runs = self.settings.max_result_bytes, results.runs_of(found)
            outcome = reporting.report_results(
                self.store, task_id, runs, steps, ranges, max_bytes=most, nonce=task_nonce(), reply_key=key
            )
        else:
            outcome = reporting.report(self.store, task_id, steps, ranges, nonce=task_nonce(), reply_key=key)
        if outcome.completed_task:
            publish_end(self.publisher, task_id)
        return outcome


def add_reports(routes: APIBlueprint, reports: Reports) -> None:
    """Add the routes that report steps as done."""

    @routes.put(
        "/tasks/<task_id>/steps/<n>", responses={200: StepAnswer, **GONE}, openapi_extensions=RESULT_BODY
    )
    def mark_step(path: StepPath, header: ReportHeader) -> Reply:
        """Mark a step done, and keep its result if the body has one.

        A step that was done before (`fresh` is false) keeps the result that it has, or none.
        """
        result = sent_result(reports.settings)
        found = [] if result is None else [(path.n, result)]
        steps, key = [] if found else [path.n], header.idempotency_key
        outcome = reports.record(path.task_id, steps, key=key, found=found)
        return answer(step_answer(path.task_id, outcome))

    @routes.post("/tasks/<task_id>/steps", responses={200: StepsAnswer, **GONE})
    def mark_steps(path: TaskPath, body: StepsBody, header: ReportHeader) -> Reply:
        """Mark many steps done, some with their results: all of them, or none if one is refused."""
        if not body.steps and not body.ranges and not body.results:
            raise InvalidInput("a report must name at least one step or range", field="steps")
        found = sent_results(body.results, reports.settings)
        outcome = reports.record(path.task_id, body.steps, body.ranges, header.idempotency_key, found)
        return answer(StepsAnswer(fresh=outcome.fresh, **report_fields(path.task_id, outcome)))

    @routes.get("/done", responses={200: StepAnswer, **GONE}, operation_id="done_get")
    @routes.post("/done", responses={200: StepAnswer, **GONE}, operation_id="done_post")
    @changes_state()
    def mark_example_step(query: ExampleQuery) -> Reply:
        """Mark a step done, with task and step in the query."""
        outcome = reports.record(query.taskId, [query.stepNumber])
        return answer(step_answer(query.taskId, outcome))


def add_failures(routes: APIBlueprint, store: Store, publisher: Publisher) -> None:
    """Add the route that reports a step as failed."""

    @routes.post("/tasks/<task_id>/failures", responses={200: StepAnswer, **GONE})
    def fail_step(path: TaskPath, body: FailureBody, header: ReportHeader) -> Reply:
        """Mark a step failed for good: it will not be tried again."""
        key = header.idempotency_key
        outcome = failing.fail(store, path.task_id, body.step, body.error, nonce=task_nonce(), reply_key=key)
        if outcome.completed_task:
            publish_end(publisher, path.task_id)
        return answer(StepAnswer(fresh=outcome.gave_up, **report_fields(path.task_id, outcome)))
