"""A task as answers and pages show it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from donebit import clock
from donebit.completion.task import Task
from donebit.priority import Priority


class TaskSummary(BaseModel):
    """A task in a list, and in live events."""

    task_id: str = Field(examples=["9f2c41d07a3b"])
    job: str | None = Field(examples=["demo"])
    label: str | None = None
    count: int = Field(examples=[10])
    done_steps: int = Field(examples=[4])
    failed_steps: int = Field(examples=[0])
    state: str = Field(examples=["running"])
    stalled: bool = Field(
        description="the sweep has given up sending its missing steps; resume sends them again"
    )
    paused: bool = Field(
        description="no further step of it is begun until it is resumed; its state stays running"
    )
    progress: float = Field(description="0 to 1", examples=[0.4])
    created_at: str = Field(examples=["2026-11-21T03:04:05.678Z"])
    ended_at: str | None = Field(description="when it became done, failed or cancelled; null: it runs")
    last_progress_at: str = Field(description="when a step was last reported, or the task was started")
    announced_at: str | None = Field(description="when the deliveries of its end were stored; null: not yet")
    priority: Priority = Field(description="of its steps among all that wait for workers")
    open: bool = Field(description="it takes more steps, and cannot end, until it is closed")

    @classmethod
    def of(cls, task: Task) -> TaskSummary:
        return cls(
            task_id=task.id,
            job=task.spec.job,
            label=task.spec.label,
            count=task.count,
            done_steps=task.done_steps,
            failed_steps=task.failed_steps,
            state=task.state,
            stalled=task.stalled,
            paused=task.paused,
            progress=round(task.done_steps / task.count, 4) if task.count else float(task.ended),
            created_at=clock.iso(task.created_at),
            ended_at=clock.iso(task.ended_at) if task.ended_at else None,
            last_progress_at=clock.iso(task.last_progress_at),
            announced_at=clock.iso(task.announced_at) if task.announced_at else None,
            priority=task.spec.priority,
            open=task.open,
        )
