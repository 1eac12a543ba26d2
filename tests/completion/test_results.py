"""What steps returned: one result a step, that of the report that set its bit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis import Redis

from donebit.completion import failing, lifecycle, reporting, results, resuming
from donebit.completion.reporting import Report
from donebit.completion.results import ResultRefused, ResultsFull
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import InvalidInput, NotFound
from donebit.store import Store, keys
from tests.completion.arranged import BYTE_BORDERS, TTLS, now, start

ROOM = 10_000_000


def report(store: Store, task: Task, found: dict[int, Any], *, room: int = ROOM, **call: Any) -> Report:
    pairs = [(step, results.encode(value, ROOM)) for step, value in found.items()]
    return reporting.report_results(store, task.id, results.runs_of(pairs), max_bytes=room, **call)


def kept(store: Store, task: Task) -> dict[int, Any]:
    return {step: json.loads(text) for step, text in results.iterate(store, now(store, task))}


@pytest.mark.parametrize("count", [*BYTE_BORDERS, 255, 256, 257, 513])
def test_results_come_in_the_order_of_the_steps(store: Store, count: int) -> None:
    task = start(store, count)
    odd = {step: step * step for step in range(1, count, 2)}
    even = {step: -step for step in range(0, count, 2)}
    report(store, task, odd)

    ended = report(store, task, even)

    assert (ended.completed_task, ended.state) == (True, State.DONE)
    assert list(kept(store, task).items()) == sorted((odd | even).items())
    assert now(store, task).results == count


@pytest.mark.parametrize(
    "value", [None, True, 0, -7, 2**70, 1.5, "", "é\n@1\n&", "&", [1, [2]], {"a": {"b": "&"}}, "x" * 70_000]
)
def test_every_json_value_comes_back_as_it_was(store: Store, value: object) -> None:
    task = start(store, 3)

    report(store, task, {0: value, 1: 5, 2: value})

    assert kept(store, task) == {0: value, 1: 5, 2: value}


def test_of_two_reports_of_a_step_the_first_one_stays(store: Store) -> None:
    task = start(store, 4)

    first, second = report(store, task, {0: "a", 1: "b"}), report(store, task, {1: "other", 2: "c"})
    reporting.report(store, task.id, [3])
    late = report(store, task, {0: "late", 3: "late"})

    assert (first.fresh, second.fresh, late.fresh, late.state) == (2, 1, 0, State.DONE)
    assert kept(store, task) == {0: "a", 1: "b", 2: "c"}


def test_a_report_sent_again_under_its_key_keeps_its_results_once(store: Store) -> None:
    task = start(store, 2)

    answers = [report(store, task, {0: 1}, reply_key="once") for _ in range(2)]

    assert answers[0] == answers[1]
    assert (kept(store, task), now(store, task).results) == ({0: 1}, 1)
    with pytest.raises(InvalidInput, match="used for another request"):
        report(store, task, {0: 2}, reply_key="once")


def test_steps_with_and_without_a_result_are_one_report(store: Store) -> None:
    task = start(store, 9)

    both = report(store, task, {1: "one", 7: "seven"}, steps=[0], ranges=[(2, 5)])
    with pytest.raises(InvalidInput, match="step 9 is not a step"):
        report(store, task, {6: 6}, steps=[9])
    with pytest.raises(InvalidInput, match="step 9 is not a step"):
        report(store, task, {8: 8, 9: 9})

    assert (both.fresh, both.missing_steps) == (6, 3)
    assert kept(store, task) == {1: "one", 7: "seven"}


def test_a_report_that_leaves_no_room_changes_nothing(store: Store) -> None:
    task = start(store, 3)
    report(store, task, {0: "abc"}, room=10)

    with pytest.raises(ResultsFull, match=r"would have 13 bytes; at most 10 are kept \(MAX_RESULT_BYTES\)"):
        report(store, task, {1: 1, 2: "abcde"}, room=10)
    again = report(store, task, {0: "x" * 99}, room=10)

    assert (again.fresh, now(store, task).missing_steps, kept(store, task)) == (0, 2, {0: "abc"})
    assert report(store, task, {1: 1}, room=10).fresh == 1


def test_an_unknown_or_deleted_task_keeps_nothing(store: Store, client: Redis) -> None:
    task = start(store, 3)
    report(store, task, {0: 1, 1: "x" * 200})
    lifecycle.delete(store, task.id)

    with pytest.raises(NotFound):
        report(store, task, {2: 1})
    assert not client.exists(keys.results(task.id))


def test_results_outlive_a_failure_and_a_resume(store: Store, client: Redis) -> None:
    task = start(store, 3)
    report(store, task, {0: "a"})
    failing.fail(store, task.id, 1, "no")
    failing.fail(store, task.id, 2, "no")
    resuming.resume(store, task.id, TTLS)

    report(store, task, {1: "b"})
    failing.fail(store, task.id, 2, "no")
    ended = report(store, task, {2: "c"})

    assert (ended.state, kept(store, task)) == (State.DONE, {0: "a", 1: "b", 2: "c"})
    of_record_ms = client.pttl(keys.record(task.id))  # asked first: time goes on
    assert client.pttl(keys.results(task.id)) <= of_record_ms


def test_a_page_ends_at_its_limit_or_its_bytes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    task = start(store, 600)
    report(store, task, {step: "x" * (300 if step % 2 else 3) for step in range(600)})
    done = now(store, task)

    first = results.list_results(store, done, limit=400)
    monkeypatch.setattr(results, "MAX_PAGE_BYTES", 1000)
    short = results.list_results(store, done, after=first.next or 0, limit=400)

    assert ([step for step, _ in first.results], first.next) == (list(range(400)), 400)
    assert 1 < len(short.results) < 40
    assert short.next == 400 + len(short.results)
    assert [step for step, _ in results.results_of(store, done, [599, 3, 300])] == [3, 300, 599]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({1, 2}, "result cannot be written as JSON: Object of type set is not JSON serializable"),
        (float("nan"), "result cannot be written as JSON: Out of range float values"),
        ("\ud800", "result cannot be written as JSON: "),
        ([{1: "a", "1": "b"}], "result cannot be written as JSON: 1 is given twice in one object"),
        ("x" * 99, r"result has 101 bytes of JSON; at most 100 are kept \(MAX_STEP_RESULT_BYTES\)"),
        ("é" * 50, "result has 102 bytes of JSON"),
        (
            json.loads("[" * 151 + "]" * 151),
            "result cannot be written as JSON: lists and objects are nested on more",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_sentence(value: object, why: str) -> None:
    with pytest.raises(ResultRefused, match=why):
        results.encode(value, 100)


def test_integer_results_take_little_memory(real_store: Store, real_client: Redis) -> None:
    task = start(real_store, 20_000)
    for first in range(0, 20_000, 400):
        report(real_store, task, {step: step * 7 for step in range(first, first + 400)})

    assert 0 < (real_client.memory_usage(keys.results(task.id), samples=0) or 0) < 12 * 20_000
