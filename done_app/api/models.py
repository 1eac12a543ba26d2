"""The requests of done_app, as its OpenAPI document describes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from donebit.activity.periods.calendar import Calendar, refuse_backwards
from donebit.completion.failure_groups import LONGEST_TEXT
from donebit.completion.listing import Filter
from donebit.completion.state import State
from donebit.web.models import (
    ENTRY,
    WRITTEN,
    IdempotencyKey,
    Integer,
    Moment,
    Name,
    Request,
    RequestHeaders,
    StoredName,
    at_most,
    key_header,
    matching,
    of_entry,
)

LARGEST_STEP = 2**32 - 1
Step = Annotated[Integer, Field(ge=0, le=LARGEST_STEP)]
WrittenStep = Annotated[int, Field(ge=0, le=LARGEST_STEP), WRITTEN]

EXAMPLE_ID = "9f2c41d07a3b"
EXAMPLE_CURSOR = f"1795230245678000-{EXAMPLE_ID}"
CURSOR = r"^[0-9]{1,17}-[A-Za-z0-9._-]{1,100}$"
Cursor = Annotated[
    str,
    matching(CURSOR, "the `next` of an earlier page"),
    Field(json_schema_extra={"pattern": CURSOR}),
]


GROUP = r"^[0-9a-f]{8}$"
GroupId = Annotated[
    str,
    matching(GROUP, "the id of a group of failures"),
    Field(json_schema_extra={"pattern": GROUP}),
]
LabelFilter = Annotated[
    Name | None, Field(description="only tasks with this label", json_schema_extra={"example": "nightly"})
]


ErrorText = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_TEXT, json_schema_extra={"pattern": r"\S"}),
    matching(r"(?s).*\S.*", "a text with more than spaces in it"),
]


class TaskPath(Request):
    task_id: Annotated[Name, Field(description="the task's id", json_schema_extra={"example": EXAMPLE_ID})]


class StoredTaskPath(Request):
    task_id: Annotated[
        StoredName, Field(description="the task's id", json_schema_extra={"example": EXAMPLE_ID})
    ]


class StepPath(TaskPath):
    n: Annotated[WrittenStep, Field(description="the step, from 0", json_schema_extra={"example": 3})]


class DeliveryPath(TaskPath):
    kind: Annotated[
        Literal["webhook", "callback", "then"],
        Field(description="by what its end is delivered", json_schema_extra={"example": "then"}),
    ]


class RunQuery(Request):
    run: Annotated[
        int | None,
        Field(
            ge=1,
            description="of which run the end is; the latest that has such a delivery if left out",
            json_schema_extra={"example": 1},
        ),
        WRITTEN,
    ] = None


class ReportHeader(RequestHeaders):
    idempotency_key: IdempotencyKey | None = key_header(
        "repeating a request with the same key within an hour changes nothing more", "report-7"
    )


class ExtendBody(Request):
    """More steps for a running task: one of `count`, `add` and `items`."""

    count: Annotated[
        Integer | None, Field(description="the new total number of steps, at most MAX_STEPS", ge=1)
    ] = None
    add: Annotated[
        Integer | None,
        Field(description="how many steps to add", json_schema_extra={"example": 5}, ge=1),
    ] = None
    items: Annotated[
        list[Any] | None, Field(description="of the steps to add, for a task whose steps have items")
    ] = None
    from_: Annotated[
        Integer | None,
        Field(alias="from", description="the count that the task must have; 409 if it has another", ge=0),
    ] = None


class CloseQuery(Request):
    count: Annotated[
        int | None,
        Field(
            ge=0,
            description="the count that the task must have; 409 if it has another",
            json_schema_extra={"example": 200},
        ),
        WRITTEN,
    ] = None


class ResumeQuery(Request):
    label: LabelFilter = None
    limit: Annotated[int, at_most(500, "how many tasks"), WRITTEN] = 100
    cursor: Annotated[
        Cursor | None,
        Field(
            description="`next` of the previous answer",
            json_schema_extra={"example": EXAMPLE_CURSOR},
        ),
    ] = None


class ExampleQuery(Request):
    taskId: Annotated[  # noqa: N815 - the example project's name
        Name, Field(description="the task's id", json_schema_extra={"example": EXAMPLE_ID})
    ]
    stepNumber: Annotated[  # noqa: N815 - the example project's name
        WrittenStep, Field(description="the step, from 0", json_schema_extra={"example": 3})
    ]


class TaskFilter(Request):
    """Which tasks are meant: those that match all that is given."""

    state: Annotated[
        Literal["running", "done", "failed", "cancelled"] | None,
        Field(description="only tasks in this state", json_schema_extra={"example": "failed"}),
    ] = None
    label: LabelFilter = None
    job: Annotated[
        Name | None, Field(description="only tasks of this job", json_schema_extra={"example": "demo"})
    ] = None
    prefix: Annotated[
        Name | None,
        Field(description="only tasks whose id begins so", json_schema_extra={"example": "9f2c"}),
    ] = None
    error: Annotated[
        ErrorText | None,
        Field(
            description="only tasks with failed steps and an error that has this text, in capitals or not; "
            "numbers and ids in it stand for any",
            json_schema_extra={"example": "ValueError: no such picture"},
        ),
    ] = None
    from_: Annotated[
        Moment | None,
        Field(
            alias="from",
            description="only tasks created then or later; a date is a day of the site's zone",
            json_schema_extra={"example": "2026-11-20"},
        ),
    ] = None
    to: Annotated[
        Moment | None,
        Field(
            description="only tasks created before; a date is the start of that day",
            json_schema_extra={"example": "2026-11-21T12:00:00Z"},
        ),
    ] = None

    def as_filter(self, calendar: Calendar) -> Filter:
        """The filter, with the moments that a day of this calendar begins at.

        Raises:
            InvalidInput: `from` or `to` is no moment, or no moment is between them.
        """
        start = None if self.from_ is None else calendar.moment(self.from_, "from")
        stop = None if self.to is None else calendar.moment(self.to, "to")
        if start and stop:
            refuse_backwards(start, stop)
        return Filter(
            State(self.state) if self.state else None,
            self.label,
            job=self.job,
            prefix=self.prefix,
            error=self.error,
            created_from=start,
            created_before=stop,
        )


class ListQuery(TaskFilter):
    limit: Annotated[int, at_most(500, "how many tasks", example=20), WRITTEN] = 50
    cursor: Annotated[
        Cursor | None,
        Field(
            description="`next` of the previous page",
            json_schema_extra={"example": EXAMPLE_CURSOR},
        ),
    ] = None


class EventsQuery(Request):
    label: LabelFilter = None


class LogQuery(Request):
    """Which of the workers' log lines to answer."""

    task: Annotated[
        Name | None,
        Field(description="only lines about this task", json_schema_extra={"example": EXAMPLE_ID}),
    ] = None
    step: Annotated[
        WrittenStep | None,
        Field(
            description="only lines about this step, of `task` or of any: what it logged, its failures, and "
            "its end where each step has a line",
            json_schema_extra={"example": 3},
        ),
    ] = None
    level: Annotated[
        Literal["warning"] | None,
        Field(
            description="only warnings and errors; not of a stream, and `after` is of such an answer",
            json_schema_extra={"example": "warning"},
        ),
    ] = None
    limit: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="how many lines at most; a stream with `after` begins with all later ones",
            json_schema_extra={"example": 50},
        ),
        WRITTEN,
    ] = 100
    after: Annotated[
        Annotated[str, of_entry("a line")] | None,
        Field(
            description="only lines after this one: `next` of the previous answer", json_schema_extra=ENTRY
        ),
    ] = None


class MissingQuery(Request):
    after: Annotated[
        WrittenStep,
        Field(description="the first step: `next` of the previous page", json_schema_extra={"example": 0}),
    ] = 0
    limit: Annotated[int, at_most(10_000, "how many entries", example=100), WRITTEN] = 1000


class FailuresQuery(MissingQuery):
    group: Annotated[
        GroupId | None,
        Field(
            description="only steps of this group, as /failures/groups lists them",
            json_schema_extra={"example": "1c7de33b"},
        ),
    ] = None
