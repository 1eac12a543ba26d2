"""A duration is set as people think of it: in seconds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from donebit import config
from donebit.errors import ConfigurationError


@pytest.mark.parametrize(("text", "seconds"), [("60", 60), ("1", 1), ("0.5", 0.5), ("86400", 86_400)])
def test_a_duration_is_a_number_of_seconds(
    monkeypatch: pytest.MonkeyPatch, text: str, seconds: float
) -> None:
    monkeypatch.setenv("STALL_AFTER", text)

    assert config.load().stall_after == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "P1D", "nan", "inf"])
def test_a_duration_that_is_none_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TASK_TTL", text)

    with pytest.raises(ConfigurationError, match=r"^settings: TASK_TTL: "):
        config.load()
