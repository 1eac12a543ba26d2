"""A clock that tests of schedules move by hand."""

from __future__ import annotations

from tests.completion.conftest import hand_moved_clock

__all__ = ["hand_moved_clock"]
