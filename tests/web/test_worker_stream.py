"""The workers' log as events, on the real server."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from donebit.addresses import LOOPBACK
from donebit.store import Store
from donebit.web.worker_lines import WINDOW, tail
from tests.servers import RunningServer, running, valkey_binary
from tests.web.following import messages, nobody_listens
from tests.web.real import RealServices, running_services
from tests.workers.arranged import say


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path_factory.mktemp("log-server")) as server:
        yield server


@pytest.fixture(scope="module")
def services(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    with running_services(tmp_path_factory.mktemp("log"), server.url) as real:
        yield real


@pytest.fixture
def log_store(server: RunningServer) -> Store:
    """With the lines of the tests before: each test's are about a task of its own."""
    return Store.at(server.url)


@contextmanager
def following(services: RealServices, query: str = "") -> Iterator[Iterator[Any]]:
    with closing(http.client.HTTPConnection(LOOPBACK, services.ports["done"], timeout=15)) as connection:
        connection.request("GET", f"/workers/log{query}", headers={"Accept": "text/event-stream"})
        answer = connection.getresponse()
        assert answer.headers["Content-Type"] == "text/event-stream"
        yield messages(answer)


def take(told: Iterator[Any], number: int) -> list[str]:
    return [next(told)["text"] for _ in range(number)]


def test_the_last_lines_are_told_and_then_each_new_one(services: RealServices, log_store: Store) -> None:
    say(log_store, "one", "two", "three", task_id="last")

    with following(services, "?limit=2") as told:
        first = take(told, 2)
        say(log_store, "four", "five", task_id="last")
        then = take(told, 2)

    assert (first, then) == (["two", "three"], ["four", "five"])


def test_a_client_that_comes_again_goes_on_where_it_was(services: RealServices, log_store: Store) -> None:
    say(log_store, "one", task_id="again")
    with following(services, "?task=again") as told:
        seen = next(told)
    say(log_store, "two", "three", task_id="again")

    with following(services, f"?after={seen['id']}") as told:
        missed = take(told, 2)
        say(log_store, "four", task_id="again")
        then = take(told, 1)

    assert (missed, then) == (["two", "three"], ["four"])


def test_a_task_is_told_alone_from_before_and_from_now_on(services: RealServices, log_store: Store) -> None:
    say(log_store, "mine", task_id="a")
    say(log_store, *["noise"] * 5, task_id="b")

    with following(services, "?task=a&limit=3") as told:
        first = take(told, 1)
        say(log_store, "noise", task_id="b")
        say(log_store, "mine again", task_id="a")
        then = take(told, 1)

    assert (first, then) == (["mine"], ["mine again"])


def test_a_step_is_told_alone_from_before_and_from_now_on(services: RealServices, log_store: Store) -> None:
    say(log_store, "mine", task_id="steps", step=3)
    say(log_store, "theirs", task_id="steps", step=4)

    with following(services, "?task=steps&step=3") as told:
        first = take(told, 1)
        say(log_store, "theirs again", task_id="steps", step=4)
        say(log_store, "mine again", task_id="steps", step=3)
        then = take(told, 1)

    assert (first, then) == (["mine"], ["mine again"])


def test_each_line_is_told_once_however_many_come_and_listen(
    services: RealServices, log_store: Store
) -> None:
    texts = [f"line {n}" for n in range(3 * WINDOW)]
    say(log_store, "begin", task_id="many")

    with following(services, "?task=many") as early:
        begin = next(early)
        for first in range(0, len(texts), 200):
            say(log_store, *texts[first : first + 200], task_id="many")
        with following(services, f"?after={begin['id']}&limit=10") as late:
            heard, heard_late = take(early, len(texts)), take(late, len(texts))

    assert heard == texts
    assert heard_late == texts


def test_who_leaves_gives_the_place_back(services: RealServices, log_store: Store) -> None:
    with following(services, "?limit=1") as told:
        say(log_store, "here", task_id="leaving")
        next(told)
    say(log_store, "nobody hears it", task_id="leaving")

    nobody_listens(services)


def test_an_outage_is_told_and_no_line_is_told_twice(
    services: RealServices, server: RunningServer, log_store: Store
) -> None:
    say(log_store, "before", "and before", task_id="outage")

    with following(services, "?task=outage") as told:
        before = take(told, 2)
        server.end()
        outage = next(told)
        server.start()
        say(Store.at(server.url), "after", task_id="outage")
        after = take(told, 1)

    assert before == ["before", "and before"]
    assert outage == {"unavailable": "Redis cannot be reached"}
    assert after == ["after"]


def test_the_first_line_of_all_is_news(real_store: Store) -> None:
    nothing, place = tail(real_store, {}, None)

    say(real_store, "first")

    lines, _ = tail(real_store, nothing, place)
    assert nothing == {}
    assert [message["text"] for message in lines.values()] == ["first"]


def test_a_window_of_the_log_is_held_whatever_is_written(real_store: Store) -> None:
    for _ in range(2 * WINDOW // 500 + 1):
        say(real_store, *["x"] * 500)

    first, place = tail(real_store, {}, None)
    say(real_store, "y")
    then, _ = tail(real_store, first, place)

    assert (len(first), len(then)) == (WINDOW, WINDOW)
    assert [message["text"] for message in then.values()] == ["x"] * (WINDOW - 1) + ["y"]


def test_what_was_read_for_a_task_is_not_read_again(real_store: Store) -> None:
    say(real_store, "mine", task_id="a")
    say(real_store, *["noise"] * 5, task_id="b")

    mine, place = tail(real_store, {}, None, task_id="a")
    still, later = tail(real_store, mine, place, task_id="a")

    assert [message["text"] for message in still.values()] == ["mine"]
    assert place == later == real_store.worker_log.newest(1)[0].id
