"""What the processes say is kept, through outages of Redis too, and of a gap it is said how wide it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from done_app.worker.monitor import collector as keeping
from done_app.worker.monitor.collector import Collector
from done_app.worker.monitor.emitter import Emitter, LineHandler
from done_app.worker.monitor.pipe import WORK, Pipe
from done_app.worker.steps.run_counts import RunCounts
from donebit import clock
from donebit.completion import counting
from donebit.completion.measures import STEPS
from donebit.store import Store, keys
from donebit.workers import log, presence
from tests.done_app.worker.monitor.pipe_messages import record
from tests.servers import RunningServer, running, valkey_binary
from tests.workers.arranged import WORKER, a_worker


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path) as server:
        yield server


def kept(store: Store) -> list[str]:
    return [said.text for said in log.list_lines(store, limit=1000).lines]


def test_what_is_said_is_kept(store: Store, pipe: Pipe, handler: LineHandler, voice: Emitter) -> None:
    keeper = Collector(store, pipe, a_worker())
    handler.handle(record("hello"))

    with voice.working_on("a", [(0, 5)]) as work:
        work.counts = RunCounts("thumbnail", 5)
        assert keeper.collect()
        (busy,) = presence.read_presence(store, (), clock.now()).workers
    assert keeper.collect()
    (idle,) = presence.read_presence(store, (), clock.now()).workers

    assert kept(store) == ["hello"]
    assert [(one.pid, one.task_id, one.steps) for one in busy.activities] == [(os.getpid(), "a", 5)]
    assert [(one.pid, one.task_id) for one in idle.activities] == [(os.getpid(), None)]


def test_finished_steps_are_counted_once(store: Store, client: Redis, pipe: Pipe, voice: Emitter) -> None:
    keeper = Collector(store, pipe, a_worker())

    count_steps(voice, 0)
    keeper.collect()
    assert list(client.scan_iter(match="donebit:heartbeat:steps:*")) == []

    for _ in range(3):
        count_steps(voice, 5)
        keeper.collect()

    minutes = list(client.scan_iter(match="donebit:heartbeat:steps:*"))
    counted = [int(steps) for minute in minutes for steps in client.hvals(minute)]
    assert sum(counted) == 15


def test_steps_are_counted_at_the_servers_time(
    store: Store, pipe: Pipe, voice: Emitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "_ahead_us", 3600 * 1_000_000)  # this machine's clock is an hour late
    count_steps(voice, 5)
    Collector(store, pipe, a_worker()).collect()

    found = presence.read_presence(store, (), clock.now() + timedelta(seconds=2))

    assert sum(found.steps_by_second) == 5


def test_nothing_is_written_while_nothing_changes(real_store: Store, real_client: Redis, pipe: Pipe) -> None:
    keeper = Collector(real_store, pipe, a_worker())
    keeper.collect()
    before = real_client.hget(keys.WORKERS, WORKER)

    keeper.collect()
    keeper.collect()

    assert real_client.hget(keys.WORKERS, WORKER) == before


def test_a_process_that_was_killed_is_at_nothing(store: Store, pipe: Pipe) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    pipe.put(WORK, json.dumps([gone.pid, "a", [], 0, None, 0, []]).encode())
    pipe.put(WORK, json.dumps([os.getpid(), "a", [], 0, None, 0, []]).encode())

    Collector(store, pipe, a_worker()).collect()

    (worker,) = presence.read_presence(store, (), clock.now()).workers
    assert [one.pid for one in worker.activities] == [os.getpid()]


def test_a_worker_that_shuts_down_saves_its_last_lines_and_is_unlisted(
    store: Store, pipe: Pipe, handler: LineHandler
) -> None:
    keeper = Collector(store, pipe, a_worker())
    keeper.collect()
    handler.handle(record("last words"))

    keeper.stop()

    assert kept(store) == ["last words"]
    assert presence.read_presence(store, (), clock.now()).workers == []


def test_what_is_no_message_of_ours_is_passed_over(store: Store, pipe: Pipe, handler: LineHandler) -> None:
    for nonsense in (b"{", b"[1, 2]", b"7", b"null"):
        pipe.put(WORK, nonsense)
    handler.handle(record("hello"))

    assert Collector(store, pipe, a_worker()).collect()
    assert kept(store) == ["hello"]


def test_lines_said_while_redis_is_away_are_kept_when_it_is_back(
    own_server: RunningServer, pipe: Pipe, handler: LineHandler
) -> None:
    keeper = Collector(Store.at(own_server.url), pipe, a_worker())
    own_server.end()

    for n in range(3):
        handler.handle(record(f"line {n}"))
        assert not keeper.collect()
    own_server.start()

    assert keeper.collect()
    assert kept(Store.at(own_server.url)) == ["line 0", "line 1", "line 2"]


def test_after_a_long_outage_the_last_lines_and_a_drop_count_are_saved(
    own_server: RunningServer, pipe: Pipe, handler: LineHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MAX_WAITING_LINES", 5)
    keeper = Collector(Store.at(own_server.url), pipe, a_worker())
    own_server.end()
    for n in range(12):
        handler.handle(record(f"line {n}"))
    keeper.collect()
    own_server.start()

    keeper.collect()
    handler.handle(record("afterwards"))
    keeper.collect()

    said = kept(Store.at(own_server.url))
    assert said[0] == "7 lines of this worker are missing here: Redis was unavailable"
    assert said[1:] == [f"line {n}" for n in range(7, 12)] + ["afterwards"]


def test_a_key_of_somebody_elses_keeps_the_rest_from_nothing(
    real_store: Store, real_client: Redis, pipe: Pipe, handler: LineHandler
) -> None:
    real_client.set(keys.WORKER_LOG, "mine")
    keeper = Collector(real_store, pipe, a_worker())
    handler.handle(record("hello"))
    assert not keeper.collect()

    real_client.delete(keys.WORKER_LOG)

    assert keeper.collect()
    assert kept(real_store) == ["hello"]


def steps_counted(store: Store) -> dict[str, int]:
    series = next(series for measure, series in counting.read_series(store) if measure is STEPS)
    return {one.labels[0]: one.amount for one in series if one.amount}


def count_steps(voice: Emitter, steps: int) -> None:
    with voice.working_on("a") as work:
        work.counts = RunCounts("thumbnail", steps)


def test_what_processes_count_is_added_up(
    store: Store, pipe: Pipe, voice: Emitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "COUNTS_APART_SECONDS", 0.0)
    for worker in ("here:7", "there:8"):
        keeper = Collector(store, pipe, a_worker(worker))
        for _ in range(2):
            count_steps(voice, 5)
            keeper.collect()

    assert steps_counted(store) == {"thumbnail": 20}


def test_counts_of_less_than_a_second_are_added_as_the_worker_stops(
    store: Store, pipe: Pipe, voice: Emitter
) -> None:
    keeper = Collector(store, pipe, a_worker())
    for _ in range(3):
        count_steps(voice, 5)
        keeper.collect()
    before = steps_counted(store)

    keeper.stop()

    assert before == {"thumbnail": 5}
    assert steps_counted(store) == {"thumbnail": 15}


def test_counts_wait_while_redis_is_away(own_server: RunningServer, pipe: Pipe, voice: Emitter) -> None:
    keeper = Collector(Store.at(own_server.url), pipe, a_worker())
    own_server.end()
    for _ in range(3):
        count_steps(voice, 5)
        assert not keeper.collect()
    own_server.start()

    assert keeper.collect()
    assert steps_counted(Store.at(own_server.url)) == {"thumbnail": 15}


def test_nonsense_among_the_counts_is_passed_over(store: Store, pipe: Pipe, voice: Emitter) -> None:
    for nonsense in (["thumbnail", "many"], [], 7, None):
        pipe.put(WORK, json.dumps([os.getpid(), None, [], 0, None, 0, [nonsense]]).encode())
    count_steps(voice, 5)

    assert Collector(store, pipe, a_worker()).collect()
    assert steps_counted(store) == {"thumbnail": 5}
