"""Expectations: each miss is announced once, and once more when it is met again, whatever dies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit import clock
from donebit.completion import deliveries, lifecycle, reporting
from donebit.completion.announcing import announce
from donebit.completion.spec import Webhook
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import InvalidInput
from donebit.schedules import expecting, judging
from donebit.schedules.expectation import Expectation, ExpectationSpec, Expected
from donebit.schedules.judging import SETTLE, Judge, Witness
from donebit.schedules.timing import Timing
from donebit.store import Store, expectations, keys
from tests.completion import arranged
from tests.completion.conftest import HandMovedClock
from tests.schedules.arranged import BEGIN, Calls, Killed, announcements, coin

HOURLY = Timing("0 * * * *", "UTC")
HOUR = timedelta(hours=1)


def spec(
    cron: str = "0 * * * *", zone: str = "UTC", expected: Expected = Expected.DONE, **given: Any
) -> ExpectationSpec:
    return ExpectationSpec(Timing(cron, zone), expected, **{"label": "backup", "within": HOUR, **given})


@dataclass
class Judges:
    """Processes that judge, and the tasks by which they announce."""

    store: Store
    announced: list[Task] = field(default_factory=list)

    def look(self, now: datetime, *, kill_at: int = -1, after: bool = False) -> None:
        calls = Calls(self.store.expectations, kill_at, after)
        store = replace(self.store, expectations=calls)  # type: ignore[arg-type]  # it is one for the judge
        with suppress(Killed):
            Judge(store, self.announced.append, arranged.TTLS).run(now)

    def look_on(self, time: HandMovedClock, looks: int, **pause: float) -> None:
        """Look so often, after a pause each time."""
        for _ in range(looks):
            time.forward(**pause)
            self.look(time.moment)

    def told(self) -> list[tuple[str, str]]:
        """What was announced, and of which deadline, in their order."""
        return [
            (task.notice["type"].split(".")[1], task.notice["data"]["deadline"])
            for task in self.announced
            if task.notice
        ]


def finish(store: Store, label: str = "backup", **asked: Any) -> Task:
    return note_end(store, Witness(), label, **asked)


def note_end(store: Store, witness: Witness, label: str = "backup", **asked: Any) -> Task:
    task = arranged.start(store, 1, label=label, **asked)
    reporting.report(store, task.id, steps=[0])
    announce(store, task.id, lambda ended: witness.note(store, ended))
    return task


@pytest.fixture
def judges(store: Store, hand_moved_clock: HandMovedClock) -> Judges:
    hand_moved_clock.moment = BEGIN
    return Judges(store)


def at(text: str) -> str:
    return f"2026-03-28T{text}:00Z"


def test_a_miss_is_announced_once_and_its_recovery_once(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "backup", spec())
    judges.look_on(hand_moved_clock, 150, minutes=1)  # two deadlines and a half without a task
    missed = judges.told()
    state = expecting.get(store, "backup")

    finish(store)
    judges.look_on(hand_moved_clock, 2, seconds=5)

    assert missed == [("missed", at("13:00"))]
    assert (state.missed_at, state.missed) == (BEGIN + HOUR, 2)
    assert judges.told() == [*missed, ("recovered", at("13:00"))]
    assert expecting.get(store, "backup").missed_at is None


def test_what_comes_right_after_a_missed_deadline_is_one_recovery(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "backup", spec())
    hand_moved_clock.forward(minutes=61)
    judges.look(hand_moved_clock.moment)
    hand_moved_clock.forward(minutes=59, seconds=5)
    finish(store)
    # Of these looks the first ones are too early to judge the deadline of 14:00.
    judges.look_on(hand_moved_clock, 4, seconds=10)

    assert judges.told() == [("missed", at("13:00")), ("recovered", at("13:00"))]
    assert expecting.get(store, "backup").missed == 2


def test_a_miss_and_its_recovery_are_announced_by_one_look_each(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "backup", spec())
    hand_moved_clock.forward(minutes=60, seconds=5)
    finish(store)  # late, and before the deadline is judged

    told = []
    for _ in range(3):
        judges.look_on(hand_moved_clock, 1, seconds=30)
        told.append(len(judges.told()))

    assert told == [1, 2, 2]
    assert judges.told() == [("missed", at("13:00")), ("recovered", at("13:00"))]


def test_many_deadlines_without_a_task_are_one_miss(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "MOST_DEADLINES_PER_LOOK", 10)
    expecting.put(store, "backup", spec())
    hand_moved_clock.forward(hours=35, minutes=30)  # without a look: no beat runs
    finish(store)
    judges.look_on(hand_moved_clock, 5, seconds=5)

    assert judges.told() == [("missed", at("13:00")), ("recovered", at("13:00"))]
    assert expecting.get(store, "backup").missed == 35


def test_deadlines_that_one_look_leaves_are_judged_by_the_next_sweeps(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "MOST_DEADLINES_PER_LOOK", 10)
    saved = expecting.put(store, "backup", spec())
    for _ in range(35):  # without a look: no beat runs
        expecting.note(store, saved.expectation, hand_moved_clock.moment)
        hand_moved_clock.forward(hours=1)
    hand_moved_clock.forward(minutes=30)
    judges.look_on(hand_moved_clock, 4, seconds=5)

    assert (judges.told(), expecting.get(store, "backup").mark) == ([], BEGIN + 35 * HOUR)


def test_no_deadline_is_judged_while_it_is_paused(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "backup", spec())
    expecting.pause(store, "backup")
    judges.look_on(hand_moved_clock, 3, minutes=45)
    paused = expecting.get(store, "backup")

    resumed = expecting.resume(store, "backup")
    judges.look(hand_moved_clock.moment)
    early = judges.told()
    hand_moved_clock.forward(hours=1)
    judges.look(hand_moved_clock.moment)

    assert (paused.paused, paused.next_deadline(hand_moved_clock.moment), paused.missed) == (True, None, 0)
    assert (resumed.paused, early) == (False, [])
    assert judges.told() == [("missed", at("15:00"))]


def test_a_look_under_way_announces_nothing_of_a_paused_one(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "backup", spec())
    read = store.expectations.read(["backup"])[0]
    hand_moved_clock.forward(minutes=61)
    expecting.pause(store, "backup")

    Judge(store, judges.announced.append, arranged.TTLS).check("backup", read, hand_moved_clock.moment)

    assert judges.told() == []


def test_what_was_missed_before_a_pause_is_recovered_after_it(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "backup", spec())
    hand_moved_clock.forward(minutes=61)
    judges.look(hand_moved_clock.moment)
    expecting.pause(store, "backup")
    expecting.put(store, "backup", spec())  # the same again: it stays as it is
    finish(store)
    judges.look(hand_moved_clock.moment)
    before = judges.told()

    expecting.resume(store, "backup")
    judges.look(hand_moved_clock.moment)

    assert before == [("missed", at("13:00"))]
    assert judges.told() == [*before, ("recovered", at("13:00"))]


def test_a_task_in_time_meets_it(store: Store, judges: Judges, hand_moved_clock: HandMovedClock) -> None:
    expecting.put(store, "backup", spec())
    for _ in range(3):
        hand_moved_clock.forward(minutes=59)
        finish(store)
        hand_moved_clock.forward(minutes=1)
        judges.look(hand_moved_clock.moment + SETTLE)

    assert judges.told() == []
    assert expecting.get(store, "backup").mark == BEGIN + 3 * HOUR


@pytest.mark.parametrize(
    ("given", "label", "task_id", "meets"),
    [
        ({}, "backup", "x", True),
        ({}, "other", "x", False),
        ({"label": None, "prefix": "nightly-"}, "other", "nightly-7", True),
        ({"label": None, "prefix": "nightly-"}, "other", "x", False),
        ({"prefix": "nightly-"}, "backup", "x", False),
        ({"label": None, "job": "demo"}, "backup", "x", True),
        ({"label": None, "job": "other"}, "backup", "x", False),
    ],
)
def test_only_the_tasks_that_are_meant_meet_it(
    store: Store,
    judges: Judges,
    hand_moved_clock: HandMovedClock,
    given: dict[str, Any],
    label: str,
    task_id: str,
    meets: bool,
) -> None:
    expecting.put(store, "e", spec(**given))
    hand_moved_clock.forward(minutes=30)
    finish(store, label, task_id=task_id, job="demo")
    hand_moved_clock.forward(minutes=31)

    judges.look(hand_moved_clock.moment)

    assert (judges.told() == []) is meets


@pytest.mark.parametrize(("expected", "meets"), [(Expected.DONE, False), (Expected.STARTED, True)])
def test_a_task_that_runs_was_started_and_is_not_done(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock, expected: Expected, meets: bool
) -> None:
    expecting.put(store, "e", spec(expected=expected))
    hand_moved_clock.forward(minutes=30)
    arranged.start(store, 1, label="backup")
    hand_moved_clock.forward(minutes=31)

    judges.look(hand_moved_clock.moment)

    assert (judges.told() == []) is meets


def test_a_failed_task_does_not_meet_it(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "e", spec())
    task = arranged.start(store, 1, label="backup")
    lifecycle.cancel(store, task.id)
    announce(store, task.id, lambda ended: Witness().note(store, ended))
    hand_moved_clock.forward(minutes=61)

    judges.look(hand_moved_clock.moment)

    assert judges.told() == [("missed", at("13:00"))]


def test_what_ended_before_the_expectation_was_made_meets_it(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    finish(store)
    hand_moved_clock.forward(minutes=10)
    expecting.put(store, "e", spec())
    hand_moved_clock.forward(minutes=51)

    judges.look(hand_moved_clock.moment)

    assert judges.told() == []


def test_a_task_that_has_expired_since_still_meets_it(
    store: Store, client: Redis, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "e", spec())
    task = finish(store)
    client.delete(*keys.of_task(task.id), keys.ALL_TASKS)
    hand_moved_clock.forward(minutes=61)

    judges.look(hand_moved_clock.moment)

    assert judges.told() == []


def test_the_announcement_is_delivered_under_one_id(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "backup", spec(webhook=Webhook("https://hooks.example.org/x", (State.DONE,))))
    hand_moved_clock.forward(minutes=61)
    judges.look(hand_moved_clock.moment)
    (task,) = judges.announced

    announce(store, task.id)
    announce(store, task.id)

    (delivery,) = deliveries.list_deliveries(store, lifecycle.get_task(store, task.id).task)
    event = delivery.delivery.event
    assert event["type"] == "expectation.missed"
    assert event["data"]["announcement_id"] == task.announcement_id
    assert (event["data"]["expectation"], event["data"]["deadline"]) == ("backup", at("13:00"))
    assert task.id.startswith("backup.20260328T1300Z.missed.")


def test_an_announcement_meets_no_expectation(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "backup", spec())  # its announcements have its name as their label
    hand_moved_clock.forward(minutes=61)
    judges.look(hand_moved_clock.moment)
    announce(store, judges.announced[0].id, lambda ended: Witness().note(store, ended))
    hand_moved_clock.forward(seconds=5)
    judges.look(hand_moved_clock.moment)

    assert judges.told() == [("missed", at("13:00"))]


def test_what_met_later_deadlines_takes_no_room_from_what_met_earlier_ones(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expectations, "MOST_MINUTES", 20)
    saved = expecting.put(store, "backup", spec())
    for _ in range(180):  # without a look: no beat runs
        hand_moved_clock.forward(minutes=1)
        expecting.note(store, saved.expectation, hand_moved_clock.moment)

    judges.look(hand_moved_clock.moment)

    assert judges.told() == []
    assert len(store.expectations.seen("backup", 0)) == 4  # 12:59, 13:59, 14:59 and 15:00


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_announcements_are_as_a_plain_model_has_them(
    lasting_fake: tuple[Redis, Store], monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    client, store = lasting_fake
    client.flushall()
    moved, judges = HandMovedClock(), Judges(store)
    monkeypatch.setattr(clock, "now", moved.now)
    monkeypatch.setattr(clock, "now_ms", moved.now_ms)
    moved.moment = BEGIN
    within = timedelta(minutes=data.draw(st.sampled_from([20, 60, 90])))
    expecting.put(store, "e", spec(within=within))
    seen: list[datetime] = []

    for minutes in data.draw(st.lists(st.integers(1, 90), min_size=1, max_size=10)):
        moved.forward(minutes=minutes)
        if data.draw(st.booleans()):
            finish(store)
            seen.append(moved.moment)
        for _ in range(data.draw(st.integers(0, 2))):
            judges.look(moved.moment, kill_at=data.draw(st.integers(1, 12)), after=data.draw(st.booleans()))
    for _ in range(40):  # a miss and a recovery for each deadline at most, one a look
        moved.forward(seconds=1)
        judges.look(moved.moment)

    announced = [
        (kind, deadline)
        for kind in ("missed", "recovered")
        for deadline in (clock.iso(one) for one in HOURLY.between(BEGIN, moved.moment))
        if _task(store, kind, deadline)
    ]
    deadlines = HOURLY.between(BEGIN, moved.moment - SETTLE)
    assert Counter(announced) == Counter(announcements(deadlines, seen, within))
    client.flushall()


def _task(store: Store, kind: str, deadline: str) -> bool:
    """Whether the task that announces it was started, also by a process that died then."""
    task_id, _ = expecting.get(store, "e").announcement(kind, datetime.fromisoformat(deadline))
    return bool(store.tasks.records([task_id])[0])


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01"])
def test_a_nightly_deadline_is_judged_once_a_night_over_a_change(
    real_store: Store, hand_moved_clock: HandMovedClock, zone: str, day: str
) -> None:
    hand_moved_clock.moment = datetime.fromisoformat(f"{day}T00:00:00+00:00") - timedelta(hours=36)
    judges, chance = Judges(real_store), coin(7)
    expecting.put(real_store, "e", spec("30 2 * * *", zone, within=timedelta(hours=23)))

    for _ in range(3 * 24 * 6):
        hand_moved_clock.forward(minutes=10)
        judges.look(hand_moved_clock.moment, kill_at=chance.randrange(1, 30), after=chance.random() < 0.5)
    judges.look(hand_moved_clock.moment)

    assert len(judges.told()) <= 1
    assert expecting.get(real_store, "e").missed == 3


def test_many_that_judge_at_once_announce_a_miss_once(
    real_store: Store, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = BEGIN
    expecting.put(real_store, "e", spec())
    judges = Judges(real_store)
    now = BEGIN + HOUR + SETTLE
    (due,) = real_store.expectations.due(clock.ms_since_epoch(now), 9)
    (fields,) = real_store.expectations.read(["e"])

    for _ in range(3):  # each has read it before any of them wrote
        Judge(real_store, judges.announced.append, arranged.TTLS).look(due, fields, now)

    assert judges.told() == [("missed", at("13:00"))]


@pytest.mark.parametrize(
    ("change", "field_name"),
    [
        (lambda one: replace(one, label=None), "label"),
        (lambda one: replace(one, within=timedelta(seconds=90)), "within"),
        (lambda one: replace(one, within=timedelta(days=32)), "within"),
    ],
)
def test_what_means_nothing_is_refused(
    store: Store, change: Callable[[ExpectationSpec], ExpectationSpec], field_name: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        expecting.put(store, "e", change(spec()))

    assert refused.value.field == field_name
    assert expecting.list_expectations(store) == []


def test_a_changed_expectation_begins_anew(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "e", spec())
    hand_moved_clock.forward(minutes=61)
    judges.look(hand_moved_clock.moment)

    same = expecting.put(store, "e", spec())
    changed = expecting.put(store, "e", spec(label="other"))

    assert same.expectation.missed_at is not None
    assert (changed.expectation.missed_at, changed.expectation.missed, changed.fresh) == (None, 0, False)


def test_tasks_of_before_a_change_do_not_meet_what_was_changed(
    store: Store, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    expecting.put(store, "e", spec())
    witness = Witness()
    witness.note(store, arranged.start(store, 1, label="other"))  # it knows the expectation of then
    hand_moved_clock.forward(minutes=30)

    expecting.put(store, "e", spec(label="changed"))
    note_end(store, witness)
    hand_moved_clock.forward(minutes=31)
    judges.look(hand_moved_clock.moment)

    assert judges.told() == [("missed", at("13:00"))]


def test_a_task_that_ends_right_after_the_expectation_was_made_meets_it(
    store: Store, client: Redis, judges: Judges, hand_moved_clock: HandMovedClock
) -> None:
    witness = Witness()
    witness.note(store, arranged.start(store, 1, label="other"))  # from now on it knows of no expectation
    expecting.put(store, "e", spec())
    hand_moved_clock.forward(seconds=2)
    task = note_end(store, witness)
    hand_moved_clock.forward(seconds=5)
    judges.look(hand_moved_clock.moment)

    client.delete(*keys.of_task(task.id), keys.ALL_TASKS)
    hand_moved_clock.forward(minutes=61)
    judges.look(hand_moved_clock.moment)

    assert judges.told() == []


def test_a_deleted_expectation_leaves_nothing_behind(store: Store) -> None:
    expecting.put(store, "e", spec())
    witness = Witness()
    witness.note(store, arranged.start(store, 1, label="other"))  # as above

    expecting.delete(store, "e")
    note_end(store, witness)

    assert store.expectations.seen("e", 0) == []


def test_ids_of_announcements_are_valid_and_differ() -> None:
    name = "x" * 70
    one = Expectation(name, spec(), BEGIN, BEGIN, None, 0, paused=False)

    ids = [
        one.announcement(what, moment)[0]
        for what in ("missed", "recovered")
        for moment in (BEGIN, BEGIN + HOUR)
    ]

    assert all(len(task_id) <= 100 for task_id in ids)
    assert all(early != late for early, late in pairwise(ids))
    assert UTC is BEGIN.tzinfo


def test_an_unreadable_expectation_keeps_no_end_from_being_announced(judges: Judges, client: Redis) -> None:
    for name in ("later", "readable"):
        expecting.put(judges.store, name, spec())
    client.hset(keys.expectation("later"), "spec", '{"cron":"0 * * * *","unknown":1}')

    task = finish(judges.store)

    assert lifecycle.get_task(judges.store, task.id).task.announced_at
    assert client.exists(keys.seen_by("readable"))
    assert [one.name for one in expecting.list_expectations(judges.store)] == ["readable"]
