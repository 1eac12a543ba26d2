"""The one reader and its listeners: what is read, who is told what, and what waits for the slow."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask import Flask, Response

from donebit.errors import StoreUnavailable, TooManyStreams
from donebit.web import listener, live
from donebit.web.exchange import KEY, Exchange
from donebit.web.listener import Listener, Message, Table, Texts, Topic, every, none
from donebit.web.live import ALIVE, COMMENT, Feed
from tests.started import eventually


class Source:
    """Tables that a test sets, and the topics that were asked for, read by read."""

    def __init__(self, **tables: Table) -> None:
        self.tables: dict[Topic, Table] = dict(tables)
        self.asked: list[set[Topic]] = []
        self.raises: Exception | None = None

    def read(self, before: Mapping[Topic, Table]) -> Mapping[Topic, Table]:
        self.asked.append(set(before))
        if self.raises:
            raise self.raises
        return {topic: self.tables[topic] for topic in before if topic in self.tables}

    def read_again(self) -> None:
        """Wait until what is set now has been read, and told."""
        reads = len(self.asked)
        eventually(lambda: len(self.asked) > reads + 1, what="nothing is read")


class Client:
    """A client that takes an event when it is told to."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._events = iter(response.iter_encoded())
        assert "retry" in next(self._events).decode()

    def take(self) -> list[Any]:
        lines = next(self._events, b"").decode().splitlines()
        return [json.loads(line.removeprefix("data: ")) for line in lines if line]

    def leave(self) -> None:
        self._response.close()


def told(one: Listener) -> list[Message]:
    lines = one.take(0)[0].splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line]


def listening(
    wanted: Callable[[Message], bool] = every, opening: Callable[[Message], bool] = every
) -> Listener:
    return Listener("topic", wanted, opening, none)


def tell(one: Listener, table: Table, *changed: str) -> None:
    one.offer(table, changed, Texts(table))


def test_one_read_serves_everybody_who_listens_to_the_same() -> None:
    source = Source(a={"a": {"n": 1}}, b={"b": {"n": 1}})
    feed = Feed(source.read, 10)
    clients = [Client(feed.stream(topic)) for topic in ("a", "a", "a", "b")]

    heard = [client.take() for client in clients]

    assert heard == [[{"n": 1}]] * 4
    assert source.asked[-1] == {"a", "b"}
    for client in clients:
        client.leave()


def test_nothing_is_read_for_a_client_that_has_left() -> None:
    source = Source(stays={"x": {}}, leaves={"x": {}})
    feed = Feed(source.read, 10)
    stays, leaves = Client(feed.stream("stays")), Client(feed.stream("leaves"))
    eventually(lambda: source.asked[-1:] == [{"stays", "leaves"}])

    leaves.leave()

    eventually(lambda: source.asked[-1] == {"stays"})
    assert len(feed) == 1
    stays.leave()


def test_a_client_is_told_what_there_is_and_then_only_what_changes() -> None:
    source = Source(topic={"a": {"a": 1}, "b": {"b": 1}})
    client = Client(Feed(source.read, 10).stream("topic"))

    first = client.take()
    source.tables["topic"] = {"a": {"a": 2}, "b": {"b": 1}}
    second = client.take()
    source.tables["topic"] = {"a": {"a": 2}, "b": {"b": 1}, "c": {"c": 1}}
    third = client.take()

    assert (first, second, third) == ([{"a": 1}, {"b": 1}], [{"a": 2}], [{"c": 1}])
    client.leave()


def test_who_comes_while_a_read_is_under_way_is_told_nothing_older() -> None:
    source = Source(topic={"a": {"a": "old"}})
    reading, go_on = threading.Event(), threading.Event()

    def slow(before: Mapping[Topic, Table]) -> Mapping[Topic, Table]:
        found = source.read(before)
        reading.set()
        go_on.wait(10)
        return found

    feed = Feed(slow, 10)
    early = Client(feed.stream("topic"))
    assert reading.wait(10)
    source.tables["topic"] = {"a": {"a": "new"}}

    late = Client(feed.stream("topic"))
    go_on.set()

    assert (early.take(), late.take()) == ([{"a": "old"}], [{"a": "new"}])
    for client in (early, late):
        client.leave()


