"""`make demo` passes signals on, and no make survives or dies without its demo."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.demo.conftest import Start
from tests.started import REPOSITORY, Started, eventually

PROGRAM = {"name": "app", "code": "import signal; signal.pause()", "sign": "Makefile"}  # it is there at once


def to_make_alone(make: Started, number: int) -> None:
    make.send(number)


def to_the_terminals_group(make: Started, number: int) -> None:
    os.killpg(make.process.pid, number)


@pytest.fixture
def make_demo(start: Start, tmp_path: Path) -> Started:
    """`make demo` in a folder with a small demo in place of the real one, and nothing to install."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    (tmp_path / "shared/donebit/demo").mkdir(parents=True)
    (tmp_path / "shared/donebit/demo/install.py").touch()
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    small_demo = shlex.join([sys.executable, "-m", "tests.demo.small_demo", json.dumps([[PROGRAM]])])
    python.write_text(f'#!/bin/sh\nexec {small_demo} "$@"\n')
    python.chmod(0o755)
    make = start("make", "demo", PYTHON=sys.executable)
    make.wait_for("ready\n")
    return make


# SIGINT to make alone is not among them: make leaves Ctrl-C to the terminal, which sends it to both.
@pytest.mark.parametrize(
    ("send", "number"),
    [
        (to_make_alone, signal.SIGTERM),
        (to_the_terminals_group, signal.SIGTERM),
        (to_the_terminals_group, signal.SIGINT),
    ],
)
def test_a_signal_ends_make_and_its_demo(
    make_demo: Started, send: Callable[[Started, int], None], number: signal.Signals
) -> None:
    send(make_demo, number)

    assert make_demo.exit_code() == -number  # make's own way to go: by the signal that it got
    assert make_demo.is_gone()
    assert "stopping" in make_demo.out
    assert "***" not in make_demo.err  # no error of make's


def test_a_killed_make_takes_its_demo_along(make_demo: Started) -> None:
    make_demo.send(signal.SIGKILL)

    eventually(make_demo.is_gone)


def test_make_alone_lists_its_commands(start: Start) -> None:
    make = start("make", "-f", str(REPOSITORY / "Makefile"), "-C", str(REPOSITORY), "--no-print-directory")

    assert make.exit_code() == 0
    assert [line.split()[1] for line in make.out.splitlines()][:4] == [
        "help",
        "demo",
        "demo-cluster",
        "clear",
    ]
