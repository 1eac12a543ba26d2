"""The made-up data of the demo: the same every time, marked, and gone on one command."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from donebit.config import Settings
from donebit.demo.sample import filling, population
from donebit.demo.sample.filling import EVENTS, FLAGS, TASKS, SampleClient, SampleFailed, fill, remove
from tests.stack import Stack, ask
from tests.started import Started, eventually

TODAY = date(2026, 11, 21)


@contextmanager
def services(stack: Stack) -> Iterator[tuple[SampleClient, SampleClient, SampleClient]]:
    """On fresh connections: those that nobody used for a while the services close."""
    trigger, done, distinct = (SampleClient(url, None) for url in (stack.trigger, stack.done, stack.distinct))
    with trigger, done, distinct:
        yield trigger, done, distinct


def test_a_day_has_the_same_people_whenever_it_is_asked_for() -> None:
    first, again = population.day(TODAY, 90), population.day(TODAY, 90)

    assert np.array_equal(first.visited, again.visited)
    assert np.array_equal(first.bought, again.bought)
    assert set(first.bought.tolist()) < set(first.visited.tolist())
    assert len(set(first.visited.tolist())) == len(first.visited) > 1000


@pytest.mark.parametrize(("setting", "code"), [({"DONE_PORT": "eighty"}, 2), ({"DONE_PORT": "1"}, 1)])
def test_removing_without_a_service_or_with_a_wrong_setting_is_a_sentence(
    tmp_path: Path, setting: dict[str, str], code: int
) -> None:
    addresses = {"HOST": "", "TRIGGER_PORT": "1", "DISTINCT_PORT": "1", "API_TOKEN": ""}
    removing = Started([sys.executable, "-m", "donebit.demo.sample"], tmp_path, **addresses, **setting)
    try:
        ended = removing.exit_code(20)
        (sentence,) = removing.err.splitlines()
    finally:
        removing.end()

    assert ended == code
    assert sentence.startswith("the sample data could not be removed: ")


def test_people_come_back_less_and_less_but_not_to_nobody() -> None:
    began = TODAY - timedelta(days=60)

    back = [came_back(began, days) for days in (0, 2, 9, 30)]

    assert back[0] == 1
    assert back[1] > back[2] > 0.05
    assert back[3] > 0.05


def test_the_demo_is_filled_marked_and_emptied_again(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "DAYS", 12)
    monkeypatch.setattr(filling, "TASKS", [{**task, "count": min(task["count"], 300)} for task in TASKS])
    with services(stack) as three:
        sentence = fill(*three)
    shown = ask("GET", f"{stack.done}/tasks?label=sample").said["tasks"]
    eventually(
        lambda: ask("GET", f"{stack.done}/tasks/demo-invoices").said["state"] == "failed",
        60,
        what="nothing fails",
    )
    today = ask("GET", f"{stack.distinct}/events/demo.visit/count?period=month").said["count"]
    with services(stack) as three:
        again = fill(*three)

    assert "5 tasks and" in sentence
    assert {task["task_id"] for task in shown} == {task["task_id"] for task in TASKS}
    mailing = ask("GET", f"{stack.done}/tasks/demo-mailing").said
    assert (mailing["state"], mailing["missing"]) == ("cancelled", [[93, 100], [154, 200], [272, 300]])
    assert ask("GET", f"{stack.distinct}/events/demo.visit/count?period=month").said["count"] == today > 1000
    assert "`make clear` removes them" in again

    with services(stack) as (_, done, distinct):
        remove(done, distinct)

    assert ask("GET", f"{stack.done}/tasks?label=sample").said["tasks"] == []
    assert not {one["event"] for one in ask("GET", f"{stack.distinct}/events").said["events"]} & set(EVENTS)
    assert not {one["flag"] for one in ask("GET", f"{stack.distinct}/flags").said["flags"]} & set(FLAGS)


def test_fewer_of_those_come_back_whom_a_campaign_brought() -> None:
    called = TODAY - timedelta(days=9)  # 315 days after the first, the seventh campaign's first day
    usual = called - timedelta(days=7)

    after_a_week = [came_back(day, 7) for day in (called, usual)]

    assert (called - population.FIRST_DAY).days % population.CAMPAIGN_EVERY_DAYS == 0
    assert len(newcomers(called)) > 1.5 * len(newcomers(usual))
    assert after_a_week[0] < after_a_week[1]


def newcomers(began: date) -> set[int]:
    number = (began - population.FIRST_DAY).days
    visited: list[int] = population.day(began, 90).visited.tolist()
    return {user for user in visited if user // population.MOST_A_DAY == number}


def came_back(began: date, days: int) -> float:
    """The share of those who signed up on this day that came so many days later."""
    later = set(population.day(began + timedelta(days=days), 90).visited.tolist())
    return len(newcomers(began) & later) / len(newcomers(began))


def test_an_unreachable_service_is_one_sentence(free_port: int) -> None:
    with pytest.raises(SampleFailed, match=r"POST /tasks: .*refused"):
        fill(*[SampleClient(f"http://127.0.0.1:{free_port}", None)] * 3)


def test_the_sample_is_a_setting() -> None:
    assert Settings(sample=False).sample is False
