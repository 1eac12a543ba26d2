"""How long a run of steps may take in these tests."""

from __future__ import annotations

from datetime import timedelta

import pytest

from done_app.worker.steps import runner

HOUR = timedelta(hours=1)
REPORT_EVERY, MAX_RUN_TIME = runner.REPORT_EVERY, runner.MAX_RUN_TIME


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run reports and ends when its steps have run: a busy machine may stand still in the midst of it."""
    monkeypatch.setattr(runner, "REPORT_EVERY", HOUR)
    monkeypatch.setattr(runner, "MAX_RUN_TIME", HOUR)


@pytest.fixture
def reports_meanwhile(unhurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run reports as often as in a worker."""
    del unhurried
    monkeypatch.setattr(runner, "REPORT_EVERY", REPORT_EVERY)


@pytest.fixture
def ends_in_time(unhurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends as soon as in a worker."""
    del unhurried
    monkeypatch.setattr(runner, "MAX_RUN_TIME", MAX_RUN_TIME)
