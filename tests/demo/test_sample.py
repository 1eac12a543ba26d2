"""The made-up data of the demo: the same every time, marked, and gone on one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import numpy as np
import pytest

from shared.config import Settings
from shared.demo.sample import filling, population
from shared.demo.sample.filling import EVENTS, FLAGS, TASKS, Failed, Service, fill, remove
from tests.stack import Stack, ask
from tests.started import eventually

TODAY = date(2026, 11, 21)


@contextmanager
def services(stack: Stack) -> Iterator[tuple[Service, Service, Service]]:
    """On fresh connections: those that nobody used for a while the services close."""
    trigger, done, distinct = (Service(url, None) for url in (stack.trigger, stack.done, stack.distinct))
    with trigger, done, distinct:
        yield trigger, done, distinct


def test_a_day_has_the_same_people_whenever_it_is_asked_for() -> None:
    first, again = population.day(TODAY, 90), population.day(TODAY, 90)

    assert np.array_equal(first.visited, again.visited)
    assert np.array_equal(first.bought, again.bought)
    assert set(first.bought.tolist()) < set(first.visited.tolist())
    assert len(set(first.visited.tolist())) == len(first.visited) > 1000


def test_people_come_back_less_and_less_but_not_to_nobody() -> None:
    began = TODAY - timedelta(days=60)
    number = (began - population.FIRST_DAY).days
    everybody = population.day(began, 90).visited.tolist()
    mine = {user for user in everybody if user // population.MOST_A_DAY == number}

    back = [
        len(mine & set(population.day(began + timedelta(days=days), 90).visited.tolist())) / len(mine)
        for days in (0, 2, 9, 30)
    ]

    assert back[0] == 1
    assert back[1] > back[2] > 0.05
    assert back[3] > 0.05


def test_the_demo_is_filled_marked_and_emptied_again(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "DAYS", 12)
    monkeypatch.setattr(filling, "TASKS", [{**task, "count": 300} for task in TASKS])
    with services(stack) as three:
        sentence = fill(*three)
    shown = ask("GET", f"{stack.done}/tasks?label=demo").said["tasks"]
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
    assert ask("GET", f"{stack.done}/tasks/demo-mailing").said["state"] == "cancelled"
    assert ask("GET", f"{stack.distinct}/events/demo.visit/count?period=month").said["count"] == today > 1000
    assert "`make clear` removes them" in again

    with services(stack) as (_, done, distinct):
        remove(done, distinct)

    assert ask("GET", f"{stack.done}/tasks?label=demo").said["tasks"] == []
    assert not {one["event"] for one in ask("GET", f"{stack.distinct}/events").said["events"]} & set(EVENTS)
    assert not {one["flag"] for one in ask("GET", f"{stack.distinct}/flags").said["flags"]} & set(FLAGS)


def test_a_service_that_is_not_there_is_told_in_a_sentence(free_port: int) -> None:
    with pytest.raises(Failed, match=r"POST /tasks: .*refused"):
        fill(*[Service(f"http://127.0.0.1:{free_port}", None)] * 3)


def test_the_sample_is_a_setting() -> None:
    assert Settings(sample=False).sample is False
