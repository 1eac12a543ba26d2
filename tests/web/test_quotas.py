"""Limits: what goes beyond is 429 with Retry-After, changes nothing, and costs a mark no round trip."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from werkzeug.test import TestResponse

from donebit.access import quotas, tokens
from donebit.access.rates import Rates, share_of
from donebit.access.roles import Role
from donebit.completion import announcing
from donebit.store import Store
from tests.activity.arranged import PAST_DAY
from tests.web.services import Services, body_of, problem_of
from tests.web.test_roles import ADMIN, bearer

HEADERS = bearer(ADMIN)
LINES = "application/x-ndjson"
UUID = "0194f2a1-7c3e-7b52-9d06-5f4e3a2b1c00"


@pytest.fixture(autouse=True)
def fresh_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are read each time: what one second brings is not in question here."""
    monkeypatch.setattr(quotas, "READ_AGAIN_SECONDS", 0)


def limited(store: Store, **limits: int) -> Services:
    return Services(store, **limits)


def refused(answer: TestResponse, setting: str) -> None:
    problem = problem_of(answer, 429)
    assert setting in problem["detail"]
    assert "nothing was changed" in problem["detail"]
    assert answer.headers["Retry-After"] == "1"


def keys(client: Redis) -> dict[bytes, bytes | None]:
    return {key: client.dump(key) for key in client.scan_iter() if b":access:" not in key}


def ask(services: Services, service: str, method: str, path: str, **body: Any) -> TestResponse:
    return services.of(service).open(path, method=method, **body)


def test_only_so_many_tasks_are_open(real_store: Store, real_client: Redis) -> None:
    services = limited(real_store, max_open_tasks=2)
    services.start(1, task_id="a")
    services.start(1, task_id="b")
    before = keys(real_client)

    for path, body in (("/tasks", {"count": 1, "task_id": "c"}), ("/tasks", {"count": 1})):
        refused(services.trigger.post(path, json=body), "MAX_OPEN_TASKS")
    refused(services.trigger.post("/trigger/done?count=1"), "MAX_OPEN_TASKS")
    refused(services.trigger.post("/tasks/a/rerun"), "MAX_OPEN_TASKS")
    refused(services.done.post("/tasks/a/rerun"), "MAX_OPEN_TASKS")

    assert keys(real_client) == before
    body_of(services.trigger.post("/tasks", json={"count": 1, "task_id": "a"}))  # which is there already
    services.done.delete("/tasks/a")
    services.start(1, task_id="c")


@pytest.mark.parametrize(
    ("service", "path", "body"),
    [
        ("done", "/tasks/a/resume", {}),
        ("done", "/tasks/a/retry", {"json": {"steps": [0]}}),
        ("trigger", "/tasks/a/resume", {}),
        ("trigger", "/tasks/a/retry", {"data": {"steps": "0"}}),
    ],
)
def test_an_ended_task_runs_on_only_where_there_is_room(
    real_store: Store, real_client: Redis, service: str, path: str, body: dict[str, Any]
) -> None:
    services = limited(real_store, max_open_tasks=1)
    services.start(1, task_id="a")
    body_of(services.done.post("/tasks/a/failures", json={"step": 0, "error": "no"}))
    announcing.announce(real_store, "a", lambda _: None)
    services.start(1, task_id="b")
    before = keys(real_client)

    refused(ask(services, service, "POST", path, **body), "MAX_OPEN_TASKS")

    assert keys(real_client) == before
    services.done.delete("/tasks/b")
    assert ask(services, service, "POST", path, **body).status_code in {200, 204}


def test_a_paused_task_is_resumed_whatever_the_limit(real_store: Store) -> None:
    services = limited(real_store, max_open_tasks=1)
    services.start(1, task_id="a")
    body_of(services.done.post("/tasks/a/pause"))

    assert body_of(services.done.post("/tasks/a/resume"))["paused"] is False
    assert problem_of(services.done.post("/tasks/none/resume"), 404)["title"] == "Not Found"


