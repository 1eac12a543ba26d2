"""The workers and their log lines as answers and pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from donebit import clock
from donebit.queue import QUEUES
from donebit.workers.log import LogLine
from donebit.workers.presence import Heal, Presence, ProcessActivity, Worker

TIME = "2026-11-21T03:04:05.678Z"
Range = Annotated[Sequence[int], Field(min_length=2, max_length=2)]


class AtWorkSummary(BaseModel):
    """What one process of a worker is doing."""

    pid: int = Field(examples=[4243])
    task_id: str | None = Field(examples=["9f2c41d07a3b"], description="null: it is idle")
    ranges: Sequence[Range] = Field(
        examples=[[[120, 240]]],
        description="its first three ranges of steps, half open; none: it is sending the task's steps",
    )
    steps: int = Field(examples=[120], description="steps in all its ranges")
    since: str | None = Field(examples=[TIME])

    @classmethod
    def of(cls, at: ProcessActivity) -> AtWorkSummary:
        return cls(pid=at.pid, task_id=at.task_id, ranges=at.ranges, steps=at.steps, since=_iso(at.since))


class WorkerSummary(BaseModel):
    """A worker: the process that takes messages, and the processes of its pool, which run steps."""

    worker: str = Field(examples=["web-1:4242-9f2c41"])
    host: str = Field(examples=["web-1"])
    pid: int = Field(examples=[4242])
    processes: int = Field(examples=[8], description="processes that run steps")
    queues: Sequence[str] = Field(
        examples=[list(QUEUES)],
        description="queues it takes messages from",
    )
    alive: bool = Field(
        description="seen within 6 s; a worker that stopped normally is not listed, a lost one is listed "
        "for ten minutes"
    )
    since: str = Field(examples=[TIME])
    last_seen: str = Field(examples=[TIME])
    at: Sequence[AtWorkSummary] = Field(description="its processes; of a lost worker, when last seen")
    jobs: Sequence[str] | None = Field(
        examples=[["demo", "visit"]], description="that it can run; null: it is of an earlier version"
    )

    @classmethod
    def of(cls, worker: Worker, now: datetime) -> WorkerSummary:
        return cls(
            worker=worker.name,
            host=worker.host,
            pid=worker.pid,
            processes=worker.processes,
            queues=worker.queues,
            alive=worker.alive(now),
            since=clock.iso(worker.since),
            last_seen=clock.iso(worker.last_seen),
            at=[AtWorkSummary.of(one) for one in worker.activities],
            jobs=worker.jobs,
        )


class QueueLength(BaseModel):
    queue: str = Field(examples=["donebit.slices"])
    messages: int = Field(examples=[17], description="messages that wait for a worker")


class HealSummary(BaseModel):
    """Missing steps that the sweep resent."""

    task_id: str = Field(examples=["9f2c41d07a3b"])
    at: str = Field(examples=[TIME])
    steps: int = Field(examples=[40])

    @classmethod
    def of(cls, heal: Heal) -> HealSummary:
        return cls(task_id=heal.task_id, at=clock.iso(heal.at), steps=heal.steps)


class SweepSummary(BaseModel):
    """The sweep, which looks after the open tasks."""

    last_seen: str | None = Field(examples=[TIME], description="null: not within a minute")
    open_tasks: int = Field(examples=[3], description="tasks that it looks after")
    heals: int = Field(examples=[1], description="resends within a day")
    last_heals: Sequence[HealSummary] = Field(description="the newest first")


class WorkersSummary(BaseModel):
    """The workers at one moment."""

    workers: Sequence[WorkerSummary]
    queues: Sequence[QueueLength] | None = Field(description="null: the broker does not say")
    in_hand: int | None = Field(
        examples=[8],
        description="messages that workers have taken and not finished; null: the broker is not REDIS_URL",
    )
    steps_per_second: float = Field(examples=[123.4], description="by workers, over the last minute")
    steps_by_second: Sequence[int] = Field(
        examples=[[0, 118, 131]], description="the last 60 full seconds, the oldest first"
    )
    sweep: SweepSummary

    @classmethod
    def of(cls, presence: Presence, now: datetime) -> WorkersSummary:
        queues = [QueueLength(queue=name, messages=n) for name, n in presence.queues.items()]
        return cls(
            workers=[WorkerSummary.of(worker, now) for worker in presence.workers],
            queues=queues or None,
            in_hand=presence.in_hand,
            steps_per_second=round(presence.steps_per_second, 1),
            steps_by_second=presence.steps_by_second,
            sweep=SweepSummary(
                last_seen=_iso(presence.last_sweep),
                open_tasks=presence.open_tasks,
                heals=presence.heals,
                last_heals=[HealSummary.of(heal) for heal in presence.last_heals],
            ),
        )


class LineSummary(BaseModel):
    """One line of a worker's log."""

    id: str = Field(examples=["1795230245678-0"], description="later lines have greater ones")
    at: str = Field(examples=[TIME])
    level: str = Field(examples=["info"], description="debug, info, warning, error or critical")
    worker: str = Field(examples=["web-1:4242-9f2c41"])
    pid: int = Field(examples=[4243], description="process that wrote it")
    task_id: str | None = Field(examples=["9f2c41d07a3b"], description="task it is about; null: none")
    step: int | None = Field(examples=[None], description="step of the task it is about; null: none")
    text: str = Field(
        examples=["task 9f2c41d07a3b has 4000 of 10000 steps done"],
        description="with the traceback, if there is one; of a long one the middle is left out",
    )

    @classmethod
    def of(cls, line: LogLine) -> LineSummary:
        return cls(
            id=line.id,
            at=clock.iso(line.at),
            level=line.level,
            worker=line.worker,
            pid=line.pid,
            task_id=line.task_id,
            step=line.step,
            text=line.text,
        )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else clock.iso(moment)
