"""What `--cpu` counts: a process that still lives, and one that has ended."""

from __future__ import annotations

import subprocess
import sys

from tests.cpu_seconds import spent

WORK = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"


def test_what_the_children_of_a_test_work_is_counted() -> None:
    before = spent()

    with subprocess.Popen(
        [sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        while_it_lives = spent() - before
        child.communicate(b"\n")

    assert while_it_lives > 0.15
    assert spent() - before > 0.15
