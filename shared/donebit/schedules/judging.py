"""Judges expectations at their deadlines: each miss is announced once, and once more when it is met again."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from donebit import clock
from donebit.completion.lifecycle import FIRST_CHECK_AFTER
from donebit.completion.record import as_texts, started_record
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import BrokerUnavailable, StoreUnavailable
from donebit.schedules import expecting
from donebit.schedules.expectation import Expectation
from donebit.store import Store
from donebit.store.schedules import DueSchedule, NewTask

SETTLE = timedelta(seconds=30)  # after a deadline: ends before it are announced by then
MOST_PER_LOOK = 1000  # expectations, and deadlines of one
LOOK_AT_LEAST_EVERY = timedelta(minutes=5)
TICK = timedelta(milliseconds=1)
KNOWN_FOR_SECONDS = 5.0  # expectations, in a process that notes ends

log = logging.getLogger(__name__)

Publish = Callable[[Task], object]


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
            if at is not None and (one.name, at) not in self.noted:
                store.expectations.note_seen(one.name, clock.ms_since_epoch(at))
                self.noted.add((one.name, at))


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the expectations whose deadlines have passed."""

    store: Store
    publish: Publish  # has the end of a task announced
    ttls: TaskTtls

    def run(self, now: datetime | None = None) -> int:
        """Check every expectation that is due, and return how many there were."""
        now = now or clock.now()
        due = self.store.expectations.due(clock.ms_since_epoch(now), MOST_PER_LOOK)
        for one, fields in zip(due, self.store.expectations.read(one.name for one in due), strict=True):
            self.check_safely(one, fields, now)
        return len(due)

    def check_safely(self, due: DueSchedule, fields: dict[str, str], now: datetime) -> None:
        """Check an expectation; log one that cannot be read, so that the others are still checked."""
        try:
            self.check(due, fields, now)
        except (StoreUnavailable, BrokerUnavailable):  # it would be the same for every other
            raise
        except Exception:
            log.exception("expectation %s cannot be checked", due.name)
            self.look_again(due, now + LOOK_AT_LEAST_EVERY)

    def check(self, due: DueSchedule, fields: dict[str, str], now: datetime) -> None:
        """Judge the deadlines of an expectation that have passed, and set its next look."""
        if not fields:
            self.store.expectations.unindex(due)
            return
        one = Expectation.from_fields(due.name, fields)
        missed = self.judge(one, fields, now)
        following = one.spec.timing.after(now - SETTLE)
        latest = now + LOOK_AT_LEAST_EVERY
        # One that is missed is looked at with each sweep, to notice when it is met again.
        self.look_again(due, now + TICK if missed else min((following or latest) + SETTLE, latest))

    def look_again(self, due: DueSchedule, at: datetime) -> None:
        self.store.expectations.move_if_score(due, clock.ms_since_epoch(at))

    def judge(self, one: Expectation, fields: dict[str, str], now: datetime) -> bool:
        """Judge the deadlines that have passed, and whether one that was missed is met again.

        Returns:
            Whether it is missed now.
        """
        passed = list(islice(one.spec.timing.between(one.mark, now - SETTLE), MOST_PER_LOOK))
        if not passed and one.missed_at is None:
            return False
        since = (one.missed_at or passed[0]) - one.spec.within
        seen = self.seen(one, since, [*passed, now])
        missed_at = one.missed_at
        for deadline in passed:
            fields, missed_at = self.recover(one, fields, missed_at, [at for at in seen if at < deadline])
            met = any(deadline - one.spec.within <= at < deadline for at in seen)
            if fields and not met and missed_at is None:
                fields, missed_at = self.turn(one, fields, "missed", deadline, deadline), deadline
            elif fields:
                fields = self.move(one, fields, deadline, left_out=0 if met else 1)
            if not fields:
                return missed_at is not None  # another look was faster
        return self.recover(one, fields, missed_at, seen)[1] is not None

    def seen(self, one: Expectation, since: datetime, needed: list[datetime]) -> list[datetime]:
        """When something met an expectation; listed tasks are looked at where the notes do not suffice."""

        def noted() -> list[datetime]:
            minutes = self.store.expectations.seen(one.name, clock.ms_since_epoch(since))
            return [clock.moment_of_ms(minute) for minute in minutes]

        found = noted()
        if all(any(at - one.spec.within <= seen < at for seen in found) for at in needed):
            return found
        expecting.note_listed(self.store, one.name, one.spec, since)
        return noted()

    def recover(
        self, one: Expectation, fields: dict[str, str], missed_at: datetime | None, seen: list[datetime]
    ) -> tuple[dict[str, str], datetime | None]:
        """Announce that an expectation which was missed is met again: late, or by tasks that came later.

        Returns:
            Its fields, none if another look was faster, and since when it is missed.
        """
        if missed_at is None or not any(at >= missed_at - one.spec.within for at in seen):
            return fields, missed_at
        mark = clock.moment_of_ms(int(fields["mark"]))
        return self.turn(one, fields, "recovered", missed_at, mark), None

    def move(self, one: Expectation, fields: dict[str, str], mark: datetime, left_out: int) -> dict[str, str]:
        """Move the mark of an expectation, which stays as it is; its fields then, none if it has changed."""
        mark_ms = clock.ms_since_epoch(mark)
        moved = self.store.expectations.pass_firings(one.name, fields, until_ms=mark_ms, left_out=left_out)
        return {**fields, "mark": str(mark_ms)} if moved else {}

    def turn(
        self, one: Expectation, fields: dict[str, str], what: str, deadline: datetime, mark: datetime
    ) -> dict[str, str]:
        """Announce a miss or a recovery; the fields then, none if another look was faster."""
        task_id, notice = one.announcement(what, deadline)
        now = clock.now()
        now_ms, mark_ms = clock.ms_since_epoch(now), clock.ms_since_epoch(mark)
        spec = one.spec.announcing(one.name)
        record = started_record(spec, now_ms, self.ttls) | {"notice": json.dumps(notice)}
        look_ms = now_ms + FIRST_CHECK_AFTER // timedelta(milliseconds=1)
        self.store.task_index.index_task(task_id, int(now.timestamp() * 1e6), look_ms, self.ttls.index)
        turned = self.store.expectations.turn_expectation(
            one.name,
            fields,
            NewTask(task_id, None, record, self.ttls.open),
            mark_ms=mark_ms,
            missed_ms=clock.ms_since_epoch(deadline) if what == "missed" else None,
        )
        if not turned:
            return {}
        level = logging.ERROR if what == "missed" else logging.INFO
        log.log(level, "expectation %s is %s: deadline %s", one.name, what, clock.iso(deadline))
        self.publish(Task.from_record(task_id, as_texts(record)))
        return {**fields, "mark": str(mark_ms)}
