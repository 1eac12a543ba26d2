"""What a step forks heeds SIGTERM from its first moment on."""

from __future__ import annotations

import subprocess
import sys

# Begins as a process of Celery's pool does; the child is held up before it is set up.
PROGRAM = """
import multiprocessing, os, signal, sys, time
def handle(*_): sys.exit(1)
signal.signal(signal.SIGTERM, handle)
multiprocessing.current_process()._config.update(authkey=b"key")
os.register_at_fork(after_in_child=lambda: time.sleep(0.5))
from done_app.worker.children import allow_children
allow_children()
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
child.start()
time.sleep(0.1)
child.terminate()
child.join(10)
print(child.exitcode)
"""


def test_a_child_that_is_ended_as_it_begins_ends() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )

    assert ran.stdout == "-15\n"
