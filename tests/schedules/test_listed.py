"""Expectations look at the tasks that are listed, and all of them together read these once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from donebit import clock
from donebit.completion import lifecycle
from donebit.completion.spec import TaskSpec
from donebit.schedules import expecting
from donebit.schedules.expectation import ExpectationSpec, Expected
from donebit.schedules.judging import Judge
from donebit.schedules.listed import ListedTasks
from donebit.schedules.timing import Timing
from donebit.store import Store
from tests.completion.arranged import TTLS
from tests.schedules.arranged import Calls


def started(**meant: Any) -> ExpectationSpec:
    timing = Timing("0 * * * *", "UTC")
    return ExpectationSpec(timing, Expected.STARTED, within=timedelta(hours=1), **meant)


def start(store: Store, task_id: str, **given: str) -> None:
    lifecycle.start(store, TaskSpec(1, **given), task_id=task_id, ttls=TTLS, max_steps=10)  # type: ignore[arg-type]  # texts


def test_a_hundred_new_expectations_read_the_listed_tasks_once(store: Store) -> None:
    for number in range(100):
        expecting.put(store, f"e{number}", started(label="backup"))
    start(store, "t1", label="backup")
    index = Calls(store.task_index)

    looked_at = Judge(replace(store, task_index=index), lambda _: None, TTLS).run()  # type: ignore[arg-type]  # as in arranged

    assert looked_at == 100
    assert index.made == 1
    assert all(store.expectations.seen(f"e{number}", 0) for number in range(100))


def test_a_judge_looks_at_the_tasks_as_they_are_listed_each_time(store: Store) -> None:
    expecting.put(store, "e", started(label="backup"))
    judge = Judge(store, lambda _: None, TTLS)
    judge.run()
    before = store.expectations.seen("e", 0)

    start(store, "t1", label="backup")
    judge.run(clock.now() + timedelta(seconds=1))

    assert before == []
    assert len(store.expectations.seen("e", 0)) == 1


@pytest.mark.parametrize(
    ("meant", "ids"),
    [
        ({"label": "backup"}, ["b2", "a1"]),
        ({"job": "demo"}, ["b3", "b2"]),
        ({"prefix": "b"}, ["b3", "b2"]),
        ({"label": "backup", "job": "demo"}, ["b2"]),
        ({"job": "demo", "prefix": "a"}, []),
    ],
)
def test_label_job_and_prefix_say_which_listed_tasks_are_meant(
    store: Store, meant: dict[str, str], ids: list[str]
) -> None:
    start(store, "a1", label="backup")
    start(store, "b2", label="backup", job="demo")
    start(store, "b3", job="demo")

    found = ListedTasks().meant_by(store, started(**meant))

    assert [one.id for one in found] == ids
