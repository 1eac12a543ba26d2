"""What the answers of done_app's routes have in common."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from done_app.api.answer_models import StepAnswer
from donebit.completion.failing import Failure
from donebit.completion.reporting import Report
from donebit.web.problems import documented

GONE = documented(HTTPStatus.NOT_FOUND)
GONE_OR_ENDED = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


def step_answer(task_id: str, outcome: Report) -> StepAnswer:
    """The answer to a report of one step."""
    return StepAnswer(fresh=bool(outcome.fresh), **report_fields(task_id, outcome))


def report_fields(task_id: str, outcome: Report | Failure) -> dict[str, Any]:
    """The fields that every answer to a report has."""
    return {
        "task_id": task_id,
        "completed_task": outcome.completed_task,
        "state": outcome.state,
        "done_steps": outcome.done_steps,
        "count": outcome.count,
    }
