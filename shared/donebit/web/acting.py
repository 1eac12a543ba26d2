"""Does an action to many tasks, one after the other, as a request asks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from donebit.completion import lifecycle, rerunning
from donebit.completion.bulk import Action, Skipped, TasksMeant
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.errors import Conflict, InvalidInput, NotFound, QuotaExceeded
from donebit.publishing import publish_end, publish_start, resume
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web import audit
from donebit.web.quotas import admit_again, admit_task, note_task

WITHIN_SECONDS = 10.0
NOT_REACHED = f"not reached within {WITHIN_SECONDS:g} s; send the request again"


@dataclass(frozen=True, slots=True)
class Acted:
    """What was done.

    Attributes:
        changed: the tasks that it was done to
        started: those that it started
        skipped: those that it left alone
        next: the cursor of the selection that follows; None if no more tasks match
    """

    changed: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Does an action to tasks, one after the other."""

    store: Store
    publisher: Publisher
    settings: Settings

    def act(self, action: Action, task: Task, reply_key: str | None) -> str | None:
        """Do an action to one task, and return the id of the task that it started, if it starts one."""
        match action:
            case Action.CANCEL:
                lifecycle.cancel(self.store, task.id, reply_key=reply_key)
                publish_end(self.publisher, task.id)
            case Action.DELETE:
                lifecycle.delete(self.store, task.id, reply_key=reply_key)
            case Action.PAUSE:
                lifecycle.pause(self.store, task.id, reply_key=reply_key)
            case Action.RESUME:
                admit_again(task.id)
                ttls = TaskTtls.from_settings(self.settings)
                resume(self.store, self.publisher, task.id, ttls, reply_key=reply_key)
            case Action.RERUN:
                return self.rerun(task, reply_key)
        return None

    def rerun(self, task: Task, reply_key: str | None) -> str:
        admit_task(rerunning.next_id(task, reply_key))
        started = rerunning.rerun(
            self.store,
            task,
            rerunning.spec_again(task),
            ttls=TaskTtls.from_settings(self.settings),
            max_steps=self.settings.max_steps,
            reply_key=reply_key,
        )
        if started.fresh:
            note_task(started.task.id)
            publish_start(self.publisher, started.task)
        return started.task.id

    def act_on_all(self, action: Action, found: TasksMeant, reply_key: str | None) -> Acted:
        """Do an action to all that were selected; those that have changed meanwhile are skipped.

        So are those that would start one task more than may be open. Those that it does not come to in time
        are left to the next request: without a broker each takes most of a second. The audit lists what was
        done, if anything was.
        """
        until = time.monotonic() + WITHIN_SECONDS
        done = Acted(skipped=[*found.skipped], next=found.next)
        for number, task in enumerate(found.tasks):
            if number and time.monotonic() >= until:
                done = self._leave_from(number, found, done)
                break
            try:
                new = self.act(action, task, reply_key)
            except (Conflict, NotFound, InvalidInput, QuotaExceeded) as error:
                done.skipped.append(Skipped(task.id, error.detail))
                continue
            done.changed.append(task.id)
            done.started.extend([new] if new else [])
        if done.changed:
            audit.name(f"{len(done.changed)} tasks", f"{action}: {' '.join(done.changed)}")
        return done

    @staticmethod
    def _leave_from(number: int, found: TasksMeant, done: Acted) -> Acted:
        """Name the tasks that were not reached; those of a filter are where the next selection begins."""
        if found.cursors:
            return replace(done, next=found.cursors[number - 1])
        left = [Skipped(task.id, NOT_REACHED) for task in found.tasks[number:]]
        return replace(done, skipped=done.skipped + left)
