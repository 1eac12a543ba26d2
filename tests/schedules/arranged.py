"""Schedules as the tests arrange them, a process that may be killed at any call, and what was started."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from donebit import clock
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.schedules import changes
from donebit.schedules.firing import Firer
from donebit.schedules.schedule import Schedule, ScheduleSpec
from donebit.schedules.timing import Timing
from donebit.store import Store
from donebit.store.schedules import FiringResult
from tests.completion.arranged import TTLS

BEGIN = datetime(2026, 3, 28, 12, tzinfo=UTC)


def spec(cron: str = "*/5 * * * *", zone: str = "UTC", count: int = 3, **given: Any) -> ScheduleSpec:
    return ScheduleSpec(Timing(cron, zone), TaskSpec(count), **given)


def create(store: Store, name: str = "nightly", **given: Any) -> Schedule:
    return changes.create(store, name, spec(**given)).schedule


class Killed(BaseException):
    """The process is gone at once, and no `except` of its own is run."""


@dataclass
class Calls:
    """A store's part whose calls a process may be killed before, or after the server has done them."""

    part: Any
    kill_at: int = -1  # before the n-th call, or after it
    after: bool = False
    made: int = 0
    results: list[tuple[str, datetime, FiringResult]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.part, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.made += 1
            dies = self.made == self.kill_at
            if dies and not self.after:
                raise Killed
            answer = method(*args, **kwargs)
            if name == "fire_schedule":
                self.results.append((args[0], clock.moment_of_ms(kwargs["firing_ms"]), answer))
            if dies:
                raise Killed
            return answer

        return call


@dataclass
class Beats:
    """Processes that look at the schedules, and what came of their firings."""

    store: Store
    published: list[Task] = field(default_factory=list)
    results: list[tuple[str, datetime, FiringResult]] = field(default_factory=list)

    def look(self, now: datetime, *, kill_at: int = -1, after: bool = False) -> bool:
        """Let one look at everything that is due; whether it lived to its end."""
        calls = Calls(self.store.schedules, kill_at, after, results=self.results)
        store = replace(self.store, schedules=calls)  # type: ignore[arg-type]  # it is one for the firer
        try:
            Firer(store, self.published.append, TTLS).run(now)
        except Killed:
            return False
        return True

    @property
    def firer(self) -> Firer:
        calls = Calls(self.store.schedules, results=self.results)
        return Firer(
            replace(self.store, schedules=calls),  # type: ignore[arg-type]  # as above
            self.published.append,
            TTLS,
        )

    def started(self, name: str = "nightly") -> list[datetime]:
        return [at for one, at, result in self.results if one == name and result is FiringResult.STARTED]


def every(minutes: int, begin: datetime, end: datetime) -> list[datetime]:
    """Each full number of minutes of the hour later than `begin`, up to `end`."""
    first = begin.replace(second=0, microsecond=0)
    moments = (first + timedelta(minutes=n) for n in range(int((end - first) / timedelta(minutes=1)) + 1))
    return [one for one in moments if one > begin and one.minute % minutes == 0]


def announcements(
    deadlines: Iterable[datetime], seen: Sequence[datetime], within: timedelta
) -> list[tuple[str, str]]:
    """What is announced of an expectation, and of which deadline, if somebody looks at every moment.

    Args:
        seen: when tasks met it
    """
    told: list[tuple[str, str]] = []
    missed: datetime | None = None
    for deadline in deadlines:
        if missed and any(missed - within <= one < deadline for one in seen):
            told.append(("recovered", clock.iso(missed)))
            missed = None
        if not missed and not any(deadline - within <= one < deadline for one in seen):
            missed = deadline
            told.append(("missed", clock.iso(deadline)))
    if missed and any(one >= missed - within for one in seen):
        told.append(("recovered", clock.iso(missed)))
    return told


def coin(seed: int) -> random.Random:
    return random.Random(seed)
