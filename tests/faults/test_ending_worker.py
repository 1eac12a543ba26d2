"""A worker that got SIGTERM keeps no message but those of the steps that it runs, however long they take."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from donebit import queue
from donebit.completion.task import Task
from donebit.store import keys
from tests.faults.harness.ground import pass_by
from tests.stack import DONE_SECONDS, Stack
from tests.started import eventually

PAUSE = timedelta(seconds=40)  # of a message that waits for its time
LONG_PAUSE = timedelta(minutes=10)
MANY = 40  # messages; to ask a server that does not answer about each takes minutes
END_SECONDS = 90  # of a worker whose server does not answer; about 20 on an idle machine
GIVEN_BACK_SECONDS = 10  # the steps that run take longer


def held(stack: Stack) -> int:
    """How many messages the worker has taken and not acknowledged."""
    return int(stack.server.client.hlen(keys.of_broker("unacked")))


def waiting(stack: Stack, name: str = queue.CONTROL) -> int:
    return int(stack.server.client.llen(keys.of_broker(name)))


@pytest.fixture
def quiet(stack: Stack) -> Iterator[Stack]:
    """A stack without the sweep, whose messages would be counted too. Its worker is killed afterwards."""
    os.kill(stack.processes()["beat"], signal.SIGTERM)
    eventually(lambda: "beat" not in stack.processes() and held(stack) == waiting(stack) == 0, DONE_SECONDS)
    yield stack
    stack.server.process.send_signal(signal.SIGCONT)
    if "worker" in stack.processes():
        stack.kill_worker()
    stack.start()


def begin_long_step(stack: Stack, folder: Path, seconds: int = 3600) -> Task:
    """Have the worker at a step that takes so long."""
    params = {"folder": str(folder), "seconds": seconds}
    task_id = stack.create(1, job="long", params=params, stall_after=3600)
    eventually(lambda: (folder / "0").exists() and held(stack) == 1, DONE_SECONDS)
    return stack.task(task_id)


def test_what_comes_after_sigterm_is_left_to_other_workers(quiet: Stack, tmp_path: Path) -> None:
    begin_long_step(quiet, tmp_path)

    quiet.worker.send(signal.SIGTERM)
    sent = 0
    while sent < 20 or "Warm shutdown" not in quiet.worker.out:
        quiet.publisher.announce("nobody")  # the first of them still reaches the worker
        sent += 1
        pass_by(0.02)

    eventually(lambda: (waiting(quiet), held(quiet)) == (sent, 1), GIVEN_BACK_SECONDS)


def test_what_waits_for_its_time_goes_back_at_sigterm(quiet: Stack, tmp_path: Path) -> None:
    task, ended = begin_long_step(quiet, tmp_path, 15), quiet.worker
    quiet.publisher.run_ranges(task, [(0, 1)], pause=PAUSE)
    eventually(lambda: held(quiet) == 2, DONE_SECONDS)

    ended.send(signal.SIGTERM)

    eventually(lambda: (waiting(quiet, queue.STEPS), held(quiet)) == (1, 1), GIVEN_BACK_SECONDS)
    assert ended.exit_code(DONE_SECONDS) == 0
    assert "Traceback" not in ended.out + ended.err


def test_what_no_process_has_begun_goes_back_at_sigterm(quiet: Stack) -> None:
    ended, pool = quiet.worker, quiet.worker.family() - {quiet.worker.process.pid}
    for pid in pool:
        os.kill(pid, signal.SIGSTOP)
    quiet.publisher.announce("nobody")
    eventually(lambda: held(quiet) == 1, DONE_SECONDS)

    ended.send(signal.SIGTERM)

    eventually(lambda: (waiting(quiet), held(quiet)) == (1, 0), GIVEN_BACK_SECONDS)
    for pid in pool:  # one may have it in its pipe, and run it after all
        os.kill(pid, signal.SIGCONT)
    assert ended.exit_code(DONE_SECONDS) == 0
    assert "Traceback" not in ended.out + ended.err


def hold_many(stack: Stack) -> None:
    """Have the worker hold messages that wait for their time."""
    task = stack.task(stack.create(MANY, stall_after=3600))
    for step in range(MANY):
        stack.publisher.run_ranges(task, [(step, step + 1)], pause=LONG_PAUSE)
    eventually(lambda: held(stack) == MANY, DONE_SECONDS)


def ended_log(stack: Stack) -> str:
    """End the worker by SIGTERM, and return what it says of that."""
    before = len(stack.worker.out)
    stack.worker.send(signal.SIGTERM)
    eventually(lambda: stack.worker.process.poll() == 0, END_SECONDS)
    return stack.worker.out[before:]


def test_a_server_that_is_silent_is_asked_once_to_take_messages_back(quiet: Stack) -> None:
    hold_many(quiet)
    quiet.server.process.send_signal(signal.SIGSTOP)

    said = ended_log(quiet)

    assert (said.count("cannot be given back"), said.count("Traceback")) == (1, 0)


def test_a_full_server_is_asked_once_to_take_messages_back(quiet: Stack) -> None:
    hold_many(quiet)
    quiet.server.client.config_set("maxmemory", 1)
    try:
        said = ended_log(quiet)
    finally:
        quiet.server.client.config_set("maxmemory", 0)

    assert (said.count("cannot be given back"), said.count("Traceback")) == (1, 0)
