"""What a worker shows of itself: never waited for, never why a step fails, and honest about its gaps."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from done_app.showing import keeper as keeping
from done_app.showing.keeper import Keeper
from done_app.showing.pipe import LINE, MOST_BYTES, WORK, Pipe
from done_app.showing.voice import LineHandler, Voice, line, shortened
from done_app.steps.time_limit import StepTimedOut
from shared import clock, logs
from shared.store import Store, keys
from shared.workers import log, presence
from tests.servers import RunningServer, running, valkey_binary
from tests.workers.arranged import WORKER, a_worker, texts


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture
def handler(pipe: Pipe) -> LineHandler:
    return LineHandler(pipe, WORKER)


@pytest.fixture
def voice(pipe: Pipe) -> Voice:
    voice = Voice()
    voice.pipe = pipe
    return voice


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path) as server:
        yield server


def record(text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, __file__, 1, text, args, None)


def fill(pipe: Pipe) -> None:
    while pipe.put(LINE, b"x" * 1000):
        pass


def lines_of(pipe: Pipe) -> list[bytes]:
    return [message[1:] for message in pipe.take() if message.startswith(LINE)]


def kept(store: Store) -> list[str]:
    return [said.text for said in log.page(store, limit=1000).lines]


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


def test_a_line_says_who_when_how_loud_and_about_what(handler: LineHandler, pipe: Pipe) -> None:
    with logs.about("9f2c"):
        handler.handle(record("step %d of %s", 3, "ten"))

    (said,) = map(json.loads, lines_of(pipe))
    assert abs(said.pop("at") - clock.now_ms()) < 60_000
    assert said == {
        "level": "info",
        "worker": WORKER,
        "pid": os.getpid(),
        "task": "9f2c",
        "text": "step 3 of ten",
    }


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
    assert said[0].startswith("3 of the worker's lines are not kept here")
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
    written = line(logging.INFO, f"head {text} tail", 0.0, "w" * 250, "t" * 100)

    said = json.loads(written)
    assert len(written) < MOST_BYTES - 1
    assert said["text"].startswith("head ")
    assert said["text"].endswith(" tail")


def test_a_line_break_is_written_so_that_it_ends_no_message(handler: LineHandler, pipe: Pipe) -> None:
    handler.handle(record("one\ntwo\r\nthree"))

    assert texts(lines_of(pipe)) == ["one\ntwo\r\nthree"]


def test_what_fits_is_left_as_it_is() -> None:
    assert shortened("x" * 10, 10) == "x" * 10
    assert shortened("abc" + "x" * 100 + "yz", 20) == "abcxxx\n[...]\nxxxxxyz"


def test_a_process_says_what_it_is_at_and_what_it_finished(voice: Voice, pipe: Pipe) -> None:
    with voice.at_work("a", [(0, 5), (7, 8), (9, 10), (11, 12)]) as work:
        inside = logs.about_task.get()
        work.finished = 4

    begun, ended = (json.loads(message[1:]) for message in pipe.take())
    assert begun[:4] == [os.getpid(), "a", [[0, 5], [7, 8], [9, 10]], 8]
    assert ended[:6] == [os.getpid(), None, [], 0, None, 4]
    assert (inside, logs.about_task.get()) == ("a", "")


def test_who_fails_at_work_is_at_it_no_more(voice: Voice, pipe: Pipe) -> None:
    with pytest.raises(ValueError, match="bad"), voice.at_work("a", [(0, 5)]):
        raise ValueError("bad")

    assert json.loads(pipe.take()[-1][1:])[1] is None


def test_a_voice_without_a_worker_is_silent() -> None:
    voice = Voice()

    with voice.at_work("a"):
        assert logs.about_task.get() == "a"

    voice.idle()


def test_what_is_said_is_kept(store: Store, pipe: Pipe, handler: LineHandler, voice: Voice) -> None:
    keeper = Keeper(store, pipe, a_worker())
    handler.handle(record("hello"))

    with voice.at_work("a", [(0, 5)]) as work:
        work.finished = 5
        assert keeper.look()
        (busy,) = presence.look(store, (), clock.now()).workers
    assert keeper.look()
    (idle,) = presence.look(store, (), clock.now()).workers

    assert kept(store) == ["hello"]
    assert [(one.pid, one.task_id, one.steps) for one in busy.at] == [(os.getpid(), "a", 5)]
    assert [(one.pid, one.task_id) for one in idle.at] == [(os.getpid(), None)]


def test_finished_steps_are_counted_once(store: Store, client: Redis, pipe: Pipe, voice: Voice) -> None:
    keeper = Keeper(store, pipe, a_worker())

    for _ in range(3):
        with voice.at_work("a") as work:
            work.finished = 5
        keeper.look()

    minutes = list(client.scan_iter(match="pulse:steps:*"))
    counted = [int(steps) for minute in minutes for steps in client.hvals(minute)]
    assert sum(counted) == 15


def test_nothing_is_written_while_nothing_changes(real_store: Store, real_client: Redis, pipe: Pipe) -> None:
    keeper = Keeper(real_store, pipe, a_worker())
    keeper.look()
    before = real_client.hget(keys.WORKERS, WORKER)

    keeper.look()
    keeper.look()

    assert real_client.hget(keys.WORKERS, WORKER) == before


def test_a_process_that_was_killed_is_at_nothing(store: Store, pipe: Pipe) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    pipe.put(WORK, json.dumps([gone.pid, "a", [], 0, None, 0, 0]).encode())
    pipe.put(WORK, json.dumps([os.getpid(), "a", [], 0, None, 0, 0]).encode())

    Keeper(store, pipe, a_worker()).look()

    (worker,) = presence.look(store, (), clock.now()).workers
    assert [one.pid for one in worker.at] == [os.getpid()]


def test_a_worker_that_ends_in_order_keeps_its_last_lines_and_is_not_missed(
    store: Store, pipe: Pipe, handler: LineHandler
) -> None:
    keeper = Keeper(store, pipe, a_worker())
    keeper.look()
    handler.handle(record("last words"))

    keeper.end()

    assert kept(store) == ["last words"]
    assert presence.look(store, (), clock.now()).workers == []


def test_what_is_no_message_of_ours_is_passed_over(store: Store, pipe: Pipe, handler: LineHandler) -> None:
    for nonsense in (b"{", b"[1, 2]", b"7", b"null"):
        pipe.put(WORK, nonsense)
    handler.handle(record("hello"))

    assert Keeper(store, pipe, a_worker()).look()
    assert kept(store) == ["hello"]


def test_lines_said_while_redis_is_away_are_kept_when_it_is_back(
    own_server: RunningServer, pipe: Pipe, handler: LineHandler
) -> None:
    keeper = Keeper(Store.at(own_server.url), pipe, a_worker())
    own_server.end()

    for n in range(3):
        handler.handle(record(f"line {n}"))
        assert not keeper.look()
    own_server.start()

    assert keeper.look()
    assert kept(Store.at(own_server.url)) == ["line 0", "line 1", "line 2"]


def test_of_a_long_outage_the_last_lines_are_kept_and_it_is_said_how_many_are_not(
    own_server: RunningServer, pipe: Pipe, handler: LineHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MOST_WAITING", 5)
    keeper = Keeper(Store.at(own_server.url), pipe, a_worker())
    own_server.end()
    for n in range(12):
        handler.handle(record(f"line {n}"))
    keeper.look()
    own_server.start()

    keeper.look()
    handler.handle(record("afterwards"))
    keeper.look()

    said = kept(Store.at(own_server.url))
    assert said[0] == "7 lines of this worker are not kept here: Redis was away"
    assert said[1:] == [f"line {n}" for n in range(7, 12)] + ["afterwards"]


def test_a_key_of_somebody_elses_keeps_the_rest_from_nothing(
    real_store: Store, real_client: Redis, pipe: Pipe, handler: LineHandler
) -> None:
    real_client.set(keys.WORKER_LOG, "mine")
    keeper = Keeper(real_store, pipe, a_worker())
    handler.handle(record("hello"))
    assert not keeper.look()

    real_client.delete(keys.WORKER_LOG)

    assert keeper.look()
    assert kept(real_store) == ["hello"]


def test_a_long_wait_for_something_to_take_ends_when_it_comes(pipe: Pipe) -> None:
    assert not pipe.wait(0)
    pipe.put(LINE, b"x")

    began = time.monotonic()

    assert pipe.wait(60)
    assert time.monotonic() - began < 30
