"""The priorities that the steps of tasks wait with."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Priority: TypeAlias = Literal["normal", "high"]
NORMAL: Final = "normal"
HIGH: Final = "high"
PRIORITIES: tuple[Priority, ...] = (NORMAL, HIGH)
