"""Each step's own input: stored in chunks, found by its step, added all or not at all."""

from __future__ import annotations

import random
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from donebit.completion import failing, fanout, items, lifecycle, reporting, resuming
from donebit.completion.announcing import announce
from donebit.completion.fanout import Slice
from donebit.completion.items import ItemLimits, ItemReader
from donebit.completion.resuming import Extension
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.sweeping import Sweep
from donebit.completion.task import Task
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.publishing import request_fan_out
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, missing_ranges, now
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher

MANY = 10_000_000
LIMITS = ItemLimits(steps=MANY, bytes=MANY)


def start(store: Store, given: list[Any], task_id: str | None = None, **asked: Any) -> Task:
    packed = items.pack(given)
    spec = TaskSpec(len(given), items=packed.digest, **asked)
    return lifecycle.start(store, spec, task_id=task_id, ttls=TTLS, max_steps=MANY, items=packed).task


def append(
    store: Store, task: Task, given: list[Any], limits: ItemLimits = LIMITS, **call: Any
) -> tuple[Task, int]:
    asked: dict[str, Any] = {"expected": None, "only_open": True, "reply_key": None, **call}
    return items.append(store, task.id, items.pack(given), limits=limits, **asked)


def read(store: Store, task: Task) -> list[Any]:
    reader = ItemReader(store, now(store, task))
    return [reader.item(step) for step in range(now(store, task).count)]


@pytest.mark.parametrize("count", [1, 7, 8, 1023, 1024, 1025, 3000])
def test_each_step_has_its_item(store: Store, count: int) -> None:
    given = [f"books/{step:05}.txt" for step in range(count)]

    task = start(store, given)

    assert read(store, task) == given
    assert items.item_of(store, now(store, task), count - 1) == given[-1]
    assert (task.count, now(store, task).missing_steps) == (count, count)


@pytest.mark.parametrize("item", [None, 0, 2**70, 1.5, "é\n", {"b": 1, "a": [2]}, "x" * 200_000])
def test_every_json_value_can_be_an_item(store: Store, item: object) -> None:
    task = start(store, [item, 1, item, 2])

    assert read(store, task) == [item, 1, item, 2]


def test_pieces_are_added_to_an_open_task(store: Store) -> None:
    task = start(store, ["first"], open=True)
    pieces = [[f"{piece}.{step}" for step in range(size)] for piece, size in enumerate((1, 1500, 2, 7))]

    counts = [append(store, task, piece)[0].count for piece in pieces]

    assert counts == [2, 1502, 1504, 1511]
    assert read(store, task) == ["first", *(item for piece in pieces for item in piece)]
    assert missing_ranges(store, task) == [(0, 1511)]


def test_a_piece_sent_again_under_its_key_is_added_once(store: Store) -> None:
    task = start(store, [], open=True)

    answers = [append(store, task, ["a", "b"], reply_key="piece-1") for _ in range(2)]

    assert [before for _, before in answers] == [0, 0]
    assert read(store, task) == ["a", "b"]
    with pytest.raises(InvalidInput, match="used for another request"):
        append(store, task, ["c"], reply_key="piece-1")


def test_a_piece_goes_only_behind_those_that_are_there(store: Store) -> None:
    task = start(store, [], open=True)
    append(store, task, ["a"], expected=0)

    with pytest.raises(Conflict, match="has 1 steps, not 2 as `from` says"):
        append(store, task, ["c"], expected=2)

    assert read(store, task) == ["a"]