@pytest.mark.parametrize("sign", [COMMENT, ALIVE])
def test_a_client_without_news_is_given_the_sign_of_life_that_it_wants(
    monkeypatch: pytest.MonkeyPatch, sign: str
) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.01)
    stream = iter(Feed(Source(topic={}).read, 10).stream("topic", sign_of_life=sign).iter_encoded())

    assert [next(stream).decode() for _ in range(3)] == ["retry: 1000\n\n", sign, sign]


def test_a_topic_that_is_no_more_ends_its_streams() -> None:
    source = Source()
    client = Client(Feed(source.read, 10).stream("topic"))

    assert client.take() == []


def test_an_outage_is_told_once_and_after_it_how_all_things_are() -> None:
    source = Source(topic={"a": {"a": 1}})
    client = Client(Feed(source.read, 10).stream("topic"))
    client.take()

    source.raises = StoreUnavailable("away")
    outage = client.take()
    source.read_again()
    source.raises = None
    after = client.take()

    assert (outage, after) == ([{"unavailable": "away"}], [{"a": 1}])
    client.leave()


def test_a_read_that_fails_for_whatever_reason_does_not_end_the_reader(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Source(topic={"a": {"a": 1}})
    source.raises = KeyError("of a version to come")
    client = Client(Feed(source.read, 10).stream("topic"))
    source.read_again()

    source.raises = None

    assert client.take() == [{"a": 1}]
    assert "the event streams cannot be read" in caplog.text
    client.leave()


def test_a_check_of_a_client_that_fails_does_not_end_the_reader(caplog: pytest.LogCaptureFixture) -> None:
    def cannot_say() -> bool:
        raise KeyError("of a version to come")

    source, exchange = Source(topic={"a": {"a": 1}}), Exchange()
    with Flask("any").test_request_context(environ_overrides={KEY: exchange}):
        client = Client(Feed(source.read, 10).stream("topic"))
    assert exchange.listener is not None
    exchange.listener.is_allowed = cannot_say
    source.read_again()

    source.tables["topic"] = {"a": {"a": 2}}

    eventually(lambda: {"a": 2} in client.take(), what="no news")
    assert "it cannot be checked whether a client may go on listening" in caplog.text
    client.leave()


def test_what_waits_for_a_slow_client_is_the_newest_of_each_thing() -> None:
    slow = listening()

    for n in range(1000):
        tell(slow, {"a": {"a": n}, "b": {"b": n // 999}}, "a", "b")

    assert told(slow) == [{"a": 999}, {"b": 1}]


def test_news_of_one_thing_come_after_older_news_of_others() -> None:
    slow = listening()

    slow.put({"a": "old"})
    slow.put({"b": "outage"})
    slow.put({"a": "new"})

    assert slow.take(0)[0] == "outagenew"


def test_a_client_that_takes_nothing_of_too_many_things_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MOST_WAITING", 10)
    slow = listening()

    for n in range(11):
        tell(slow, {f"t-{n}": {}}, f"t-{n}")
    before = slow.take(0)[1]
    for n in range(12):
        tell(slow, {f"t-{n}": {}}, f"t-{n}")

    assert (before, slow.take(0)[1]) == (False, True)


def test_however_many_things_there_are_a_client_is_told_all_of_them_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "MOST_WAITING", 10)
    new = listening()

    tell(new, {str(n): {"n": n} for n in range(500)})

    assert [message["n"] for message in told(new)] == list(range(500))
    assert new.take(0) == ("", False)


def test_what_a_client_does_not_want_is_left_out_at_the_opening_and_later() -> None:
    one = listening(wanted=lambda message: message["wanted"], opening=lambda message: message["opens"])
    table = {
        "a": {"wanted": True, "opens": True},
        "b": {"wanted": False, "opens": True},
        "c": {"wanted": True, "opens": False},
    }

    tell(one, table)
    opening = told(one)
    tell(one, table, "b", "c")

    assert (opening, told(one)) == ([table["a"]], [table["c"]])


def test_a_stream_more_than_may_be_is_refused_until_another_ends() -> None:
    feed = Feed(Source(topic={"a": {}}).read, 2)
    first, second = feed.stream("topic"), feed.stream("topic")

    with pytest.raises(TooManyStreams, match="2 event streams are open, which is the most"):
        feed.stream("topic")
    first.close()
    third = feed.stream("topic")

    assert len(feed) == 2
    second.close()
    third.close()
    assert len(feed) == 0
