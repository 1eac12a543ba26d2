"""Judges expectations at their deadlines: each miss is announced once, and once more when it is met again."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from donebit import clock
from donebit.completion.task import Task
from donebit.schedules import expecting
from donebit.schedules.expectation import Expectation
from donebit.schedules.listed import ListedTasks
from donebit.schedules.looking import LOOK_AT_LEAST_EVERY, TICK, Looker
from donebit.store import Store
from donebit.store.schedules import ScheduleStore

SETTLE = timedelta(seconds=30)  # after a deadline: ends before it are announced by then
MOST_DEADLINES_PER_LOOK = 1000  # of one expectation
KNOWN_FOR_SECONDS = 5.0  # expectations, in a process that notes ends

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Witness:
    """Notes tasks for the expectations that they meet. It reads these every five seconds at most."""

    known: list[Expectation] = field(default_factory=list)
    read_at: float = float("-inf")
    noted: set[tuple[str, datetime]] = field(default_factory=set)  # since then

    def note(self, store: Store, task: Task) -> None:
        """Note a task that has started or ended, if it meets an expectation. A repeat is harmless."""
        if time.monotonic() - self.read_at > KNOWN_FOR_SECONDS:
            self.known, self.read_at = expecting.list_expectations(store), time.monotonic()
            self.noted.clear()
        for one in self.known:
            at = one.spec.moment_of(task)
            if at is not None and (noted := (one.name, expecting.minute_of(at))) not in self.noted:
                expecting.note(store, one, noted[1])
                self.noted.add(noted)


@dataclass(frozen=True, slots=True)
class Judge(Looker):
    """Judges the expectations whose deadlines have passed."""

    KIND = "expectation"

    listed: ListedTasks = field(default_factory=ListedTasks)

    def run(self, now: datetime | None = None) -> int:
        """Check each that is due against the tasks that are listed now, and return how many there were."""
        return Looker.run(replace(self, listed=ListedTasks()), now)

    @property
    def entries(self) -> ScheduleStore:
        """The expectations."""
        return self.store.expectations

    def check(self, name: str, fields: dict[str, str], now: datetime) -> datetime:
        """Judge the deadlines of an expectation that have passed, and return when to look at it next."""
        one = Expectation.from_fields(name, fields)
        latest = now + LOOK_AT_LEAST_EVERY
        if now - one.created_at < SETTLE:  # no deadline can be judged yet, and processes may not know it yet
            expecting.note_listed(self.store, one, one.created_at, self.listed)
            return now + TICK
        if one.paused:
            return latest
        if self.judge(one, fields, now):
            return now + TICK  # with the next sweep
        following = one.spec.timing.after(now - SETTLE)
        return min((following or latest) + SETTLE, latest)

    def judge(self, one: Expectation, fields: dict[str, str], now: datetime) -> bool:
        """Judge the deadlines that have passed, and whether one that was missed is met again.

        At most one announcement is made: receivers might get two at once the other way round.

        Returns:
            Whether to look again with the next sweep: it is missed now, something was announced, or more
            deadlines may have passed.
        """
        passed = list(islice(one.spec.timing.between(one.mark, now - SETTLE), MOST_DEADLINES_PER_LOOK))
        if not passed and one.missed_at is None:
            return False
        since = (one.missed_at or passed[0]) - one.spec.within
        seen = self.seen(one, since, [*passed, now])
        for deadline in passed:
            met = any(deadline - one.spec.within <= at < deadline for at in seen)
            if self.recover(one, fields, [at for at in seen if at < deadline]):
                return True
            if not met and one.missed_at is None:
                self.turn(one, fields, "missed", deadline, deadline)
                return True
            if not (fields := self.move(one, fields, deadline, left_out=0 if met else 1)):
                return True  # another look was faster
        # What came after a deadline that is not judged yet may not have met it: that one is judged first.
        next_deadline = one.spec.timing.after(passed[-1] if passed else one.mark)
        self.recover(one, fields, [at for at in seen if next_deadline is None or at < next_deadline])
        return one.missed_at is not None or len(passed) == MOST_DEADLINES_PER_LOOK

    def seen(self, one: Expectation, since: datetime, needed: list[datetime]) -> list[datetime]:
        """When something met an expectation; listed tasks are looked at where the notes do not suffice."""

        def noted() -> list[datetime]:
            minutes = self.store.expectations.seen(one.name, clock.ms_since_epoch(since))
            return [clock.moment_of_ms(minute) for minute in minutes]

        found = noted()
        if all(any(at - one.spec.within <= seen < at for seen in found) for at in needed):
            return found
        expecting.note_listed(self.store, one, since, self.listed)
        return noted()

    def recover(self, one: Expectation, fields: dict[str, str], seen: list[datetime]) -> bool:
        """Announce that an expectation which was missed is met again: late, or by tasks that came later.

        Returns:
            Whether it was missed and is met again.
        """
        if one.missed_at is None or not any(at >= one.missed_at - one.spec.within for at in seen):
            return False
        self.turn(one, fields, "recovered", one.missed_at, clock.moment_of_ms(int(fields["mark"])))
        return True

    def move(self, one: Expectation, fields: dict[str, str], mark: datetime, left_out: int) -> dict[str, str]:
        """Move the mark of an expectation, which stays as it is; its fields then, none if it has changed."""
        mark_ms = clock.ms_since_epoch(mark)
        moved = self.store.expectations.pass_firings(one.name, fields, until_ms=mark_ms, left_out=left_out)
        return {**fields, "mark": str(mark_ms)} if moved else {}

    def turn(
        self, one: Expectation, fields: dict[str, str], what: str, deadline: datetime, mark: datetime
    ) -> None:
        """Announce a miss or a recovery, unless another look was faster."""
        task_id, notice = one.announcement(what, deadline)
        task = self.enter_task(task_id, one.spec.announcing(one.name), {"notice": json.dumps(notice)})
        turned = self.store.expectations.turn_expectation(
            one.name,
            fields,
            task,
            mark_ms=clock.ms_since_epoch(mark),
            missed_ms=clock.ms_since_epoch(deadline) if what == "missed" else None,
        )
        if not turned:
            return
        level = logging.ERROR if what == "missed" else logging.INFO
        log.log(level, "expectation %s is %s: deadline %s", one.name, what, clock.iso(deadline))
        self.publish_started(task)