def test_nothing_runs_before_an_open_task_of_items_is_closed(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task, sent = start(store, ["a"], job="demo", open=True), list[Slice]()
    extended, _ = append(store, task, ["b", "c"])
    publisher = RecordingPublisher()
    for _ in range(5):
        hand_moved_clock.forward(hours=1)
        Sweep(store, publisher, TTLS).run()

    before = [fanout.is_due(extended, 0), request_fan_out(None, extended)]  # type: ignore[arg-type]  # nobody is asked
    closed, ended = resuming.close(store, task.id)
    fanout.fan_out(store, closed, lambda _, parts: sent.extend(parts))

    assert (publisher.dispatched, publisher.probed, before) == ([], [], [False, None])
    assert (ended, fanout.is_due(closed, 0), now(store, task).stalled) == (False, True, False)
    assert [(part.start, part.stop) for part in sent] == [(0, 1), (1, 2), (2, 3)]


def test_a_closed_task_takes_items_that_start_at_once(store: Store) -> None:
    task = start(store, ["a"], job="demo")

    with pytest.raises(Conflict, match=f"task {task.id} is not open"):
        append(store, task, ["b"])
    extended, before = append(store, task, ["b"], only_open=False)

    assert (before, extended.count, read(store, task)) == (1, 2, ["a", "b"])


def test_items_and_steps_without_are_not_mixed(store: Store) -> None:
    with_items = start(store, ["a"])
    without = lifecycle.start(store, TaskSpec(1), ttls=TTLS, max_steps=9).task

    with pytest.raises(InvalidInput, match="have items: extend it by `items`"):
        resuming.extend(store, with_items.id, Extension(add=1), max_steps=9)
    with pytest.raises(InvalidInput, match="have no items"):
        append(store, without, ["b"], only_open=False)
    with pytest.raises(NotFound, match="has no items"):
        items.item_of(store, without, 0)
    with pytest.raises(InvalidInput, match="its steps are 0 to 0"):
        items.item_of(store, with_items, 1)


def test_more_than_a_task_may_have_is_refused_and_changes_nothing(store: Store) -> None:
    task = start(store, ["a"], open=True)

    with pytest.raises(InvalidInput, match="2 items are added to 1 steps; at most 2 steps"):
        append(store, task, ["b", "c"], ItemLimits(2, MANY))
    with pytest.raises(InvalidInput, match=r"have 17 bytes of JSON; at most 16 .*MAX_ITEMS_BYTES"):
        append(store, task, ["b", "cccccc"], ItemLimits(9, 16))
    with pytest.raises(NotFound):
        items.append(
            store, "never", items.pack(["a"]), limits=LIMITS, expected=None, only_open=True, reply_key=None
        )
    lifecycle.cancel(store, task.id)
    with pytest.raises(Conflict, match="is cancelled"):
        append(store, task, ["b"])

    assert read(store, task) == ["a"]


def test_the_same_id_is_the_same_task_only_with_the_same_items(store: Store) -> None:
    task = start(store, [{"a": 1, "b": 2}, "x"], "again")

    same = start(store, [{"b": 2, "a": 1}, "x"], "again")

    assert same.nonce == task.nonce
    for other in ([{"a": 1, "b": 3}, "x"], ["x", {"a": 1, "b": 2}]):
        with pytest.raises(Conflict):
            start(store, other, "again")


def test_the_digest_does_not_depend_on_how_items_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = [{"n": number, "a": "x" * (number % 50)} for number in range(500)]
    whole = items.pack(given)
    monkeypatch.setattr(items, "ITEMS_PER_CHUNK", 7)

    cut = items.pack(given)

    assert (cut.digest, cut.size) == (whole.digest, whole.size)
    assert len(cut.chunks) > len(whole.chunks)
    assert items.pack(["a", "b"]).digest != items.pack(["a,b"]).digest != items.pack([["a", "b"]]).digest


def test_an_item_that_is_no_json_is_named_by_its_index() -> None:
    with pytest.raises(InvalidInput, match=r"items\[2000\] cannot be written as JSON") as refused:
        items.pack([*range(2000), {1, 2}])

    assert refused.value.field == "items.2000"


def test_items_stay_with_the_record_and_go_with_it(store: Store, client: Redis) -> None:
    task = start(store, ["a", "b"])
    failing.fail(store, task.id, 0, "no")
    reporting.report(store, task.id, [1])
    announce(store, task.id)
    resumed = resuming.resume(store, task.id, TTLS)

    assert items.shown_items(store, resumed, [0, 1]) == {0: "a", 1: "b"}
    assert reporting.report(store, task.id, [0]).state is State.DONE
    announce(store, task.id)
    assert abs(client.pttl(keys.items(task.id)) - client.pttl(keys.record(task.id))) < 1000
    lifecycle.delete(store, task.id)
    assert not client.exists(keys.items(task.id))


def test_the_items_of_another_task_under_the_id_are_not_read(store: Store) -> None:
    old = start(store, ["old"], "again")
    lifecycle.delete(store, old.id)
    start(store, ["new"], "again")

    with pytest.raises(NotFound):
        ItemReader(store, old).item(0)
    with pytest.raises(NotFound):
        ItemReader(store, replace(old, id="never")).item(0)


def test_of_two_who_add_at_once_each_adds_its_own(real_store: Store) -> None:
    task = start(real_store, [], open=True)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda who: append(real_store, task, [who] * 5), range(40)))

    found = read(real_store, task)
    assert sorted(found) == sorted(list(range(40)) * 5)
    assert all(len(set(found[at : at + 5])) == 1 for at in range(0, 200, 5))


def test_items_take_little_more_than_their_json(real_store: Store, real_client: Redis) -> None:
    noise = random.Random(7)
    names = [f"books/{step:06}/chapter.txt" for step in range(20_000)]
    opaque = [f"{noise.randrange(16**20):020x}" for _ in range(20_000)]

    sizes = []
    for given in (names, opaque):
        task = start(real_store, given)
        used = real_client.memory_usage(keys.items(task.id), samples=0) or 0
        sizes.append(used / items.pack(given).size)

    assert sizes[0] < 0.5
    assert sizes[1] < 1.1
    assert zlib.decompress(items.pack(["a"]).chunks[0].data) == b'["a"]'
