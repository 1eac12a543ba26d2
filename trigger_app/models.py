"""The requests and answers of trigger_app."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from shared.config import LARGEST_TASK
from shared.web.models import WRITTEN, Integer, Name, Number, Request

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


class TaskBody(Request):
    """A task to start. Without a job nothing is fanned out: the caller reports the steps to done_app."""

    count: Count
    job: Name | None = None
    params: Annotated[dict[str, Any], Field(default_factory=dict, examples=[{"sleep_ms": 100}])]
    task_id: Name | None = None
    label: Name | None = None
    batch: Annotated[Integer | None, Field(ge=1, description="steps a message")] = None
    stall_after: Annotated[Number | None, Field(ge=1, le=30 * 86400, description="seconds")] = None


class TaskStarted(BaseModel):
    task_id: str = Field(examples=["9f2c41d07a3b"])
    count: int = Field(examples=[10])
    job: str | None = Field(examples=["demo"])
    state: str = Field(examples=["running"])
    queued: bool | None = Field(
        description="false: the broker is away, the sweep fans it out later; null: nothing to fan out"
    )
