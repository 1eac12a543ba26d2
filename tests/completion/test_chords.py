"""A chord ends once, with its last part, whenever its size is told and whatever reports how often."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.completion import chords, failing, lifecycle, listing, reporting
from donebit.completion.chords import ChordTasks
from donebit.completion.listing import Filter
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.store import Store
from donebit.store.chords import ChordStatus, Taken
from tests.completion.arranged import TTLS
from tests.completion.conftest import HandMovedClock
from tests.conftest import keys_without_ttl

GROUP = "3f0c9a4e-0b6e-4f0a-9a52-7d0f3c8c1a11"
DAY, AT_ONCE, LONG = timedelta(days=1), timedelta(0), timedelta(minutes=1)


class Answer(NamedTuple):
    status: str
    completed: bool


class Chord:
    """A chord of the tests: parts are named, and bring their name in capitals unless told otherwise."""

    def __init__(self, client: Redis, store: Store, group: str = GROUP) -> None:
        self.tasks, self.group = ChordTasks.over(client, store.keys.prefix), group
        self.task_id, self._store = chords.task_id_of(group), store

    def start(self, expected: int = 0, body_id: str = "body") -> ChordStatus:
        names: chords.ChordNames = {"group": self.group, "body": "proj.total"}
        return self.tasks.start(names, body_id, b"the body", expected=expected, ttl=DAY)

    def part(
        self, name: str, index: int | None, value: str = "", *, error: str | None = None, token: str = ""
    ) -> Answer:
        part = chords.part_of(name, index, (value or name.upper()).encode(), error)
        answer = self.tasks.report(self.group, part, token or chords.new_token(), LONG)
        return Answer(answer.status, answer.completed)

    def seal(self, size: int) -> ChordStatus:
        return self.tasks.seal(self.group, size)

    def add(self) -> ChordStatus:
        return self.tasks.add_part(self.group)

    def results(self) -> list[str]:
        return [one.decode() for one in self.tasks.results(self.group, by_index=True)]

    def state(self) -> State:
        return lifecycle.get_task(self._store, self.task_id).task.state


@pytest.fixture
def chord(client: Redis, store: Store) -> Chord:
    return Chord(client, store)


def test_a_chord_ends_with_its_last_part_and_only_once(chord: Chord) -> None:
    chord.start(3)
    chord.seal(3)

    answers = [chord.part(name, index) for name, index in [("c", 2), ("a", 0), ("a", 0), ("b", 1), ("b", 1)]]

    assert answers == [("ok", False), ("ok", False), ("again", False), ("ok", True), ("late", False)]
    assert (chord.state(), chord.results()) == (State.DONE, ["A", "B", "C"])


def test_a_size_told_late_ends_nothing_before(chord: Chord, store: Store) -> None:
    chord.start()
    for index, name in enumerate("abc"):
        chord.part(name, index)
        reporting.recount(store, lifecycle.get_task(store, chord.task_id).task)

    before = chord.state()

    assert (before, chord.seal(4), chord.part("d", 3)) == (State.RUNNING, "ok", ("ok", True))
    assert chord.results() == ["A", "B", "C", "D"]


def test_telling_the_size_ends_a_chord_that_is_complete(chord: Chord, store: Store) -> None:
    chord.start()
    chord.part("a", 0)

    sealed = chord.seal(1)

    assert (sealed, chord.state(), store.chords.due(9)) == ("ended", State.DONE, [chord.task_id])


def test_the_first_result_of_a_part_is_the_one(chord: Chord) -> None:
    chord.start(2)
    chord.part("a", 0, "first")
    chord.part("a", 0, "second")
    chord.seal(2)
    chord.part("a", 0, "third", error="late failure")

    chord.part("b", 1)

    assert (chord.state(), chord.results()) == (State.DONE, ["first", "B"])


@pytest.mark.parametrize("sealed_after", range(5))
def test_parts_that_share_an_index_each_count(chord: Chord, sealed_after: int) -> None:
    """The parts at the end of a chain that ends in a group have the index of the chain."""
    chord.start(4)
    parts = [("b", 1), ("d", 1), ("a", 0), ("c", 1)]

    completed = []
    for number, (name, index) in enumerate(parts):
        if number == sealed_after:
            chord.seal(4)
        completed.append(chord.part(name, index).completed)
        assert chord.part(name, index).status in ("again", "late")
    if sealed_after == 4:
        assert chord.seal(4) == "ended"

    assert completed == [False, False, False, sealed_after < 4]
    assert chord.results() == ["A", "B", "C", "D"]


@pytest.mark.parametrize("early", [True, False])
def test_indexes_beyond_the_size_count(chord: Chord, early: bool) -> None:
    """An empty chain in a header has an index and no part."""
    chord.start(2)
    chord.seal(2) if not early else chord.part("c", 7)
    chord.part("c", 7) if not early else chord.seal(2)

    assert chord.part("c", 7) == ("again", False)
    assert chord.part("b", 1) == ("ok", True)
    assert chord.results() == ["B", "C"]


def test_parts_without_an_index_count_and_come_last(chord: Chord) -> None:
    chord.start()
    chord.part("y", None)
    chord.part("a", 0)
    chord.seal(3)

    answers = [chord.part("y", None), chord.part("x", None)]

    assert answers == [("again", False), ("ok", True)]
    assert chord.results() == ["A", "X", "Y"]


@pytest.mark.parametrize("added_first", [True, False])
def test_an_added_part_is_waited_for(chord: Chord, added_first: bool) -> None:
    chord.start(2)
    if not added_first:
        chord.seal(2)
    chord.add()
    chord.part("a+", 0)  # it has the index of the part that added it, and may be the first
    if added_first:
        chord.seal(2)

    answers = [chord.part("a", 0), chord.part("a+", 0), chord.part("b", 1)]

    assert answers == [("ok", False), ("again", False), ("ok", True)]
    assert chord.results() == ["A", "A+", "B"]


def test_a_part_too_many_changes_nothing(chord: Chord) -> None:
    chord.start(2)
    chord.seal(2)
    chord.part("a", 0)
    chord.tasks.add_part("another")

    assert chord.part("a", 0) == ("again", False)
    assert chord.part("b", 0) == ("ok", True)
    assert chord.part("c", 0) == ("late", False)
    assert chord.add() == "late"


def test_a_failed_part_counts_and_its_error_is_kept(chord: Chord, store: Store) -> None:
    chord.start(2)
    chord.part("a", 0, error="no such file")
    chord.part("a", 0)
    chord.seal(2)

    last = chord.part("b", 1)

    assert (last.completed, chord.state()) == (True, State.FAILED)
    task = lifecycle.get_task(store, chord.task_id).task
    (given_up,) = failing.list_failures(store, task, limit=9).failures
    assert (given_up.step, given_up.error) == (0, "no such file")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_a_part_whose_error_has_no_text_has_its_name() -> None:
    part = chords.part_of("a", 0, b"A", Unspeakable())

    assert part.error == '"Unspeakable, whose text cannot be read"'


def test_a_repeat_after_a_lost_answer_still_is_to_call(chord: Chord) -> None:
    chord.start(1)
    chord.seal(1)

    answers = [chord.part("a", 0, token=token) for token in ("mine", "mine", "another's")]

    assert answers == [("ok", True), ("late", True), ("late", False)]


def test_a_chord_applied_twice_loses_no_part(chord: Chord) -> None:
    chord.start(2)
    chord.part("a", 0)

    assert [chord.start(2), chord.start(2, "another body")] == ["same", "kept"]
    chord.seal(2)
    assert chord.part("b", 1).completed
    assert (chord.start(2, "another body"), chord.results()) == ("same", ["A", "B"])


def test_a_chord_applied_again_after_its_end_begins_anew(chord: Chord) -> None:
    chord.start(1)
    chord.seal(1)
    chord.part("a", 0, token="mine")
    assert chord.start(1) == "same"  # and is still to be called
    chord.tasks.hold(GROUP, "mine", LONG)

    assert (chord.start(1), chord.state()) == ("new", State.RUNNING)
    assert (chord.seal(1), chord.part("a", 0, "new").completed) == ("ok", True)
    assert chord.results() == ["new"]
    assert not chord.tasks.close(GROUP, "mine")


def test_a_repeat_of_a_deletion_drops_nothing_of_a_chord_made_since(chord: Chord, store: Store) -> None:
    chord.start(1)
    lifecycle.delete(store, chord.task_id, reply_key="away")
    chord.start(1)
    chord.part("a", 0)

    lifecycle.delete(store, chord.task_id, reply_key="away")

    assert (chord.results(), chord.seal(1)) == (["A"], "ended")
    assert chord.tasks.body(chord.task_id) == (GROUP, b"the body")
    assert store.chords.due(9) == [chord.task_id]


def test_a_deleted_chord_that_has_ended_is_not_called(chord: Chord, store: Store, client: Redis) -> None:
    chord.start(1)
    chord.seal(1)
    chord.part("a", 0)

    lifecycle.delete(store, chord.task_id)

    assert list(client.scan_iter(f"{store.keys.prefix}done:*")) == []


def test_a_task_that_is_no_chord_is_left_alone(chord: Chord, store: Store) -> None:
    lifecycle.start(store, TaskSpec(3), task_id=GROUP, ttls=TTLS, max_steps=9)

    answers = [chord.start(2), chord.seal(2), chord.part("a", 0).status, chord.add()]

    assert answers == ["taken", "unknown", "unknown", "unknown"]
    assert lifecycle.get_task(store, GROUP).task.missing_steps == 3


@pytest.mark.parametrize("group", ["über/all", "x" * 101, ".."])
def test_a_group_id_that_is_no_name_has_a_task(client: Redis, store: Store, group: str) -> None:
    chord = Chord(client, store, group)
    chord.start(1)
    chord.seal(1)

    assert chord.part("a", 0).completed
    assert chord.task_id.startswith("chord-")


def test_the_indexes_are_pruned_without_a_worker_of_donebit(
    chord: Chord, store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    chord.start(1)
    chord.seal(1)
    chord.part("a", 0, token="mine")
    chord.tasks.close(GROUP, "mine")
    running, lost = Chord(client, store, "running"), Chord(client, store, "lost")
    for one in (running, lost):
        one.start(2)
    client.unlink(store.keys.record("lost"), store.keys.bitmap("lost"), *store.keys.of_chord("lost"))
    client.zadd(store.keys.OPEN_TASKS, {GROUP: 1})
    lifecycle.start(store, TaskSpec(3), task_id="no-chord", ttls=TTLS, max_steps=9)

    hand_moved_clock.forward(minutes=2)
    chord.tasks.tidy()

    opened, listed = store.task_index.open_and_new(0)
    assert (opened, listed) == ({"running", "no-chord"}, {GROUP, "running", "no-chord"})


def test_one_caller_at_a_time_has_a_chord(chord: Chord, store: Store) -> None:
    chord.start(1)
    chord.seal(1)
    chord.part("a", 0, token="first")

    assert (store.chords.due(9), store.chords.take_chord(GROUP, "second", LONG)) == ([], Taken.NO)
    assert store.chords.hold_chord(GROUP, "first", AT_ONCE)
    assert store.chords.due(9) == [GROUP]
    assert store.chords.take_chord(GROUP, "second", LONG) is Taken.PERHAPS_CALLED
    assert not store.chords.hold_chord(GROUP, "first", LONG)
    assert not store.chords.close_chord(GROUP, "first")
    assert store.chords.results(GROUP) == [b"0:A"]


def test_a_chord_that_runs_again_is_not_called(chord: Chord, store: Store) -> None:
    chord.start(1)
    chord.seal(1)
    chord.part("a", 0, token="mine")
    chord.tasks.hold(GROUP, "mine", AT_ONCE)
    chord.start(1)

    assert store.chords.due(9) == [GROUP]  # of the run before
    assert store.chords.take_chord(GROUP, "sweep", LONG) is Taken.NO
    assert store.chords.due(9) == []


def test_a_called_chord_is_announced_and_keeps_its_record_alone(
    chord: Chord, store: Store, client: Redis
) -> None:
    chord.start(2)
    chord.seal(2)
    chord.part("a", 0)
    chord.part("b", 1, token="mine")

    assert store.chords.close_chord(GROUP, "mine")

    task = lifecycle.get_task(store, GROUP).task
    assert (task.announced_at is not None, task.done_steps) == (True, 2)
    assert store.task_index.open_and_new(0) == (set(), {GROUP})
    assert set(client.scan_iter()) == {
        name.encode() for name in (store.keys.record(GROUP), store.keys.ALL_TASKS)
    }
    assert (chord.part("a", 0), store.chords.take_chord(GROUP, "other", LONG)) == (("late", False), Taken.NO)
    assert keys_without_ttl(client) == set()


class Reported(NamedTuple):
    name: str
    position: int | None
    failed: bool


PARTS = st.lists(
    st.builds(
        Reported,
        st.sampled_from("abcdefghij"),
        st.none() | st.integers(0, 9),
        st.sampled_from([False] * 4 + [True]),
    ),
    min_size=1,
    max_size=24,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=PARTS, added=st.integers(0, 3), data=st.data())
def test_a_chord_ends_when_as_many_parts_as_it_has_are_in(
    real_client: Redis, real_store: Store, reports: list[Reported], added: int, data: st.DataObject
) -> None:
    owners = list(dict.fromkeys((one.name, one.position) for one in reports))
    added = min(added, len(owners) - 1)
    sealed_at = data.draw(st.integers(0, len(reports)))
    chord = Chord(real_client, real_store, uuid.uuid4().hex)
    chord.start(data.draw(st.integers(0, 12)))
    first: dict[tuple[str, int | None], bool] = {}
    ends = 0

    for number, one in enumerate(reports):
        if number == sealed_at:
            ends += chord.seal(len(owners) - added) == "ended"
        if number < added:
            chord.add()
        answer = chord.part(one.name, one.position, error="bad" if one.failed else None)
        first.setdefault((one.name, one.position), one.failed)
        ends += answer.completed
    if sealed_at == len(reports):
        ends += chord.seal(len(owners) - added) == "ended"

    assert ends == 1
    assert chord.state() is (State.FAILED if any(first.values()) else State.DONE)
    assert len(chord.results()) == len(owners)


def test_a_chord_is_found_by_the_error_of_a_failed_part(chord: Chord, store: Store) -> None:
    chord.start(2)
    chord.part("a", 0, error="OSError: disk 7 is full")

    def found(error: str) -> list[str]:
        return [
            task.id for task in listing.list_tasks(store, Filter(error=error), limit=2, cursor=None).tasks
        ]

    assert found("oserror: disk 8") == [chord.task_id]
    assert found("ValueError") == []
