"""A process of the pool ends when it has no file descriptor left, and only then."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from done_app.worker import descriptors

SPENT = """
import os, resource
from done_app.worker import descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
try:
    while True:
        os.dup(0)
except OSError:
    descriptors.end_if_spent()
"""


def lowest_free() -> int:
    found = os.open(os.devnull, os.O_RDONLY)
    os.close(found)
    return found


def test_a_process_without_descriptors_ends_and_says_why() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPENT], check=False, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 1
    assert "steps have left no file descriptor in process" in done.stderr


def test_to_look_for_descriptors_takes_none() -> None:
    before = lowest_free()

    descriptors.end_if_spent()

    assert lowest_free() == before


def test_a_process_goes_on_where_the_whole_system_has_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENFILE, "Too many open files in system")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        patched.setattr(os, "_exit", lambda _: pytest.fail("it is ended"))

        descriptors.end_if_spent()
