"""Each firing starts its task exactly once, whoever looks, and whatever dies."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit import clock
from donebit.completion import lifecycle, listing
from donebit.completion.listing import Filter
from donebit.schedules import changes, firing
from donebit.schedules.firing import Firer
from donebit.schedules.schedule import Missed, Overlap, task_id_of
from donebit.store import Store, keys
from donebit.store.schedules import FiringResult
from donebit.store.slots import slot_of
from donebit.throttled_log import Intervals
from tests.completion import arranged
from tests.completion.conftest import HandMovedClock
from tests.schedules.arranged import BEGIN, Beats, coin, create, every

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


@pytest.mark.parametrize(
    ("zone", "begin"),
    [
        (BERLIN, datetime(2026, 3, 29, 0, 31, tzinfo=UTC)),
        (BERLIN, datetime(2026, 10, 25, 0, 1, tzinfo=UTC)),
        (NEW_YORK, datetime(2026, 3, 8, 6, 31, tzinfo=UTC)),
        (NEW_YORK, datetime(2026, 11, 1, 5, 1, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_each_firing_of_an_hour_is_started_once_by_three_dying_beats(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock, zone: str, begin: datetime, seed: int
) -> None:
    chance, now = coin(seed), begin
    hand_moved_clock.moment = begin
    create(store, cron="*/5 * * * *", zone=zone, missed=Missed.ALL, overlap=Overlap.ALLOW)
    create(store, "fixed", cron="30 2 * * *", zone=zone, missed=Missed.ALL, overlap=Overlap.ALLOW)
    beats = Beats(store)

    while now < begin + timedelta(hours=1.2):
        now += timedelta(seconds=chance.randrange(1, 240))
        hand_moved_clock.moment = now
        stale = store.schedules.due(clock.ms_since_epoch(now), 9)
        fields = store.schedules.read([one.name for one in stale])
        for _ in range(chance.randrange(1, 4)):
            beats.look(now, kill_at=chance.randrange(1, 12), after=chance.random() < 0.5)
        for one, old in zip(stale, fields, strict=True):  # of a beat that was slower than the others
            beats.firer.look(one, old, now)
        if chance.random() < 0.3:  # what was started is forgotten
            for key in client.scan_iter(keys.bitmap("*")):
                client.delete(key, key.removesuffix(b"}") + b"}:task")
    beats.look(now + timedelta(minutes=6))  # one lives through it, after a pause

    last = now + timedelta(minutes=6)
    assert beats.started() == every(5, begin, last)
    assert beats.started("fixed") == list(changes.get(store, "fixed").spec.timing.between(begin, last))
    assert changes.get(store, "nightly").started == len(beats.started())


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01"])
def test_a_nightly_schedule_fires_once_a_night(
    real_store: Store, hand_moved_clock: HandMovedClock, zone: str, day: str
) -> None:
    hand_moved_clock.moment = datetime.fromisoformat(f"{day}T00:00:00+00:00") - timedelta(hours=36)
    create(real_store, cron="30 2 * * *", zone=zone, overlap=Overlap.ALLOW)
    beats = Beats(real_store)

    for _ in range(3 * 24 * 6):
        hand_moved_clock.forward(minutes=10)
        beats.look(hand_moved_clock.moment)

    assert len(beats.started()) == 3
    assert all(
        timedelta(hours=22) < late - early < timedelta(hours=26) for early, late in pairwise(beats.started())
    )


@pytest.mark.parametrize("kill_at", range(1, 7))
@pytest.mark.parametrize("after", [True, False])
def test_a_beat_that_dies_at_any_call_neither_loses_nor_repeats(
    store: Store, hand_moved_clock: HandMovedClock, kill_at: int, after: bool
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, overlap=Overlap.ALLOW)
    hand_moved_clock.forward(minutes=5)
    beats = Beats(store)

    beats.look(hand_moved_clock.moment, kill_at=kill_at, after=after)
    beats.look(hand_moved_clock.moment)
    beats.look(hand_moved_clock.moment)

    (firing,) = beats.started()
    task_id = task_id_of("nightly", firing)
    assert firing == BEGIN + timedelta(minutes=5)
    assert lifecycle.get_task(store, task_id).task.count == 3
    assert store.task_index.next_look(task_id) is not None  # so the sweep sends its steps if nobody has


def test_a_firing_is_not_started_again_when_its_task_is_long_forgotten(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store)
    hand_moved_clock.forward(minutes=5)
    beats = Beats(store)
    (due,) = store.schedules.due(hand_moved_clock.now_ms(), 9)
    (fields,) = store.schedules.read([due.name])
    beats.look(hand_moved_clock.moment)
    for key in client.scan_iter(keys.bitmap("*") + "*"):
        client.delete(key)

    beats.firer.look(due, fields, hand_moved_clock.moment)  # one that had stood still since

    assert len(beats.started()) == 1
    assert not list(client.scan_iter(keys.bitmap("*") + "*"))


def test_many_that_look_at_once_start_each_firing_once(
    real_store: Store, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = BEGIN
    for number in range(5):
        create(real_store, f"s{number}", missed=Missed.ALL, overlap=Overlap.ALLOW)
    beats, barrier = Beats(real_store), threading.Barrier(4)

    def look() -> None:
        for minutes in range(0, 60, 3):
            barrier.wait()
            Firer.run(beats.firer, BEGIN + timedelta(minutes=minutes))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    for number in range(5):
        assert sorted(beats.started(f"s{number}")) == every(5, BEGIN, BEGIN + timedelta(minutes=57))


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_overlap_is_as_a_plain_model_has_it(lasting_fake: tuple[Redis, Store], data: st.DataObject) -> None:
    client, store = lasting_fake
    client.flushall()
    overlap = data.draw(st.sampled_from(Overlap))
    beats, now, running, waiting = Beats(store), clock.now().replace(second=1, microsecond=0), False, 0
    create(store, cron="* * * * *", overlap=overlap, missed=Missed.NONE, grace=timedelta(seconds=90))
    begin, started, skipped = changes.get(store, "nightly").mark, 0, 0
    now = begin.replace(second=1, microsecond=0)

    for ends in data.draw(st.lists(st.booleans(), min_size=1, max_size=12)):
        if ends and running:
            last = changes.get(store, "nightly").last_task
            assert last is not None
            lifecycle.cancel(store, last)
            running = False
        now += timedelta(minutes=1)
        beats.look(now)
        beats.look(now)
        waiting += 1  # the model: one more is due, and as many of the waiting start as may
        while waiting and (overlap is Overlap.ALLOW or not running):
            waiting, started, running = waiting - 1, started + 1, True
        if overlap is Overlap.SKIP:
            skipped, waiting = skipped + waiting, 0

        schedule = changes.get(store, "nightly")
        assert (schedule.started, schedule.skipped, len(schedule.queued())) == (started, skipped, waiting)
        assert schedule.missed == 0
        assert len(beats.started()) == len(set(beats.started())) == started
    client.flushall()


@pytest.mark.parametrize(
    ("missed", "minutes", "left_out"),
    [(Missed.NONE, [], 12), (Missed.LATEST, [60], 11), (Missed.ALL, list(range(5, 65, 5)), 0)],
)
def test_what_nobody_could_start_in_time_is_made_up_for_as_asked(
    store: Store, hand_moved_clock: HandMovedClock, missed: Missed, minutes: list[int], left_out: int
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, missed=missed, overlap=Overlap.ALLOW)
    hand_moved_clock.forward(minutes=62)
    beats = Beats(store)

    beats.look(hand_moved_clock.moment)
    beats.look(hand_moved_clock.moment)

    assert beats.started() == [BEGIN + timedelta(minutes=one) for one in minutes]
    assert changes.get(store, "nightly").missed == left_out


@pytest.mark.parametrize(
    ("missed", "started"),
    [(Missed.ALL, [5, 10, 15]), (Missed.LATEST, [15]), (Missed.NONE, [])],
)
def test_what_is_due_waits_until_one_more_task_may_be_open(
    store: Store, hand_moved_clock: HandMovedClock, missed: Missed, started: list[int]
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, missed=missed, overlap=Overlap.ALLOW)
    room: list[int] = []
    beats = Beats(store)
    firer = replace(beats.firer, has_room=lambda: bool(room))

    for _ in range(3):
        hand_moved_clock.forward(minutes=5)
        firer.run(hand_moved_clock.moment)
    assert beats.started() == []
    assert task_ids(store) == []

    room.append(1)
    hand_moved_clock.forward(minutes=2)
    firer.run(hand_moved_clock.moment)

    assert beats.started() == [BEGIN + timedelta(minutes=after) for after in started]


@pytest.mark.parametrize("overlap", Overlap)
def test_a_firing_that_the_last_task_keeps_back_needs_no_room(
    store: Store, hand_moved_clock: HandMovedClock, overlap: Overlap
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, missed=Missed.NONE, overlap=overlap)
    beats = Beats(store)
    hand_moved_clock.forward(minutes=5)
    beats.look(hand_moved_clock.moment)
    full = replace(beats.firer, has_room=lambda: False)

    for _ in range(3):
        hand_moved_clock.forward(minutes=5)
        full.run(hand_moved_clock.moment)

    seen = changes.get(store, "nightly")
    left = {Overlap.SKIP: (3, 0, 0), Overlap.QUEUE: (0, 3, 0), Overlap.ALLOW: (0, 0, 2)}
    assert (seen.skipped, len(seen.queued()), seen.missed) == left[overlap]
    assert beats.started() == [BEGIN + timedelta(minutes=5)]


def test_each_schedule_that_waits_for_room_is_named_in_the_log(
    store: Store,
    hand_moved_clock: HandMovedClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(firing, "waiting", Intervals(timedelta(minutes=1)))
    hand_moved_clock.moment = BEGIN
    names = ["first", "second", "third"]
    for name in names:
        create(store, name)
    hand_moved_clock.forward(minutes=5)
    full = replace(Beats(store).firer, has_room=lambda: False)

    for _ in range(3):
        full.run(hand_moved_clock.moment)
        hand_moved_clock.forward(seconds=5)

    said = [f"schedule {name} waits: MAX_OPEN_TASKS tasks have not ended" for name in names]
    assert sorted(caplog.messages) == said


def task_ids(store: Store) -> list[str]:
    return [task.id for task in listing.list_tasks(store, Filter(), limit=9).tasks]


def test_a_task_that_someone_else_made_under_the_id_is_left_alone(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store)
    task_id = task_id_of("nightly", BEGIN + timedelta(minutes=5))
    arranged.start(store, 7, task_id=task_id)
    hand_moved_clock.forward(minutes=5)
    beats = Beats(store)

    beats.look(hand_moved_clock.moment)
    beats.look(hand_moved_clock.moment)

    assert [result for _, _, result in beats.results] == [FiringResult.EXISTS]
    assert lifecycle.get_task(store, task_id).task.count == 7


def test_a_schedule_that_cannot_be_read_keeps_none_of_the_others(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, "broken")
    create(store, "sound")
    client.hset(keys.schedule("broken"), "spec", "{")
    hand_moved_clock.forward(minutes=5)
    beats = Beats(store)

    beats.look(hand_moved_clock.moment)

    assert len(beats.started("sound")) == 1


def test_a_firing_is_given_its_time_where_the_job_asks_for_it(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, time_param="day")
    hand_moved_clock.forward(minutes=5)
    beats = Beats(store)

    beats.look(hand_moved_clock.moment)

    assert beats.published[0].spec.params == {"day": "2026-03-28T12:05:00Z"}


@given(st.text("abcXYZ019._-", min_size=1, max_size=70).filter(lambda name: name not in {".", ".."}))
@settings(deadline=None)
def test_the_id_of_a_task_is_valid_and_has_the_slot_of_its_schedule(name: str) -> None:
    task_id = task_id_of(name, BEGIN)

    assert task_id.startswith(f"{name}.20260328T1200Z.")
    assert len(task_id) <= 100
    assert slot_of(task_id) == slot_of(name)


def test_ttls_of_a_started_task_are_those_of_any_other(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store)
    hand_moved_clock.forward(minutes=5)

    Beats(store).look(hand_moved_clock.moment)

    task_id = task_id_of("nightly", BEGIN + timedelta(minutes=5))
    for key in (keys.bitmap(task_id), keys.record(task_id)):
        assert timedelta(0) < arranged.life_left(client, key) <= arranged.TTLS.open
