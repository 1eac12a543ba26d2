"""The figures of schedules that an operator watches."""

from __future__ import annotations

from typing import NamedTuple

from donebit.schedules import changes, expecting
from donebit.schedules.expectation import Expectation
from donebit.schedules.schedule import Schedule
from donebit.store import Store

MOST_LISTED = 200  # schedules by name, so that figures stay few


class ScheduleFigures(NamedTuple):
    """How many schedules are active and paused, and what is listed one by one."""

    active: int
    paused: int
    listed: list[Schedule]
    expectations: list[Expectation]


def read_figures(store: Store) -> ScheduleFigures:
    """Read them; the first 200 schedules and expectations by name are listed."""
    names = store.schedules.names()
    found = [
        (name, fields) for name, fields in zip(names, store.schedules.read(names), strict=True) if fields
    ]
    paused = sum("paused_at" in fields for _, fields in found)
    listed = changes.readable_schedules(found[:MOST_LISTED])
    expectations = expecting.list_expectations(store)[:MOST_LISTED]
    return ScheduleFigures(len(found) - paused, paused, listed, expectations)
