"""What `--cpu` counts: processes that still live, those that have ended, and what these started."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cpu_seconds import spent

WORK = "import time\nwhile time.process_time() < 0.2: pass\n"
WAIT = "print(flush=True)\ninput()\n"
RUN = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', {!r}])\n"


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(WORK + WAIT, id="a child"),
        pytest.param(RUN.format(WORK + WAIT), id="a grandchild"),
        pytest.param(RUN.format(WORK) + WAIT, id="a grandchild that has ended"),
    ],
)
def test_what_the_children_of_a_test_work_is_counted(program: str) -> None:
    before = spent()

    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        while_it_lives = spent() - before
        child.communicate(b"\n")

    assert while_it_lives > 0.15
    assert spent() - before > 0.15
