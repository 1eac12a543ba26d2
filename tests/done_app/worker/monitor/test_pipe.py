"""What the processes of a worker tell its main process: whole, in order, and never waited for."""

from __future__ import annotations

import time

from done_app.worker.monitor.pipe import LINE, WORK, Pipe
from tests.done_app.worker.monitor.pipe_messages import fill


def test_messages_come_whole_and_in_order_however_they_are_read(pipe: Pipe) -> None:
    sent = [str(n).encode() * (n % 700) for n in range(900)]

    for message in sent:
        assert pipe.put(WORK, message)

    assert pipe.take() == [WORK + message for message in sent]
    assert pipe.take() == []


def test_a_full_pipe_refuses_and_is_not_waited_for(pipe: Pipe) -> None:
    fill(pipe)

    assert not pipe.put(LINE, b"x" * 1000)
    assert {len(message) for message in pipe.take()} == {1001}
    assert pipe.put(LINE, b"again")


def test_a_long_wait_for_something_to_take_ends_when_it_comes(pipe: Pipe) -> None:
    assert not pipe.wait(0)
    pipe.put(LINE, b"x")

    began = time.monotonic()

    assert pipe.wait(60)
    assert time.monotonic() - began < 30
