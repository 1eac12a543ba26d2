"""The folder that a process is in, which a step may leave for another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def folder_kept() -> Iterator[None]:
    """Have the process be in the same folder at the end, whatever steps do in between.

    A step may leave it in a temporary folder that is gone since. The steps of other tasks, whose files may be
    named without a folder, would fail there, or write somewhere else.
    """
    before = Path()  # where it is anyway
    with suppress(OSError):  # it is gone
        before = Path.cwd()
    try:
        yield
    finally:
        with suppress(OSError):
            os.chdir(before)
