"""A schedule: what it starts, when, and what it does with missed firings and overlapping tasks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

from donebit import clock
from donebit.completion.spec import TaskSpec
from donebit.schedules.timing import Timing, stored
from donebit.store.slots import suffix_into_slot

MOST_COUNTED = 1000  # of the firings that wait: years of every minute's would take seconds to go through
LONGEST_NAME = 70  # characters, so that there is room for the time in a task's id of at most 100

Gap = tuple[datetime, datetime]  # firings later than the first, up to the second


class Missed(StrEnum):
    """Which firings are made up for that nobody could start in time."""

    NONE = "none"
    LATEST = "latest"
    ALL = "all"


class Overlap(StrEnum):
    """What is done with a firing while the last task still runs."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """What was asked for. An equal one under the same name is the same schedule."""

    timing: Timing
    task: TaskSpec
    missed: Missed = Missed.LATEST
    overlap: Overlap = Overlap.SKIP
    grace: timedelta = timedelta(seconds=60)  # a firing that is later than this is missed
    time_param: str | None = None  # the job's parameter that is given the time of the firing

    def as_text(self) -> str:
        """The spec as canonical JSON: equal specs give equal texts."""
        fields = {
            "cron": self.timing.cron,
            "zone": self.timing.zone,
            "task": self.task.as_text(),
            "missed": self.missed,
            "overlap": self.overlap,
            "grace_s": self.grace.total_seconds(),
            "time_param": self.time_param,
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> ScheduleSpec:
        fields = json.loads(text)
        return cls(
            stored(fields["cron"], fields["zone"]),
            TaskSpec.from_text(fields["task"]),
            Missed(fields["missed"]),
            Overlap(fields["overlap"]),
            timedelta(seconds=fields["grace_s"]),
            fields["time_param"],
        )

    def task_at(self, firing: datetime) -> TaskSpec:
        """What a firing starts: with its time, where the job asks for it."""
        return replace(self.task, params={**self.task.params, **self.time_params(firing)})

    def time_params(self, firing: datetime) -> dict[str, Any]:
        return {} if self.time_param is None else {self.time_param: clock.iso(firing)}


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as it was when it was read."""

    name: str
    spec: ScheduleSpec
    mark: datetime  # every firing up to this one is dealt with
    created_at: datetime
    changed_at: datetime
    paused_at: datetime | None
    queued_until: datetime | None  # firings up to this one wait for the last task to end
    last_task: str | None
    last_firing: datetime | None  # that started it
    started: int  # firings that started a task
    skipped: int  # as the last task still ran
    missed: int  # left out, as nobody could start them in time
    gaps: tuple[Gap, ...] = ()  # of firings that were missed, among those that wait

    @property
    def paused(self) -> bool:
        return self.paused_at is not None

    def next_firing(self, now: datetime) -> datetime | None:
        """The next time that it fires; None while it is paused."""
        return None if self.paused else self.spec.timing.after(max(self.mark, now))

    def queued(self, most: int = MOST_COUNTED) -> list[datetime]:
        """The first firings that wait for the last task to end."""
        return list(islice(self._waiting(), most))

    def _waiting(self) -> Iterator[datetime]:
        begin, until = self.mark, self.queued_until or self.mark
        for after, end in (*self.gaps, (until, until)):
            yield from self.spec.timing.between(begin, after)
            begin = max(begin, end)

    @classmethod
    def from_fields(cls, name: str, fields: Mapping[str, str]) -> Schedule:
        def moment(field: str) -> datetime | None:
            return clock.moment_of_ms(int(fields[field])) if field in fields else None

        started, skipped, missed = (int(fields.get(count, 0)) for count in ("started", "skipped", "missed"))
        return cls(
            name,
            ScheduleSpec.from_text(fields["spec"]),
            clock.moment_of_ms(int(fields["mark"])),
            clock.moment_of_ms(int(fields["created_at"])),
            clock.moment_of_ms(int(fields["changed_at"])),
            moment("paused_at"),
            moment("queued"),
            fields.get("last"),
            moment("last_at"),
            started,
            skipped,
            missed,
            tuple(_gap(text) for text in fields.get("gaps", "").split()),
        )


def gaps_as_text(gaps: Iterable[Gap]) -> str:
    """Gaps as they are stored."""
    return " ".join("-".join(str(clock.ms_since_epoch(end)) for end in gap) for gap in gaps)


def _gap(text: str) -> Gap:
    after, until = map(int, text.split("-"))
    return clock.moment_of_ms(after), clock.moment_of_ms(until)


def task_id_of(name: str, firing: datetime) -> str:
    """The id of the task that a firing starts: the schedule's name, the time, and three characters.

    The characters give it the slot of the schedule, so that on a cluster too one script can write both.
    """
    base = f"{name}.{firing:%Y%m%dT%H%MZ}."
    return base + suffix_into_slot(base, name)
