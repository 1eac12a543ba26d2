"""What a process says of itself: never why a step fails, and honest about its gaps."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence

import pytest

from done_app.worker.monitor.emitter import (
    COUNTS_A_MESSAGE,
    MOST_UNSENT,
    Emitter,
    LineHandler,
    encode_line,
)
from done_app.worker.monitor.pipe import LINE, MAX_MESSAGE_BYTES, WORK, Pipe
from done_app.worker.steps.run_counts import RunCounts
from done_app.worker.steps.time_limit import StepTimedOut
from donebit import clock, logs
from donebit.completion.measures import STEP_TIMES
from donebit.utf8 import shortened
from tests.done_app.worker.monitor.pipe_messages import fill, lines_of, record
from tests.workers.arranged import WORKER, texts


def test_a_line_says_who_when_how_loud_and_about_what(handler: LineHandler, pipe: Pipe) -> None:
    with logs.task_context("9f2c"):
        handler.handle(record("step %d of %s", 3, "ten"))
        with logs.step_context([3]):
            handler.handle(record("so far"))

    said, of_step = map(json.loads, lines_of(pipe))
    assert abs(said.pop("at") - clock.now_ms()) < 60_000
    assert said == {
        "level": "info",
        "worker": WORKER,
        "pid": os.getpid(),
        "task": "9f2c",
        "step": None,
        "text": "step 3 of ten",
    }
    assert (of_step["task"], of_step["step"], of_step["text"]) == ("9f2c", 3, "so far")


def test_how_many_lines_found_no_room_is_said_with_the_next_that_does(
    handler: LineHandler, pipe: Pipe
) -> None:
    fill(pipe)
    for _ in range(3):
        handler.handle(record("lost" * 500))
    pipe.take()

    handler.handle(record("here"))
    handler.handle(record("and here"))

    said = texts(lines_of(pipe))
    assert said[0].startswith("3 of the worker's lines are missing here")
    assert said[1:] == ["here", "and here"]


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError("no words")


def test_a_line_that_cannot_be_written_fails_nobody_and_is_counted(handler: LineHandler, pipe: Pipe) -> None:
    handler.handle(record("%s", Unspeakable()))
    handler.handle(record("too few: %d %d", 1))

    handler.handle(record("here"))

    said = texts(lines_of(pipe))
    assert said[0].startswith("2 of the worker's lines")
    assert said[1] == "here"


class Slow:
    def __str__(self) -> str:
        raise StepTimedOut("it took too long")


def test_a_step_that_times_out_while_it_logs_times_out(handler: LineHandler) -> None:
    with pytest.raises(StepTimedOut):
        handler.handle(record("%s", Slow()))


@pytest.mark.parametrize("text", ["x" * 100_000, "ä" * 5000, "\x01" * 3000, "😀" * 3000, "\udc80" * 3000])
def test_a_long_line_loses_its_middle_and_fits(text: str) -> None:
    written = encode_line(logging.INFO, f"head {text} tail", 0.0, "w" * 250, "t" * 100)

    said = json.loads(written)
    assert len(written) < MAX_MESSAGE_BYTES - 1
    assert said["text"].startswith("head ")
    assert said["text"].endswith(" tail")


def test_a_line_break_is_written_so_that_it_ends_no_message(handler: LineHandler, pipe: Pipe) -> None:
    handler.handle(record("one\ntwo\r\nthree"))

    assert texts(lines_of(pipe)) == ["one\ntwo\r\nthree"]


def test_what_fits_is_left_as_it_is() -> None:
    assert shortened("x" * 10, 10) == "x" * 10
    assert shortened("abc" + "x" * 100 + "yz", 20) == "abcxxx\n[...]\nxxxxxyz"


def test_a_level_of_any_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "getLevelName", lambda _: 'SO "NAMED" \\')

    assert json.loads(encode_line(25, "hello", 0, WORKER))["level"] == 'so "named" \\'


def test_a_process_says_what_it_is_at_and_what_it_finished(voice: Emitter, pipe: Pipe) -> None:
    with voice.working_on("a", [(0, 5), (7, 8), (9, 10), (11, 12)]) as work:
        inside = logs.current_task.get()
        work.counts = RunCounts("thumbnail", 4)

    begun, ended = (json.loads(message[1:]) for message in pipe.take())
    assert begun[:4] == [os.getpid(), "a", [[0, 5], [7, 8], [9, 10]], 8]
    assert ended[:5] == [os.getpid(), None, [], 0, None]
    assert (inside, logs.current_task.get()) == ("a", "")


def test_who_fails_at_work_is_at_it_no_more(voice: Emitter, pipe: Pipe) -> None:
    with pytest.raises(ValueError, match="bad"), voice.working_on("a", [(0, 5)]):
        raise ValueError("bad")

    assert json.loads(pipe.take()[-1][1:])[1] is None


def test_a_voice_without_a_worker_is_silent() -> None:
    voice = Emitter()

    with voice.working_on("a"):
        assert logs.current_task.get() == "a"

    voice.idle()


def counted(pipe: Pipe) -> list[list[RunCounts]]:
    """The counts of each message on the pipe that has some."""
    messages = [json.loads(message[1:])[-1] for message in pipe.take() if message.startswith(WORK)]
    return [[RunCounts(*one) for one in counts] for counts in messages if counts]


def test_what_is_counted_is_sent_with_the_end_of_the_work(voice: Emitter, pipe: Pipe) -> None:
    counts = RunCounts("thumbnail", 4, 1, 2, [3, 1], 0.25, 1.5)
    with voice.working_on("a") as work:
        work.counts = counts

    assert counted(pipe) == [[counts]]
    with voice.working_on("a"):
        pass
    assert counted(pipe) == []


def lose_room(voice: Emitter, pipe: Pipe, counts: Sequence[RunCounts]) -> None:
    """Work that is counted while the pipe is full."""
    fill(pipe)
    while pipe.put(LINE, b""):
        pass
    for one in counts:
        with voice.working_on("a") as work:
            work.counts = one
    pipe.take()


def test_counts_that_find_no_room_are_sent_with_the_next(voice: Emitter, pipe: Pipe) -> None:
    lost, sent = (RunCounts("thumbnail", steps, times=[steps]) for steps in (4, 3))
    lose_room(voice, pipe, [lost])

    with voice.working_on("a") as work:
        work.counts = sent

    assert counted(pipe) == [[lost, sent]]


def test_of_counts_that_never_find_room_the_newest_are_kept(voice: Emitter, pipe: Pipe) -> None:
    many = [RunCounts("thumbnail", number, times=[]) for number in range(MOST_UNSENT + 5)]
    lose_room(voice, pipe, many)

    with voice.working_on("a"):
        pass

    assert counted(pipe) == [many[5 : 5 + COUNTS_A_MESSAGE]]


def test_counts_of_many_jobs_with_long_names_fit_the_pipe(voice: Emitter, pipe: Pipe) -> None:
    times = [10**7] * len(STEP_TIMES.bounds_seconds)
    many = [
        RunCounts(f"{number:>0100}", 10**7, 10**7, 10**7, times, 1e7 / 3, 1e7 / 3) for number in range(35)
    ]
    lose_room(voice, pipe, many)

    for _ in range(4):
        with voice.working_on("a"):
            pass

    messages = counted(pipe)
    assert [len(one) for one in messages] == [10, 10, 10, 5]
    assert [one for message in messages for one in message] == many
