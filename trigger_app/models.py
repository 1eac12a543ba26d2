"""The requests and answers of trigger_app."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from donebit.completion.ttls import LONGEST_ENDED_TTL
from donebit.config import LARGEST_TASK
from donebit.priority import Priority
from donebit.web.models import (
    WRITTEN,
    IdempotencyKey,
    Integer,
    Name,
    Number,
    Request,
    RequestHeaders,
    key_header,
)
from donebit.webhook_policy import MAX_URL_LENGTH

LONGEST_SECONDS = LONGEST_ENDED_TTL.total_seconds()

# The domain checks it: how large it may be is a setting, within these bounds.
STEPS = Field(
    description="how many steps; 0 to MAX_STEPS. A task of 0 is done at once.",
    json_schema_extra={"minimum": 0, "maximum": LARGEST_TASK, "example": 10},
)
Count = Annotated[Integer, STEPS]
WrittenCount = Annotated[int, STEPS, WRITTEN]


class DoneQuery(Request):
    count: WrittenCount
    sleep_ms: Annotated[
        int,
        Field(
            ge=0,
            le=60_000,
            description="milliseconds that a step sleeps at most",
            json_schema_extra={"example": 20},
        ),
        WRITTEN,
    ] = 100


class DistinctQuery(Request):
    count: WrittenCount


End = Literal["done", "failed", "cancelled", "first_failure"]
AnyEnd = Annotated[
    list[End],
    Field(
        default_factory=lambda: ["done", "failed", "cancelled"],
        min_length=1,
        max_length=4,
        description="what is reported: ends, or the first failure of a run; all ends when left out",
    ),
]


class WebhookBody(Request):
    """A signed request (Standard Webhooks), retried for a week until it is accepted."""

    url: Annotated[
        str,
        Field(
            max_length=MAX_URL_LENGTH,
            description="http or https, to one of WEBHOOK_HOSTS",
            examples=["https://hooks.example.org/donebit"],
        ),
    ]
    on: AnyEnd

    @model_validator(mode="before")
    @classmethod
    def url_alone(cls, value: object) -> object:
        return {"url": value} if isinstance(value, str) else value


class CallbackBody(Request):
    """A Celery function of yours, named in CALLBACKS; it is called with the announcement of the end."""

    name: Annotated[str, Field(max_length=200, examples=["reports.finished"])]
    on: AnyEnd


class TaskRequest(Request):
    """A task to start. Without a job no steps are sent: the caller reports them to done_app."""

    count: Annotated[
        Count | None,
        Field(
            description="how many steps; 0 to MAX_STEPS. A task of 0 is done at once, unless it is open. "
            "Only an open task may leave it out, and a `then`, which has one step then."
        ),
    ] = None
    job: Annotated[Name | None, Field(description="a registered job; null: report the steps yourself")] = None
    params: Annotated[
        dict[str, Any],
        Field(default_factory=dict, description="the job's parameters", examples=[{"sleep_ms": 100}]),
    ]
    label: Annotated[Name | None, Field(description="to find the task by", examples=["nightly"])] = None
    batch: Annotated[Integer | None, Field(ge=1, description="steps per message")] = None
    stall_after: Annotated[
        Number | None,
        Field(
            ge=1,
            le=LONGEST_SECONDS,
            description="resend missing steps after this many seconds without progress",
        ),
    ] = None
    ended_ttl: Annotated[
        Number | None,
        Field(ge=1, le=LONGEST_SECONDS, description="seconds for which the task is kept after its end"),
    ] = None
    max_concurrency: Annotated[
        Integer | None,
        Field(ge=1, le=10_000, description="how many of its steps may run at once on all workers together"),
    ] = None
    priority: Annotated[
        Priority | None,
        Field(
            description="high: its steps do not wait for those of normal tasks; when left out, as the job "
            "has it, or normal",
            examples=["high"],
        ),
    ] = None
    fail_fast: Annotated[
        bool,
        Field(
            strict=True,
            description="the first step that fails for good cancels the others, and the task ends as failed",
        ),
    ] = False
    webhook: WebhookBody | None = None
    callback: CallbackBody | None = None
    then: NextBody | None = None
    open: Annotated[
        bool,
        Field(strict=True, description="it takes more steps, and cannot end, until it is closed"),
    ] = False


class NextBody(TaskRequest):
    """The task to start when this one has ended."""

    on: Annotated[
        list[End],
        Field(
            default_factory=lambda: ["done"],
            min_length=1,
            max_length=4,
            description="after which ends it starts, or after the first failure; done when left out",
        ),
    ]


class TaskBody(TaskRequest):
    """A task to start, under an id of its own."""

    # `examples`, which JSON Schema has instead, is dropped by flask-openapi3.
    model_config = ConfigDict(
        json_schema_extra={
            "example": {"count": 10, "job": "demo", "params": {"sleep_ms": 100}, "label": "nightly"}
        }
    )

    items: Annotated[
        list[Any] | None,
        Field(
            description="the input of each step, any JSON values; `count` follows. With `open`, more can be "
            "added, and no step runs before the task is closed"
        ),
    ] = None
    task_id: Annotated[
        Name | None, Field(description="made when left out; the same again is the same task")
    ] = None


class StartHeader(RequestHeaders):
    idempotency_key: IdempotencyKey | None = key_header(
        "repeating a request without a `task_id` with the same key finds the task that the first one "
        "started, while its record is kept; each token has keys of its own",
        "order-7",
    )


class RerunPath(Request):
    task_id: Annotated[
        Name, Field(description="the task to run again", json_schema_extra={"example": "9f2c41d07a3b"})
    ]


class RerunHeader(RequestHeaders):
    idempotency_key: IdempotencyKey | None = key_header(
        "repeating a request with the same key finds the task that the first one started", "again-7"
    )


class RerunBody(Request):
    """What the new task has in place of what the old one had. The body may be left out."""

    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]  # flask-openapi3's own

    params: Annotated[
        dict[str, Any],
        Field(
            default_factory=dict,
            description="parameters to change; the others stay",
            examples=[{"sleep_ms": 50}],
        ),
    ]
    label: Annotated[Name | None, Field(description="another label; null for the same")] = None

    @model_validator(mode="before")
    @classmethod
    def absent(cls, value: object) -> object:
        return {} if value is None and not request.get_data() else value


class TaskStarted(BaseModel):
    task_id: str = Field(examples=["9f2c41d07a3b"])
    count: int = Field(examples=[10])
    job: str | None = Field(examples=["demo"])
    state: str = Field(examples=["running"])
    queued: bool | None = Field(
        description="false: the broker is away, and the sweep sends the steps later; "
        "null: there is no job, or no step"
    )
    report_token: str | None = Field(
        default=None,
        exclude_if=lambda token: token is None,
        description="good for reporting this task's steps and failures to done_app, and for nothing else; "
        "the same for the same task. Left out where no token is asked for",
    )
