"""Several processes report steps of one task."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from donebit import Donebit

# A process of its own, given nothing but the addresses, the task, and its steps.
OTHER_PROCESS = """
import sys
from donebit import Donebit
trigger, done, token, task_id, first, stop = sys.argv[1:]
Donebit(trigger, done, token).report(task_id, range(int(first), int(stop)))
"""
# Four processes with one client that was used before the fork, each with steps of its own, reported one by
# one: whichever reads the answer of another sees the wrong number of steps.
FORKING_PROCESS = """
import os
import sys
from donebit import Donebit
client = Donebit(*sys.argv[1:4])
task_id = sys.argv[4]
client.get(task_id)
children, first = [], 0
for part in (50, 100, 150):
    child = os.fork()
    if not child:
        children, first = [], part
        break
    children.append(child)
for count in range(1, 51):
    steps = range(first, first + count)
    assert client.report(task_id, steps)["fresh"] == 1, steps
assert not any(os.waitpid(child, 0)[1] for child in children)
"""


def test_several_processes_report_steps_of_one_task(donebit: Donebit, addresses: list[str]) -> None:
    task_id = donebit.start(1000)
    parts = [("0", "600"), ("400", "800"), ("800", "1000")]  # two overlap: some steps are done twice

    processes = [
        subprocess.Popen([sys.executable, "-c", OTHER_PROCESS, *addresses, task_id, *part]) for part in parts
    ]

    assert donebit.wait(task_id, 30)["state"] == "done"
    assert [process.wait(30) for process in processes] == [0, 0, 0]


def test_a_forked_process_does_not_share_connections(addresses: list[str], donebit: Donebit) -> None:
    task_id = donebit.start(200)

    forked = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKING_PROCESS, *addresses, task_id], timeout=60, check=False
    )

    assert forked.returncode == 0
    assert donebit.get(task_id)["state"] == "done"


def test_many_threads_share_one_client_without_a_warning(
    addresses: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with Donebit(*addresses) as client, ThreadPoolExecutor(40) as pool:
        task_id, all_there = client.start(40), Barrier(40)

        def report(step: int) -> None:
            all_there.wait(30)
            client.report(task_id, [step])

        list(pool.map(report, range(40)))

        assert client.get(task_id)["state"] == "done"
    assert caplog.messages == []
