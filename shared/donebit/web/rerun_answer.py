"""The task that was started to run another one again, as both services answer it."""

from __future__ import annotations

from http import HTTPStatus

from pydantic import BaseModel, Field

from donebit.completion.lifecycle import Started
from donebit.web.answers import Reply, answer


class RerunStarted(BaseModel):
    task_id: str = Field(description="of the new task", examples=["9f2c41d07a3b.1c3f0e0b8f6d"])
    rerun_of: str = Field(description="the task that it runs again", examples=["9f2c41d07a3b"])
    count: int = Field(examples=[10])
    job: str | None = Field(examples=["demo"])
    state: str = Field(examples=["running"])
    queued: bool | None = Field(
        description="false: the broker is away, and the sweep sends the steps later; "
        "null: there is no job, or no step, or the task existed"
    )


def rerun_reply(started: Started, rerun_of: str, queued: bool | None) -> Reply:  # noqa: FBT001 - a field
    """Answer 202 for a new task, 200 for one that the same Idempotency-Key has started before."""
    task = started.task
    body = RerunStarted(
        task_id=task.id,
        rerun_of=rerun_of,
        count=task.count,
        job=task.spec.job,
        state=task.state,
        queued=queued,
    )
    return answer(body, HTTPStatus.ACCEPTED if started.fresh else HTTPStatus.OK)
