"""The parts of the dashboard benchmarks: frames, processor time, streams, and made-up visitors."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from benchmarks.dashboard import ground, processor
from benchmarks.dashboard.frames import Frames
from donebit.addresses import LOOPBACK
from tests.started import eventually

FIRST = b"HTTP/1.1 200 OK\r\n\r\ndata: {}\n\n"
IDLE = "import sys; sys.stdin.read()"


def test_frames_are_counted_over_all_and_in_the_second_with_the_fewest() -> None:
    even = Frames(np.arange(0, 3001, 20, dtype=np.float64))
    halted = Frames(np.array([*range(0, 1000, 20), *range(1500, 3001, 20)], np.float64))

    assert (even.seconds, even.a_second, even.late, even.fewest_in_a_second) == (3, 50, 0, 50)
    assert halted.late == pytest.approx(1 / 125)
    assert halted.fewest_in_a_second == 25  # from 500 ms on, or a little later


def test_every_made_up_user_comes_and_on_no_day_before_they_signed_up() -> None:
    random = np.random.default_rng(1)

    days = [ground.visitors(random, day) for day in range(ground.DAYS)]

    assert np.array_equal(np.unique(np.concatenate(days)), np.arange(ground.USERS))
    assert all(ids.max() < (day + 1) * ground.USERS / ground.DAYS for day, ids in enumerate(days))
    assert sum(map(len, days)) > 10 * ground.USERS


def test_the_processor_time_of_a_process_is_that_of_its_children_too() -> None:
    work = "sum(range(10**6))\nwhile True: pass"

    def beside_this_process() -> float:
        return processor.seconds(os.getpid()) - time.process_time()

    before = beside_this_process()

    with subprocess.Popen([sys.executable, "-c", work]) as child:
        try:
            eventually(lambda: beside_this_process() >= before + 0.2, 40)
            assert processor.seconds(child.pid) > 0
        finally:
            child.kill()


def test_a_process_is_found_by_an_argument_of_its_own() -> None:
    with subprocess.Popen([sys.executable, "-c", IDLE, "so-named"], stdin=subprocess.PIPE) as child:
        assert processor.named(os.getpid(), "so-named") == child.pid
        assert processor.named(os.getpid(), "so") == 0
        child.communicate()


@contextmanager
def clients(paths: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], list[socket.socket]]]:
    """The process that holds streams, and the server's ends of them."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = str(listener.getsockname()[1])
        command = [sys.executable, "-m", "benchmarks.dashboard.clients", port, *paths]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
            streams = [listener.accept()[0] for _ in paths]
            try:
                yield process, streams
            finally:
                for stream in streams:
                    stream.close()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def test_bytes_of_streams_are_counted() -> None:
    with clients(["/events/a", "/events/b"]) as (process, streams):
        asked = [stream.recv(1000).split()[1] for stream in streams]
        for stream in streams:
            stream.sendall(FIRST)
        opened = line_of(process)
        streams[0].sendall(b"data: 12345\n\n")
        said, _ = process.communicate()

    assert asked == [b"/events/a", b"/events/b"]
    assert opened == "open\n"
    assert json.loads(said)["bytes"] == len(b"data: 12345\n\n")
    assert json.loads(said)["seconds"] > 0


def test_a_stream_that_ends_by_itself_is_reported() -> None:
    with clients(["/events/a"]) as (process, (stream,)):
        stream.recv(1000)
        stream.sendall(FIRST)
        line_of(process)
        stream.close()
        _, complaint = process.communicate()

    assert (process.returncode, complaint) == (1, "a stream has ended\n")
