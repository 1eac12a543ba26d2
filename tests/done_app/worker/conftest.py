"""How long a run takes: as long as it needs, but in tests of that."""

from __future__ import annotations

from datetime import timedelta

import pytest

from done_app.worker.steps import runner
from done_app.worker.steps.runner import MAX_RUN_TIME, REPORT_EVERY


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may hold up what takes next to no time, so a run ends and reports when it is through."""
    monkeypatch.setattr(runner, "MAX_RUN_TIME", timedelta(minutes=1))
    monkeypatch.setattr(runner, "REPORT_EVERY", timedelta(minutes=1))


@pytest.fixture
def ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends after its time, as in a worker."""
    monkeypatch.setattr(runner, "MAX_RUN_TIME", MAX_RUN_TIME)


@pytest.fixture
def reports_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run reports now and then, as in a worker."""
    monkeypatch.setattr(runner, "REPORT_EVERY", REPORT_EVERY)
