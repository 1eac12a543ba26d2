"""What the services answer about a task, as the clients return it."""

from __future__ import annotations

from typing import TypedDict


class Task(TypedDict):
    """A task as `GET /tasks/{id}` answers it; the answer may have more fields than these."""

    task_id: str
    job: str | None
    count: int
    done_steps: int
    failed_steps: int
    state: str  # running, done, failed or cancelled
    stalled: bool
    paused: bool
    progress: float  # 0 to 1
    created_at: str  # ISO 8601, UTC
    ended_at: str | None
    last_progress_at: str
    missing: list[list[int]]  # the first missing steps, as half-open ranges
    results: int  # how many of its steps have one
    open: bool  # it takes more steps, and cannot end, until it is closed
    priority: str  # normal or high: of its steps among all that wait for workers
    messages_sent: int  # for its steps, in this run


class Report(TypedDict):
    """The result of reporting steps."""

    task_id: str
    fresh: int  # how many of the steps were not done before
    completed_task: bool  # whether this report ended the task
    state: str
    done_steps: int
    count: int
