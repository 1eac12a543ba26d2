"""Steps that got lost are sent again: those alone, only when nothing moves, and not for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from redis import Redis

from donebit import clock
from donebit.completion import fanout, healing, lifecycle, reporting, resuming
from donebit.completion.announcing import announce
from donebit.completion.fanout import Slice
from donebit.completion.healing import ProbedState
from donebit.completion.sweeping import MAX_HEALS, SAMPLES_APART, Sweep
from donebit.completion.task import Task
from donebit.errors import Conflict
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, life_left, now, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher

STALL_AFTER = timedelta(seconds=10)


class Messages(list[Slice]):
    """What was sent, as the slices asked for."""

    def send(self, _: Task, parts: Sequence[Slice]) -> None:
        self.extend(parts)

    @property
    def steps(self) -> list[int]:
        return [step for part in self for step in range(part.start, part.stop)]


def start_fanned_out(store: Store, count: int = 9) -> Task:
    task = start(store, count, job="demo", stall_after=STALL_AFTER)
    fanout.fan_out(store, task, Messages().send)
    return task


def progress_ms(task: Task) -> int:
    return clock.ms_since_epoch(task.last_progress_at)


def probed_at(store: Store, hands: HandMovedClock, *, until: int, heal: bool) -> list[int]:
    """The seconds, out of so many, at which a sweep sends a probe; each heals at once if it may."""
    publisher, began, seconds = RecordingPublisher(), hands.moment, []
    while (passed := (hands.moment - began).total_seconds()) < until:
        Sweep(store, publisher, TTLS).run()
        for task in publisher.probed:
            seconds.append(round(passed))
            if heal:
                healing.heal(store, now(store, task), ProbedState.of(now(store, task)), Messages().send)
        publisher.probed.clear()
        hands.forward(seconds=5)
    return seconds


@pytest.mark.parametrize(
    ("count", "batch", "messages", "largest"),
    [(1, None, 1, 1), (250, None, 250, 1), (251, None, 126, 2), (100_000, None, 250, 400), (10, 4, 3, 4)],
)
def test_a_start_sends_every_step_once_in_few_messages(
    store: Store, count: int, batch: int | None, messages: int, largest: int
) -> None:
    task, sent = start(store, count, job="demo", batch=batch), Messages()

    assert fanout.fan_out(store, task, sent.send) == messages == len(sent)
    assert sent.steps == list(range(count))
    assert max(part.stop - part.start for part in sent) == largest


@pytest.mark.parametrize(
    ("parts", "written"), [(0, []), (1, [1]), (8, [8]), (9, [8, 1]), (600, [8, 16, 32, 64, 128, 256, 96])]
)
def test_slices_go_out_together_few_of_them_first(parts: int, written: list[int]) -> None:
    slices = [Slice(step, step + 1) for step in range(parts)]

    together = list(fanout.writes(iter(slices)))

    assert [len(write) for write in together] == written
    assert [part for write in together for part in write] == slices


def test_a_fan_out_is_noted_when_all_of_it_is_sent(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start(store, fanout.FIRST_WRITE + 1, job="demo")
    noted: list[object] = []

    fanout.fan_out(store, task, lambda *_: noted.append(now(store, task).dispatched_at))

    assert noted == [None, None]
    assert now(store, task).dispatched_at == hand_moved_clock.moment


def test_only_missing_steps_are_sent_again(store: Store) -> None:
    task, sent = start_fanned_out(store, 9), Messages()
    reporting.report(store, task.id, [0, 4, 8])

    moved = now(store, task)
    healing.heal(store, moved, ProbedState.of(moved), sent.send)

    assert sent.steps == [1, 2, 3, 5, 6, 7]


def test_missing_steps_of_slices_are_cut_at_what_is_done() -> None:
    cut = list(fanout.slices([(0, 5), (7, 9), (20, 21)], 2))

    assert [(part.start, part.stop) for part in cut] == [(0, 2), (2, 4), (4, 5), (7, 9), (20, 21)]


def test_nothing_is_sent_again_after_progress_since_the_probe(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task, sent = start_fanned_out(store), Messages()
    hand_moved_clock.forward(seconds=30)
    reporting.report(store, task.id, [0])

    assert healing.heal(store, now(store, task), ProbedState.of(task), sent.send) == 0
    assert sent == []
    assert now(store, task).heals == 0


def test_nothing_is_sent_again_of_an_ended_task(store: Store) -> None:
    done, cancelled = start_done(store), start(store)
    lifecycle.cancel(store, cancelled.id)

    sent = [
        healing.heal(store, now(store, task), ProbedState.of(now(store, task)), Messages().send)
        for task in (done, cancelled)
    ]

    assert sent == [0, 0]


def test_a_probe_goes_when_the_task_has_not_moved_for_its_stall_after(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start_fanned_out(store)

    def probes() -> str:
        return store.tasks.take_probe(
            task.id, now_ms=clock.now_ms(), limit=MAX_HEALS, looks_apart=SAMPLES_APART
        )

    hand_moved_clock.forward(seconds=9.999)
    before = probes()
    hand_moved_clock.forward(seconds=0.001)

    assert (before, probes(), probes()) == ("fine", "probe", "fine")


def test_a_task_that_ends_during_a_check_is_not_probed_nor_kept_open(store: Store, client: Redis) -> None:
    task = start_fanned_out(store)
    lifecycle.cancel(store, task.id)
    announce(store, task.id)

    found = store.tasks.take_probe(
        task.id, now_ms=progress_ms(task) + 3_600_000, limit=MAX_HEALS, looks_apart=SAMPLES_APART
    )

    assert found == "fine"
    assert life_left(client, keys.record(task.id)) <= TTLS.ended


def test_progress_puts_the_probe_off(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start_fanned_out(store)
    hand_moved_clock.forward(seconds=9)
    reporting.report(store, task.id, [0])

    assert probed_at(store, hand_moved_clock, until=16, heal=True) == [10]


def test_a_probe_that_does_not_come_through_the_queue_sends_nothing_again(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start_fanned_out(store)

    assert probed_at(store, hand_moved_clock, until=41, heal=False) == [10, 20, 30, 40]
    assert now(store, task).heals == 0


def test_pauses_double_with_each_healing_that_moves_nothing(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    start_fanned_out(store)

    assert probed_at(store, hand_moved_clock, until=320, heal=True) == [10, 30, 70, 150, 310]


def test_progress_makes_the_pauses_short_again(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start_fanned_out(store)
    probed_at(store, hand_moved_clock, until=80, heal=True)

    reporting.report(store, task.id, [0])

    assert probed_at(store, hand_moved_clock, until=40, heal=True) == [10, 30]


def test_after_the_last_healing_the_task_is_called_stalled_once(
    store: Store, hand_moved_clock: HandMovedClock, caplog: pytest.LogCaptureFixture
) -> None:
    task = start_fanned_out(store, 9)
    reporting.report(store, task.id, [0])
    store.tasks.update_record(
        task.id, task.nonce, task.run, {"heals": MAX_HEALS, "probed_at": progress_ms(task)}
    )
    hand_moved_clock.forward(seconds=STALL_AFTER.total_seconds() * 2**MAX_HEALS)

    probes = probed_at(store, hand_moved_clock, until=60, heal=True)

    assert probes == []
    assert now(store, task).stalled
    (said,) = [record.message for record in caplog.records if "stalled" in record.message]
    assert f"task {task.id} is stalled: 8 of 9 steps are missing" in said


def test_a_stalled_task_that_moves_again_is_looked_after_again(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start_fanned_out(store, 9)
    store.tasks.update_record(
        task.id, task.nonce, task.run, {"heals": MAX_HEALS, "probed_at": progress_ms(task)}
    )
    hand_moved_clock.forward(seconds=STALL_AFTER.total_seconds() * 2**MAX_HEALS)
    probed_at(store, hand_moved_clock, until=6, heal=True)
    stalled = now(store, task).stalled
    hand_moved_clock.forward(seconds=1)

    reporting.report(store, task.id, [0])

    assert (stalled, now(store, task).stalled) == (True, False)
    assert probed_at(store, hand_moved_clock, until=40, heal=True) == [10, 30]


def test_a_task_without_a_job_is_called_stalled_and_never_probed(
    store: Store, hand_moved_clock: HandMovedClock, caplog: pytest.LogCaptureFixture
) -> None:
    task = start(store, 3, stall_after=STALL_AFTER)

    probes = probed_at(store, hand_moved_clock, until=60, heal=True)

    assert probes == []
    assert now(store, task).stalled
    assert len([record for record in caplog.records if "stalled" in record.message]) == 1


def test_a_stalled_task_resumes_in_the_same_run_with_missing_steps(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start_fanned_out(store, 9)
    reporting.report(store, task.id, [0])
    store.tasks.update_record(
        task.id, task.nonce, task.run, {"heals": MAX_HEALS, "probed_at": progress_ms(task)}
    )
    hand_moved_clock.forward(seconds=STALL_AFTER.total_seconds() * 2**MAX_HEALS)
    probed_at(store, hand_moved_clock, until=6, heal=True)
    messages = Messages()

    resumed = resuming.resume(store, task.id, TTLS)
    fanout.fan_out(store, resumed, messages.send)

    assert (resumed.stalled, resumed.run, resumed.dispatched_at, resumed.heals) == (False, 1, None, 0)
    assert messages == [Slice(step, step + 1) for step in range(1, 9)]
    with pytest.raises(Conflict):
        resuming.resume(store, task.id, TTLS)
    assert probed_at(store, hand_moved_clock, until=40, heal=True) == [10, 30]


def test_of_many_probes_that_waited_in_a_long_queue_one_heals(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task, publisher = start_fanned_out(store), RecordingPublisher()
    while len(publisher.probed) < 4:
        hand_moved_clock.forward(seconds=5)
        store.task_index.look_again(task.id, 0)
        Sweep(store, publisher, TTLS).run()

    waited = [ProbedState.of(probed) for probed in publisher.probed]
    sent = [healing.heal(store, now(store, task), seen, Messages().send) for seen in waited]

    assert sent == [9, 0, 0, 0]
    assert now(store, task).heals == 1
