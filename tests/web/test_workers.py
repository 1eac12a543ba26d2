"""done_app tells of the workers, and of what they said."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from donebit import clock
from donebit.queue import CONTROL, QUEUES
from donebit.store import Store, keys
from donebit.workers.presence import ProcessActivity
from tests.servers import RunningServer
from tests.web.services import ELSEWHERE, Services, body_of, problem_of
from tests.workers.arranged import a_worker, say, shows


@pytest.fixture
def services(store: Store) -> Services:
    """The broker is where the store is, as it is unless BROKER_URL says otherwise."""
    return Services(store, broker_url="", redis_url=ELSEWHERE)


def log_of(services: Services, query: str = "") -> dict[str, Any]:
    return body_of(services.done.get(f"/workers/log{query}"))


def said(answer: dict[str, Any]) -> list[str]:
    return [line["text"] for line in answer["lines"]]


def test_without_workers_the_answer_is_complete_and_empty(services: Services) -> None:
    answer = body_of(services.done.get("/workers"))

    assert answer["workers"] == []
    assert answer["queues"] == [{"queue": name, "messages": 0} for name in QUEUES]
    assert answer["steps_by_second"] == [0] * 60
    assert answer["sweep"] == {"last_seen": None, "open_tasks": 0, "heals": 0, "last_heals": []}


def test_the_queues_are_shown_though_the_broker_is_spelled_otherwise(store: Store) -> None:
    services = Services(store, broker_url="redis://127.0.0.1:1?db=0", redis_url=ELSEWHERE)

    answer = body_of(services.done.get("/workers"))

    assert [queue["queue"] for queue in answer["queues"]] == list(QUEUES)


def test_a_worker_is_told_with_what_its_processes_are_at(services: Services, store: Store) -> None:
    since = clock.moment_of_ms(1_795_230_245_678)
    shows(store, a_worker(at=[ProcessActivity(8, "a", ((0, 5),), 5, since), ProcessActivity(9, None)]))

    (worker,) = body_of(services.done.get("/workers"))["workers"]

    assert (worker["worker"], worker["host"], worker["pid"], worker["processes"]) == ("here:7", "here", 7, 8)
    assert worker["alive"] is True
    assert worker["at"] == [
        {"pid": 8, "task_id": "a", "ranges": [[0, 5]], "steps": 5, "since": clock.iso(since)},
        {"pid": 9, "task_id": None, "ranges": [], "steps": 0, "since": None},
    ]


def test_heals_and_throughput_are_told(services: Services, store: Store) -> None:
    store.workers.note_heal("a", 40, clock.now_ms())
    store.workers.keep("here:7", steps={clock.now_ms() // 1000 - 2: 60})

    answer = body_of(services.done.get("/workers"))

    assert sum(answer["steps_by_second"]) == 60
    assert answer["steps_per_second"] == 1.0
    assert [(heal["task_id"], heal["steps"]) for heal in answer["sweep"]["last_heals"]] == [("a", 40)]


def test_of_a_broker_that_is_away_no_lengths_are_told(store: Store) -> None:
    answer = body_of(Services(store, broker_url="redis://127.0.0.1:2/0").done.get("/workers"))

    assert (answer["queues"], answer["in_hand"]) == (None, None)


def test_the_lengths_are_those_of_a_broker_elsewhere(store: Store, valkey: RunningServer) -> None:
    waiting = keys.of_broker(CONTROL)
    with Redis(port=valkey.port, db=9) as broker:
        broker.rpush(waiting, "one", "two")
        services = Services(store, broker_url=f"redis://127.0.0.1:{valkey.port}/9")

        answer = body_of(services.done.get("/workers"))
        broker.flushdb()

    assert [one["messages"] for one in answer["queues"]] == [2, 0, 0, 0, 0]
    assert answer["in_hand"] is None


def test_the_log_is_told_from_its_end_and_goes_on(services: Services, store: Store) -> None:
    say(store, "one", "two", "three")

    last = log_of(services, "?limit=2")
    say(store, "four")
    following = log_of(services, f"?after={last['next']}")
    nothing = log_of(services, f"?after={following['next']}")

    assert [said(answer) for answer in (last, following, nothing)] == [["two", "three"], ["four"], []]
    assert nothing["next"] == following["next"] == following["lines"][-1]["id"]


def test_half_a_character_in_a_line_keeps_no_line_from_being_told(services: Services, store: Store) -> None:
    say(store, "before", "cannot read caf\udce9.txt", "after")

    page = services.trigger.get("/workers", headers={"Accept": "text/html"})

    assert said(log_of(services)) == ["before", "cannot read caf?.txt", "after"]
    assert "cannot read caf?.txt" in page.text


def test_the_log_of_a_task_is_told_alone(services: Services, store: Store) -> None:
    say(store, "mine", task_id="a")
    say(store, "theirs", task_id="b")

    assert said(log_of(services, "?task=a")) == ["mine"]
    assert said(log_of(services, "?task=of-nobody")) == []


def test_the_log_of_a_step_is_told_alone(services: Services, store: Store) -> None:
    say(store, "it begins", task_id="a")
    say(store, "mine", task_id="a", step=0)
    say(store, "theirs", task_id="a", step=1)

    (line,) = log_of(services, "?task=a&step=0")["lines"]

    assert (line["step"], line["text"]) == (0, "mine")
    assert said(log_of(services, "?step=1")) == ["theirs"]
    assert log_of(services, "?task=a&limit=3")["lines"][0]["step"] is None


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("task=a&step=-1", "step is -1; it must be at least 0"),
        ("limit=0", "limit is 0; it must be at least 1"),
        ("limit=1001", "limit is 1001; it must be at most 1000"),
        ("after=yesterday", "after is 'yesterday'; it must be the id of a line, such as 1795230245678-0"),
        ("after=99999999999999999999-0", "it must be the id of a line"),
        ("after=-", "it must be the id of a line"),
        ("task=a/b", "task is 'a/b'; it must be 1 to 100 of A-Z a-z 0-9 . _ -, but not . or .."),
        ("level=info", "level"),
    ],
)
def test_a_question_out_of_bounds_is_refused_by_name(services: Services, query: str, says: str) -> None:
    assert says in problem_of(services.done.get(f"/workers/log?{query}"))["detail"]


def test_the_greatest_id_is_one(services: Services) -> None:
    assert log_of(services, f"?after={'9' * 19}-{'9' * 19}")["lines"] == []


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/event-stream;q=0.1, */*"])
def test_who_does_not_ask_for_events_gets_json(services: Services, accept: str | None) -> None:
    headers = {} if accept is None else {"Accept": accept}

    assert services.done.get("/workers/log", headers=headers).content_type == "application/json"


def test_the_document_names_both_kinds_of_answer(services: Services) -> None:
    document = body_of(services.done.get("/openapi.json"))

    content = document["paths"]["/workers/log"]["get"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/event-stream"}
    assert "schema" not in content["text/event-stream"]
