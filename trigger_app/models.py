"""The requests and answers of trigger_app."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from donebit.completion.ttls import LONGEST_ENDED_TTL
from donebit.config import LARGEST_TASK
from donebit.web.models import WRITTEN, Integer, Name, Number, Request
from donebit.webhook_policy import MAX_URL_LENGTH

LONGEST_SECONDS = LONGEST_ENDED_TTL.total_seconds()

# The domain checks it: how large it may be is a setting, within these bounds.
STEPS = Field(description="steps; 1 to MAX_STEPS", json_schema_extra={"minimum": 1, "maximum": LARGEST_TASK})
Count = Annotated[Integer, STEPS]
WrittenCount = Annotated[int, STEPS, WRITTEN]


class DoneQuery(Request):
    count: WrittenCount
    sleep_ms: Annotated[int, Field(ge=0, le=60_000, description="a step sleeps up to this long"), WRITTEN] = (
        100
    )


class DistinctQuery(Request):
    count: WrittenCount


End = Literal["done", "failed", "cancelled"]
AnyEnd = Annotated[
    list[End],
    Field(
        default_factory=lambda: ["done", "failed", "cancelled"],
        min_length=1,
        max_length=3,
        description="which ends are told; any of them when left out",
    ),
]


class WebhookBody(Request):
    """A signed request (Standard Webhooks), sent again for a day until it is taken."""

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
    """A Celery function of yours, one of CALLBACKS; it is called with what is told."""

    name: Annotated[str, Field(max_length=200, examples=["reports.finished"])]
    on: AnyEnd


class TaskRequest(Request):
    """A task to start. Without a job nothing is fanned out: the caller reports the steps to done_app."""

    count: Count
    job: Name | None = None
    params: Annotated[dict[str, Any], Field(default_factory=dict, examples=[{"sleep_ms": 100}])]
    label: Name | None = None
    batch: Annotated[Integer | None, Field(ge=1, description="steps a message")] = None
    stall_after: Annotated[Number | None, Field(ge=1, le=LONGEST_SECONDS, description="seconds")] = None
    ended_ttl: Annotated[
        Number | None, Field(ge=1, le=LONGEST_SECONDS, description="seconds that it is kept after its end")
    ] = None
    webhook: WebhookBody | None = None
    callback: CallbackBody | None = None
    then: NextBody | None = None


class NextBody(TaskRequest):
    """The task that is started when this one has ended."""

    on: Annotated[
        list[End],
        Field(
            default_factory=lambda: ["done"],
            min_length=1,
            max_length=3,
            description="which ends it follows; done when left out",
        ),
    ]


class TaskBody(TaskRequest):
    task_id: Name | None = None


class TaskStarted(BaseModel):
    task_id: str = Field(examples=["9f2c41d07a3b"])
    count: int = Field(examples=[10])
    job: str | None = Field(examples=["demo"])
    state: str = Field(examples=["running"])
    queued: bool | None = Field(
        description="false: the broker is away, the sweep fans it out later; null: nothing to fan out"
    )
