"""Whoever is killed, and when: each firing starts its task once, and each miss is announced under one id.

Two hours of schedules, with a change of the clock in their middle, pass within some ten seconds. In a long
run they take longer, so that there is time for more kills, and four rounds have all changes of both zones.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from donebit import clock
from donebit.completion import reporting
from donebit.completion.spec import TaskSpec, Webhook
from donebit.completion.task import Task
from donebit.schedules import changes, expecting
from donebit.schedules.expectation import ExpectationSpec, Expected
from donebit.schedules.schedule import Missed, Overlap, ScheduleSpec, task_id_of
from donebit.schedules.timing import Timing
from tests.completion import arranged
from tests.faults.harness.fleet import PROGRAMS, Fleet
from tests.faults.harness.ground import HEAL_SECONDS, pass_by
from tests.receiver import Receiver, receiving
from tests.schedules.arranged import announcements, every
from tests.started import eventually
from tests.torture import Healed, is_long

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
AROUND = timedelta(minutes=61)  # before and after a change: an hour that comes twice is within
WITHIN = timedelta(minutes=15)


class Pace(NamedTuple):
    """How fast the two hours pass, and how many processes are killed meanwhile."""

    seconds: tuple[float, float]  # that the clock goes on by, several times a second
    kills: int


SHORT, LONG = Pace((30, 150), 6), Pace((8, 40), 24)


class Change(NamedTuple):
    """A change of a zone's clock, and when a time fires that it leaves out or shows twice."""

    zone: str
    at: str
    daily: str
    fires_at: str


CHANGES = (
    Change(NEW_YORK, "2026-03-08T07:00Z", "30 2 * * *", "2026-03-08T07:00Z"),  # 02:30 does not come
    Change(BERLIN, "2026-03-29T01:00Z", "30 2 * * *", "2026-03-29T01:00Z"),
    Change(BERLIN, "2026-10-25T01:00Z", "30 2 * * *", "2026-10-25T00:30Z"),  # 02:30 comes twice
    Change(NEW_YORK, "2026-11-01T06:00Z", "30 1 * * *", "2026-11-01T05:30Z"),
)


