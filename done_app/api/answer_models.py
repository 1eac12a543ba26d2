"""The answers of done_app, as its OpenAPI document describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_openapi3 import MediaType
from pydantic import BaseModel, Field

from done_app.api.models import EXAMPLE_ID
from donebit.clock import iso
from donebit.completion.failing import GivenUp
from donebit.completion.failure_groups import Example, FailureGroup
from donebit.web.task_answer import Range
from donebit.web.task_summary import TaskSummary
from donebit.web.workers_summary import LineSummary


class LogAnswer(BaseModel):
    # The event stream has no schema here: tools would take it for the schema of a single event.
    model_config = {"openapi_extra": {"content": {"text/event-stream": MediaType()}}}  # type: ignore[typeddict-unknown-key]  # flask-openapi3's own

    lines: list[LineSummary] = Field(description="oldest first")
    next: str = Field(
        json_schema_extra={"example": "1795230245678-0"},
        description="pass as `after` to get only later lines",
    )


class MissingAnswer(BaseModel):
    missing_steps: int = Field(json_schema_extra={"example": 3})
    ranges: Sequence[Range] = Field(
        json_schema_extra={"example": [[0, 2], [7, 8]]}, description="half open, ascending"
    )
    next: int | None = Field(description="`after` of the next page; null on the last")


class ItemAnswer(BaseModel):
    """The input of one step."""

    step: int = Field(json_schema_extra={"example": 3})
    item: Any = Field(json_schema_extra={"example": "d.txt"})


class ItemsAdded(BaseModel):
    task_id: str
    added: int = Field(description="how many items the request has", json_schema_extra={"example": 2})
    count: int = Field(description="how many steps the task has now", json_schema_extra={"example": 4})


class ResultAnswer(BaseModel):
    """What one step returned."""

    step: int = Field(json_schema_extra={"example": 3})
    result: Any = Field(json_schema_extra={"example": 5})


class ResultRunAnswer(BaseModel):
    """What consecutive steps returned."""

    first: int = Field(json_schema_extra={"example": 3}, description="the first of the steps")
    results: list[Any] = Field(json_schema_extra={"example": [5, 7]})


class ResultsAnswer(BaseModel):
    # As lines there is no schema here: tools would take it for the schema of a single line.
    model_config = {"openapi_extra": {"content": {"application/x-ndjson": MediaType()}}}  # type: ignore[typeddict-unknown-key]  # flask-openapi3's own

    results: list[ResultAnswer] = Field(default=[], description="in the order of the steps")
    runs: list[ResultRunAnswer] = Field(default=[], description="in place of `results`, with `?runs=1`")
    without: int = Field(
        json_schema_extra={"example": 0}, description="how many of the task's done steps have no result"
    )
    next: int | None = Field(description="`after` of the next page; null on the last")


class StepFailure(BaseModel):
    """A step that failed for the last time."""

    step: int = Field(json_schema_extra={"example": 17})
    attempts: int = Field(json_schema_extra={"example": 3}, description="at most 15 are counted")
    error: str | None = Field(
        json_schema_extra={"example": "ValueError: no such picture"},
        description="the last error; null if it was not kept",
    )

    item: Any = Field(
        default=None,
        json_schema_extra={"example": "d.txt"},
        description="the step's input, if it has one; null for one above 4096 characters of JSON",
    )

    @classmethod
    def from_step(cls, step: GivenUp, items: Mapping[int, object]) -> StepFailure:
        item = {"item": items[step.step]} if step.step in items else {}
        return cls(step=step.step, attempts=step.attempts, error=step.error, **item)


class FailuresAnswer(BaseModel):
    failed_steps: int = Field(json_schema_extra={"example": 1})
    failures: list[StepFailure]
    next: int | None = Field(description="`after` of the next page; null on the last")


class ExampleAttempt(BaseModel):
    """A failed attempt with its traceback."""

    step: int = Field(json_schema_extra={"example": 17})
    error: str = Field(json_schema_extra={"example": "ValueError: picture 17 is empty"})
    traceback: str = Field(description="without its middle if it is longer than 4000 characters")

    @classmethod
    def of(cls, example: Example) -> ExampleAttempt:
        return cls(step=example.step, error=example.error, traceback=example.traceback)


class GroupAnswer(BaseModel):
    """The steps that gave up for one reason."""

    group: str = Field(json_schema_extra={"example": "1c7de33b"}, description="the same in every task")
    error: str = Field(
        json_schema_extra={"example": "ValueError: picture <n> is empty"},
        description="the first line of the error, without numbers and ids",
    )
    steps: int = Field(json_schema_extra={"example": 37})
    ranges: Sequence[Range] = Field(description="the first ten ranges of these steps, half open")
    attempts: int | None = Field(
        json_schema_extra={"example": 111},
        description="attempts in this run that failed so, of other steps too; null if not counted",
    )
    first_at: str | None = Field(description="when the first attempt failed so; null if not kept")
    last_at: str | None = Field(description="when the last one did; null if not kept")
    example: ExampleAttempt | None = Field(
        description="the last attempt that failed so; null if its traceback was not kept"
    )

    @classmethod
    def of(cls, group: FailureGroup) -> GroupAnswer:
        return cls(
            group=group.id,
            error=group.error,
            steps=group.steps,
            ranges=group.ranges,
            attempts=group.attempts,
            first_at=None if group.first_at is None else iso(group.first_at),
            last_at=None if group.last_at is None else iso(group.last_at),
            example=ExampleAttempt.of(group.example) if group.example else None,
        )


class GroupsAnswer(BaseModel):
    failed_steps: int = Field(json_schema_extra={"example": 37})
    groups: list[GroupAnswer] = Field(description="the largest first")


class RetryAnswer(BaseModel):
    task_id: str
    retried: int = Field(description="how many steps are tried again", json_schema_extra={"example": 37})
    state: str
    failed_steps: int = Field(description="steps that stay given up", json_schema_extra={"example": 1})


class Resumed(BaseModel):
    resumed: list[str] = Field(
        description="ids of the tasks that run again", json_schema_extra={"example": [EXAMPLE_ID]}
    )
    next: str | None = Field(description="`cursor` of the next request; null when no failed tasks are left")


class TaskList(BaseModel):
    tasks: list[TaskSummary] = Field(description="newest first")
    next: str | None = Field(description="`cursor` of the next page; null on the last")


class StepAnswer(BaseModel):
    task_id: str
    fresh: bool = Field(description="whether the step was not done (or had not failed) before")
    completed_task: bool = Field(description="whether this report ended the task")
    state: str
    done_steps: int
    count: int


class StepsAnswer(BaseModel):
    task_id: str
    fresh: int = Field(description="how many steps are newly done")
    completed_task: bool = Field(description="whether this report ended the task")
    state: str
    done_steps: int
    count: int