def test_many_tasks_are_run_again_as_far_as_there_is_room(real_store: Store) -> None:
    services = limited(real_store, max_open_tasks=3)
    ids = [services.start(1), services.start(1)]

    for task_id in ids:
        services.done.post(f"/tasks/{task_id}/cancel")

    done = body_of(services.done.post("/tasks/actions", json={"action": "rerun", "ids": ids}))

    assert (done["tasks"], len(done["started"])) == (ids[:1], 1)
    assert [one["task_id"] for one in done["skipped"]] == ids[1:]
    assert "MAX_OPEN_TASKS" in done["skipped"][0]["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/events/third", {"json": {"users": [1]}}),
        ("POST", "/visits", {"json": {"visits": [{"event": "third", "user": 1}]}}),
        (
            "POST",
            "/visits",
            {
                "data": b'{"event":"a","user":9}\n{"event":"third","user":1}',
                "content_type": "application/x-ndjson",
            },
        ),
        ("POST", f"/events/third/bitmap?format=bits&period=day&at={PAST_DAY}", {"data": b"A"}),
        ("POST", "/distinct?userId=7", {}),
        ("GET", "/distinct?userId=7", {}),
    ],
)
def test_only_so_many_events_begin(
    real_store: Store, real_client: Redis, method: str, path: str, body: dict[str, Any]
) -> None:
    services = limited(real_store, max_events=2)
    for event in ("a", "b"):
        body_of(services.distinct.post(f"/events/{event}", json={"users": [1]}))
    before = keys(real_client)

    refused(ask(services, "distinct", method, path, **body), "MAX_EVENTS")

    assert keys(real_client) == before
    body_of(services.distinct.post("/events/a", json={"users": [2]}))
    body_of(services.distinct.get("/distinct"))


def test_a_request_with_more_new_events_than_may_begin_is_refused(
    real_store: Store, real_client: Redis
) -> None:
    services = limited(real_store, max_events=3)
    body_of(services.distinct.post("/events/a", json={"users": [1]}))
    before = keys(real_client)

    refused(services.distinct.post("/visits", json=visits_to("a", "b", "c", "d")), "MAX_EVENTS")

    assert keys(real_client) == before
    body_of(services.distinct.post("/visits", json=visits_to("a", "b", "c")))


def visits_to(*events: str) -> dict[str, Any]:
    return {"visits": [{"event": event, "user": 1} for event in events]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/flags/second/users/7", {}),
        ("/flags/second/users", {"json": {"users": [7]}}),
        ("/flags/second/bitmap?format=bits", {"data": b"A"}),
        ("/flags/second", {"json": {"expression": {"flag": "first"}}}),
    ],
)
def test_only_so_many_flags_begin(
    real_store: Store, real_client: Redis, path: str, body: dict[str, Any]
) -> None:
    services = limited(real_store, max_flags=1)
    body_of(services.distinct.put("/flags/first/users/1"))
    before = keys(real_client)

    refused(ask(services, "distinct", "PUT", path, **body), "MAX_FLAGS")

    assert keys(real_client) == before
    body_of(services.distinct.put("/flags/first/users/2"))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/events/e", {"json": {"users": [UUID, UUID.upper()]}}),
        ("POST", "/events/e/bitmap?format=ids&period=all", {"data": f'"{UUID}"\n"{UUID.upper()}"\n'}),
        ("PUT", "/flags/f/users", {"json": {"users": [UUID, UUID.upper()]}}),
    ],
)
def test_a_uuid_in_capitals_and_in_lower_case_is_one_text_id(
    real_store: Store, method: str, path: str, body: dict[str, Any]
) -> None:
    services = limited(real_store, max_text_ids=2)

    body_of(ask(services, "distinct", "POST", "/events/e", json={"users": ["a"]}))
    body_of(ask(services, "distinct", method, path, **body))

    assert real_store.quotas.amounts().text_ids == 2
    refused(ask(services, "distinct", "POST", "/events/e", json={"users": ["a", "b"]}), "MAX_TEXT_IDS")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/events/e", {"json": {"users": ["a", "c", "d"]}}),
        ("PUT", "/flags/f/users/c", {}),
        ("PUT", "/flags/f/users", {"json": {"users": ["b", "c", "d"]}}),
        ("PUT", "/flags/f/bitmap?format=ids", {"data": b'"c"\n"d"\n'}),
        ("POST", f"/events/e/bitmap?format=ids&period=day&at={PAST_DAY}", {"data": b'"c"\n"d"\n'}),
    ],
)
def test_only_so_many_text_ids_are_kept(
    real_store: Store, real_client: Redis, method: str, path: str, body: dict[str, Any]
) -> None:
    services = limited(real_store, max_text_ids=2)
    body_of(services.distinct.post("/events/e", json={"users": ["a", "b"]}))
    before = keys(real_client)

    refused(ask(services, "distinct", method, path, **body), "MAX_TEXT_IDS")

    assert keys(real_client) == before
    body_of(services.distinct.post("/events/e", json={"users": ["b", "a"]}))
    body_of(services.distinct.put("/flags/f/users/a"))
    body_of(services.distinct.post("/events/integers", json={"users": [1, 2, 3]}))