@dataclass
class Night:
    """The hours around a change of the clock, with what is to happen in them."""

    fleet: Fleet
    change: Change
    pace: Pace
    receiver: Receiver
    chance: Random
    folder: Path
    seen: list[datetime] = field(default_factory=list)  # when tasks met the expectation

    def __post_init__(self) -> None:
        change_at = datetime.fromisoformat(self.change.at)
        self.begin, self.end = change_at - AROUND, change_at + AROUND
        self.fleet.clock.set(self.begin)
        self.crons = {"often": "*/5 * * * *", "queued": "*/15 * * * *", "daily": self.change.daily}
        self.firings = {
            "often": every(5, self.begin, self.end),
            "queued": every(15, self.begin, self.end),
            "daily": [datetime.fromisoformat(self.change.fires_at)],
        }

    def plan(self) -> None:
        """Make the schedules and the expectation."""
        for name in self.firings:
            file = self.folder / name
            file.touch()
            task = TaskSpec(1, "endure", {"file": str(file)}, stall_after=timedelta(minutes=1))
            timing = Timing(self.crons[name], self.change.zone)
            overlap = Overlap.QUEUE if name == "queued" else Overlap.ALLOW
            changes.create(self.fleet.store, name, ScheduleSpec(timing, task, Missed.ALL, overlap))
        deadlines = Timing("*/15 * * * *", self.change.zone)
        spec = ExpectationSpec(
            deadlines, Expected.DONE, "backup", within=WITHIN, webhook=Webhook(self.receiver.url)
        )
        expecting.put(self.fleet.store, "backups", spec)

    def live_through(self) -> None:
        """Let the time pass: some are killed, and started again later; half of the backups are made."""
        length = self.end - self.begin
        kills = sorted(self.begin + length * self.chance.uniform(0.05, 0.95) for _ in range(self.pace.kills))
        quarters = [one + WITHIN / 2 for one in every(15, self.begin, self.end) if self.chance.random() < 0.5]
        while (now := self.fleet.clock.now()) < self.end:
            pass_by(self.chance.uniform(0.05, 0.25))
            later = now + timedelta(seconds=self.chance.uniform(*self.pace.seconds))
            self.fleet.clock.set(min(later, self.end))
            if quarters and quarters[0] < now:
                quarters.pop(0)
                self.back_up()
            if kills and kills[0] < now:
                kills.pop(0)
                self.fleet.kill(self.chance.choice(sorted(PROGRAMS)))
            elif self.chance.random() < 0.3:
                self.fleet.start_all()
        self.fleet.start_all()

    def back_up(self) -> None:
        """Do what is expected."""
        task = arranged.start(self.fleet.store, 1, label="backup")
        self.seen.append(self.fleet.clock.now())
        reporting.report(self.fleet.store, task.id, steps=[0])
        self.fleet.publisher.announce(task.id)

    def announced(self) -> dict[tuple[str, str], set[str]]:
        """The ids under which each miss, and each recovery, was announced."""
        found = defaultdict(set)
        for request in self.receiver.requests:
            event = json.loads(request.body)
            found[event["type"].removeprefix("expectation."), event["data"]["deadline"]].add(request.id)
        return found

    @property
    def expected(self) -> list[tuple[str, str]]:
        return announcements(every(15, self.begin, self.end), self.seen, WITHIN)

    def tasks(self, name: str) -> list[Task]:
        """The tasks of a schedule, by their ids."""
        ids = [one for one, _ in self.fleet.store.task_index.newest(None, 1000) if one.startswith(f"{name}.")]
        records = zip(ids, self.fleet.store.tasks.records(ids), strict=True)
        return [Task.from_record(task_id, record) for task_id, record in sorted(records) if record]

    def await_all(self) -> None:
        """Wait until all has happened, for as long as something does: a machine may have more to do."""
        while missing := self.missing():
            try:
                eventually(partial(self.are_fewer, len(missing)), HEAL_SECONDS)
            except AssertionError:
                raise AssertionError(f"{self.missing()} did not come; {self.fleet.log[-4000:]}") from None

    def are_fewer(self, most: int) -> bool:
        """Whether fewer are missing; the clock goes on meanwhile, though no further firing is due."""
        self.fleet.clock.forward(milliseconds=50)
        self.fleet.start_all()
        return len(self.missing()) < most

    def missing(self) -> list[str]:
        """Firings whose tasks have not ended, and announcements that have not come."""
        ended = {one.id for name in self.firings for one in self.tasks(name) if one.announced_at}
        firings = {task_id_of(name, at) for name, firings in self.firings.items() for at in firings}
        untold = set(self.expected) - set(self.announced())
        return sorted(firings - ended) + sorted(f"{what} {deadline}" for what, deadline in untold)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path)
    try:
        yield fleet
    finally:
        fleet.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def change(request: pytest.FixtureRequest) -> Change:
    """Each in its turn, by the seed."""
    return CHANGES[request.node.callspec.params["chance"] % len(CHANGES)]


@pytest.fixture
def pace(request: pytest.FixtureRequest) -> Pace:
    return LONG if is_long(request.config) else SHORT


def test_beats_and_workers_killed_over_a_change_of_the_clock(
    fleet: Fleet,
    change: Change,
    pace: Pace,
    receiver: Receiver,
    chance: Random,
    healed: Healed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "now", fleet.clock.now)
    monkeypatch.setattr(clock, "now_ms", fleet.clock.now_ms)
    night = Night(fleet, change, pace, receiver, chance, tmp_path)
    night.plan()
    fleet.start_all()

    night.live_through()
    began = time.monotonic()
    night.await_all()
    healed(time.monotonic() - began)

    for name, firings in night.firings.items():
        schedule = changes.get(fleet.store, name)
        assert (schedule.started, schedule.skipped, schedule.missed) == (len(firings), 0, 0)
        assert [one.id for one in night.tasks(name)] == sorted(task_id_of(name, at) for at in firings)
        assert {(one.state, one.run) for one in night.tasks(name)} == {("done", 1)}
    assert {what: len(ids) for what, ids in night.announced().items()} == dict.fromkeys(night.expected, 1)
