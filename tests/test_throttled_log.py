"""Of lines that come too often some are said."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

import pytest

from donebit.throttled_log import Intervals, ThrottledLog
from tests.started import eventually


def test_of_a_flood_the_first_and_the_last_line_are_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = ThrottledLog(logging.getLogger("paced"), timedelta(seconds=0.05))

    for number in range(1, 10_001):
        log.info("%d distinct users", number)

    assert caplog.messages[0] == "1 distinct users"
    eventually(lambda: caplog.messages[-1] == "10000 distinct users", 10)
    assert len(caplog.messages) < 1000


def test_lines_further_apart_than_the_pause_are_all_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = ThrottledLog(logging.getLogger("paced"), timedelta(seconds=0.01))

    for number in range(3):
        log.info("line %d", number)
        eventually(lambda number=number: f"line {number}" in caplog.messages, 10)  # type: ignore[misc]  # bound now
        eventually(lambda: not log.pausing, 10)

    assert caplog.messages == ["line 0", "line 1", "line 2"]


def test_of_each_subject_a_line_is_due_once_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    intervals = Intervals(timedelta(seconds=60))

    due = []
    for now[0], subject in ((0, "a"), (30, "a"), (30, "b"), (61, "a"), (62, "b"), (90, "b"), (120, "a")):
        due += [(now[0], subject)] if intervals.is_due(subject) else []

    assert due == [(0, "a"), (30, "b"), (61, "a"), (90, "b")]
