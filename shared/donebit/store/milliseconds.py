"""Durations as Redis takes them."""

from __future__ import annotations

from datetime import timedelta


def milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
