"""The requests and answers of done_app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from flask_openapi3 import MediaType
from pydantic import BaseModel, ConfigDict, Field

from donebit.completion.lifecycle import STEPS_A_REPORT
from donebit.web.models import WRITTEN, Integer, Name, Request, matching
from donebit.web.task_answer import Range
from donebit.web.task_summary import TaskSummary
from donebit.web.workers_summary import LineSummary

LARGEST_STEP = 2**32 - 1
Step = Annotated[Integer, Field(ge=0, le=LARGEST_STEP)]
WrittenStep = Annotated[int, Field(ge=0, le=LARGEST_STEP), WRITTEN]
KEY = r"^[\x21-\x7e]{1,200}$"


IdempotencyKey = Annotated[
    str,
    matching(KEY, "1 to 200 of the visible characters of ASCII"),
    Field(json_schema_extra={"pattern": KEY}),
]


CURSOR = r"^[0-9]{1,17}-[A-Za-z0-9._-]{1,100}$"
Cursor = Annotated[
    str,
    matching(CURSOR, "the `next` of an earlier page"),
    Field(json_schema_extra={"pattern": CURSOR}),
]


class TaskPath(Request):
    task_id: Name


class StepPath(TaskPath):
    n: WrittenStep


class ReportHeader(Request):
    model_config = ConfigDict(extra="ignore")

    idempotency_key: Annotated[
        IdempotencyKey | None,
        Field(alias="Idempotency-Key", description="The same again: the same answer"),
    ] = None


class StepsBody(Request):
    """Steps that are done; ranges are half open."""

    steps: Annotated[list[Step], Field(default_factory=list, max_length=STEPS_A_REPORT, examples=[[1, 5, 7]])]
    ranges: Annotated[
        list[tuple[Step, Annotated[Integer, Field(ge=1, le=LARGEST_STEP)]]],
        Field(default_factory=list, max_length=STEPS_A_REPORT, examples=[[[100, 200]]]),
    ]


class FailureBody(Request):
    """A step that gave up, and why."""

    step: Step
    error: Annotated[str, Field(max_length=10_000, description="the first 500 characters are kept")] = ""


class ExtendBody(Request):
    count: Annotated[
        Integer, Field(description="the new total of steps; 1 to MAX_STEPS", examples=[200], ge=1)
    ]


class ResumeQuery(Request):
    label: Name | None = None
    limit: Annotated[int, Field(ge=1, le=500), WRITTEN] = 100
    cursor: Annotated[Cursor | None, Field(description="`next` of the previous answer")] = None


class ExampleQuery(Request):
    taskId: Name  # noqa: N815 - the example project's names
    stepNumber: WrittenStep  # noqa: N815 - the same


class ListQuery(Request):
    state: Literal["running", "done", "failed", "cancelled"] | None = None
    label: Name | None = None
    limit: Annotated[int, Field(ge=1, le=500), WRITTEN] = 50
    cursor: Annotated[Cursor | None, Field(description="`next` of the previous page")] = None


class EventsQuery(Request):
    label: Annotated[Name | None, Field(description="only tasks with this label")] = None


LINE_ID = r"^[0-9]{1,19}-[0-9]{1,19}$"
LineId = Annotated[
    str,
    matching(LINE_ID, "the id of a line, such as 1795230245678-0"),
    Field(json_schema_extra={"pattern": LINE_ID}),
]


class LogQuery(Request):
    """Which of the workers' lines."""

    task: Annotated[Name | None, Field(description="only those about this task")] = None
    limit: Annotated[
        int,
        Field(ge=1, le=1000, description="a stream begins with so many, or with all after `after`"),
        WRITTEN,
    ] = 100
    after: Annotated[LineId | None, Field(description="only later lines; `next` of the answer before")] = None


class LogAnswer(BaseModel):
    # Of the events there is no schema: it would be taken for one of each.
    model_config = {"openapi_extra": {"content": {"text/event-stream": MediaType()}}}  # type: ignore[typeddict-unknown-key]  # flask-openapi3's own

    lines: list[LineSummary] = Field(description="the oldest first")
    next: str = Field(
        examples=["1795230245678-0"], description="`after` of the next request: goes on from here"
    )


class MissingQuery(Request):
    after: Annotated[WrittenStep, Field(description="`next` of the page before")] = 0
    limit: Annotated[int, Field(ge=1, le=10_000), WRITTEN] = 1000


class MissingAnswer(BaseModel):
    missing_steps: int = Field(examples=[3])
    ranges: Sequence[Range] = Field(examples=[[[0, 2], [7, 8]]], description="half open, ascending")
    next: int | None = Field(description="the step to go on from, if there are more ranges")


class StepFailure(BaseModel):
    """A step that gave up."""

    step: int = Field(examples=[17])
    attempts: int = Field(examples=[3], description="15 for more")
    error: str | None = Field(examples=["ValueError: no such picture"], description="null: not kept")


class FailuresAnswer(BaseModel):
    failed_steps: int = Field(examples=[1])
    failures: list[StepFailure]
    next: int | None = Field(description="the step to go on from, if there are more")


class Resumed(BaseModel):
    resumed: list[str] = Field(description="the tasks that run again")
    next: str | None = Field(description="the cursor to go on from, if there may be more")


class TaskList(BaseModel):
    tasks: list[TaskSummary]
    next: str | None


class StepAnswer(BaseModel):
    task_id: str
    fresh: bool
    completed_task: bool
    state: str
    done_steps: int
    count: int


class StepsAnswer(BaseModel):
    task_id: str
    fresh: int = Field(description="how many are newly done")
    completed_task: bool
    state: str
    done_steps: int
    count: int
