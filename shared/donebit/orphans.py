"""No process outlives the one that has started it."""

from __future__ import annotations

import ctypes
import signal
import sys
from typing import Final

DEATH_OF_PARENT: Final = 1  # PR_SET_PDEATHSIG of Linux


def end_with_parent() -> None:
    """Have the kernel kill this process when the one that started it is gone; on Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_OF_PARENT, signal.SIGKILL)
