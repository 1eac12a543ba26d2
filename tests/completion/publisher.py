"""An publisher that remembers what a sweep puts into it."""

from __future__ import annotations

from dataclasses import dataclass, field

from donebit.completion.task import Task


@dataclass
class RecordingPublisher:
    announced: list[str] = field(default_factory=list)
    dispatched: list[str] = field(default_factory=list)
    probed: list[Task] = field(default_factory=list)

    def announce(self, task_id: str) -> None:
        self.announced.append(task_id)

    def dispatch(self, task: Task) -> None:
        self.dispatched.append(task.id)

    def probe(self, task: Task) -> None:
        self.probed.append(task)

    @property
    def empty(self) -> bool:
        return not (self.announced or self.dispatched or self.probed)