def test_one_token_may_ask_so_often_a_second_and_another_goes_on(real_store: Store) -> None:
    services = Services(real_store, api_token=ADMIN, requests_per_second_of_token=5)
    fast, other = (bearer(tokens.create(real_store, name, Role.READ)[1]) for name in ("fast", "other"))

    # Within two seconds, so at most ten of these.
    statuses = [services.done.get("/tasks", headers=fast).status_code for _ in range(40)]
    problem = services.done.get("/tasks", headers=fast)

    assert statuses[:5] == [200] * 5
    assert statuses.count(200) <= 10
    if problem.status_code == 429:
        refused(problem, "REQUESTS_PER_SECOND_OF_TOKEN")
    assert services.done.get("/tasks", headers=other).status_code == 200
    assert services.done.get("/health", headers=fast).status_code == 200


def test_all_together_may_ask_so_often_and_the_operator_always(real_store: Store) -> None:
    services = Services(real_store, api_token=ADMIN, requests_per_second=5)
    readers = [bearer(tokens.create(real_store, name, Role.READ)[1]) for name in "abcdefgh"]

    statuses = [services.done.get("/tasks", headers=one).status_code for one in readers * 4]
    operators = {services.done.get("/tasks", headers=HEADERS).status_code for _ in range(20)}

    assert 5 <= statuses.count(200) <= 10
    assert operators == {200}
    metrics = services.done.get("/metrics", headers=HEADERS).text
    counted = {
        sample.labels["reason"]: sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "donebit_refusals_total"
    }
    assert counted["quota"] >= statuses.count(429)


@pytest.mark.parametrize(
    ("mine", "total", "processes", "share"),
    [
        (0, 0, 0, 100),  # nobody had any
        (50, 50, 1, 100),  # only this one
        (300, 600, 2, 50),  # half of more than there is
        (300, 400, 2, 75),
        (10, 60, 2, 50),  # what the other left
        (0, 500, 3, 25),  # who begins late gets something
    ],
)
def test_a_process_gets_its_share(mine: int, total: int, processes: int, share: float) -> None:
    assert share_of(100, mine, total, processes) == share


def test_processes_together_keep_to_the_limit(real_store: Store) -> None:
    now_ms = 1_795_230_245_000
    processes = [Rates(real_store, 100, 0, lambda: now_ms) for _ in range(4)]
    granted = []
    for _ in range(5):
        granted.append(sum(one.exceeded("a") is None for one in processes for _ in range(200)))
        now_ms += 1000
        for thread in threading.enumerate():
            if thread.name == "rates":
                thread.join()

    assert granted[0] == 400  # nobody knows of the others yet
    assert granted[-1] == 100


def test_what_a_process_had_before_a_pause_is_no_part_of_its_share(real_store: Store) -> None:
    paused, other = (Rates(real_store, 10, 0, lambda: 1_000_016_000) for _ in range(2))
    paused.exchange(1_000_010, {"reader": 100})
    other.exchange(1_000_014, {"reader": 1})
    paused.exchange(1_000_015, {"reader": 1})

    admitted = sum(paused.exceeded("reader") is None for _ in range(50))

    assert admitted == 9  # the other had one of the ten


def test_a_mark_asks_redis_no_more_for_its_rate(real_store: Store, real_client: Redis) -> None:
    def asked(services: Services) -> int:
        body_of(services.distinct.post("/distinct?userId=1"))
        real_client.config_resetstat()
        for user in range(50):
            body_of(services.distinct.post(f"/distinct?userId={user}"))
        stats = real_client.info("commandstats")
        return sum(one["calls"] for name, one in stats.items() if "hgetall" in name or "hincrby" in name)

    free, held = asked(Services(real_store)), asked(Services(real_store, requests_per_second=10_000))

    assert held - free < 50 / 2  # some for each second that it takes, and none for each mark


def test_metrics_show_the_limits_and_what_is_used(real_store: Store) -> None:
    services = limited(real_store, max_open_tasks=5, max_events=7)
    services.start(1)

    text = services.done.get("/metrics").text

    assert 'donebit_quota_limit{setting="MAX_OPEN_TASKS"} 5.0' in text
    assert 'donebit_quota_used{setting="MAX_OPEN_TASKS"} 1.0' in text
    assert 'donebit_quota_used{setting="MAX_EVENTS"} 0.0' in text
    assert "MAX_FLAGS" not in text
