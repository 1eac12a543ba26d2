"""What done_app's routes answer of a task."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from donebit.completion.failing import Failure
from donebit.completion.lifecycle import Report
from donebit.web.problems import documented

GONE = documented(HTTPStatus.NOT_FOUND)
GONE_OR_ENDED = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


def common(task_id: str, made: Report | Failure) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "completed_task": made.completed_task,
        "state": made.state,
        "done_steps": made.done_steps,
        "count": made.count,
    }
