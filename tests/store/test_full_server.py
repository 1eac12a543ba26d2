"""A server whose memory is full: what is refused is refused whole, and docs/operations.md says what is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from donebit import clock
from donebit.store import Store
from donebit.store.client import connect
from tests.conftest import everything
from tests.servers import LASTING, RunningServer, running, valkey_binary
from tests.web.services import Services

ANSWERED = ["/events/e/count?period=all", "/events/e/users/7?period=all", "/flags/f/count", "/distinct"]

REFUSED = ["/events/e/retention", "/events/e/lifecycle", "/flags/f/missing?event=e"]


@pytest.fixture(scope="module")
def full_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path_factory.mktemp("full"), LASTING) as server:
        yield server


@pytest.fixture(scope="module")
def lasting(full_server: RunningServer) -> Iterator[Services]:
    with connect(full_server.url, connections=8, timeout=timedelta(seconds=5)) as client:
        yield Services(Store.on(client))


@pytest.fixture
def store(full_server: RunningServer) -> Iterator[Store]:
    with connect(full_server.url, connections=1, timeout=timedelta(seconds=5)) as client:
        yield Store.on(client)


@pytest.fixture
def services(full_server: RunningServer, lasting: Services) -> Services:
    """The services over a server that has some activity and a task, and is full since."""
    full_server.client.config_set("maxmemory", 0)
    full_server.client.flushall()
    for days in (0, 1, 7):  # so that periods have users in common
        at = (clock.now() - timedelta(days=days)).isoformat()
        lasting.distinct.post("/events/e", json={"users": [7, 8], "at": at})
    lasting.distinct.put("/flags/f/users", json={"users": [7]})
    lasting.distinct.post("/events/of-texts", json={"users": ["ada", "bob"]})
    lasting.distinct.put("/flags/of-texts/users", json={"users": ["ada"]})
    lasting.trigger.post("/tasks", json={"count": 9, "task_id": "before"})
    lasting.trigger.put("/schedules/s", json={"cron": "@daily", "task": {"count": 1}})
    lasting.trigger.put("/expectations/x", json={"cron": "@daily", "job": "demo"})
    full_server.client.config_set("maxmemory", 1)
    return lasting


@pytest.mark.parametrize(
    "body",
    [
        {"count": 3, "task_id": "whole"},
        {"count": 100_000, "job": "demo", "task_id": "whole"},
        {"count": 3, "task_id": "whole", "job": "demo", "then": {"job": "demo", "count": 2}},
    ],
)
def test_a_task_is_refused_whole(
    services: Services, full_server: RunningServer, body: dict[str, object]
) -> None:
    before = everything(full_server.client)

    answer = services.trigger.post("/tasks", json=body)

    assert answer.status_code == 503, answer.text
    assert "Retry-After" in answer.headers
    assert everything(full_server.client) == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/tasks/before/steps/1", None),
        ("POST", "/tasks/before/steps", {"steps": [1, 2]}),
        ("POST", "/tasks/before/failures", {"step": 1, "error": "no"}),
    ],
)
def test_a_report_is_refused_whole(
    services: Services, full_server: RunningServer, method: str, path: str, body: object
) -> None:
    before = everything(full_server.client)

    answer = services.done.open(path, method=method, json=body)

    assert answer.status_code == 503, answer.text
    assert everything(full_server.client) == before


@pytest.mark.parametrize(
    "path", ["/tasks", "/tasks/before", "/tasks/before/missing", "/tasks/before/failures"]
)
def test_what_a_task_is_at_is_answered(services: Services, path: str) -> None:
    assert services.done.get(path).status_code == 200


@pytest.mark.parametrize("path", ANSWERED)
def test_a_count_of_one_bitmap_is_answered(services: Services, path: str) -> None:
    assert services.distinct.get(path).status_code == 200


@pytest.mark.parametrize("path", REFUSED)
def test_a_question_that_computes_in_scratch_is_refused(services: Services, path: str) -> None:
    assert services.distinct.get(path).status_code == 503


@pytest.mark.parametrize("path", ["/schedules/s", "/expectations/x"])
def test_a_schedule_that_is_deleted_is_answered_so(services: Services, path: str) -> None:
    answer = services.trigger.delete(path)

    assert answer.status_code == 204, answer.text
    assert services.trigger.get(path).status_code == 404


@pytest.mark.parametrize("kind", ["events", "flags"])
def test_an_event_or_a_flag_is_deleted_whole(
    services: Services, full_server: RunningServer, kind: str
) -> None:
    answer = services.distinct.delete(f"/{kind}/of-texts")
    again = services.distinct.delete(f"/{kind}/of-texts")

    assert answer.status_code == again.status_code == 200, answer.text
    assert [
        one for one in everything(full_server.client) if b"of-texts" in one and kind.encode() in one
    ] == []
    listed = services.distinct.get(f"/{kind}")
    assert (listed.status_code, "of-texts" in listed.text) == (200, False)


def test_a_user_is_erased_everywhere(services: Services) -> None:
    answer = services.distinct.delete("/users/ada")

    assert answer.status_code == 200, answer.text
    assert (answer.get_json()["bitmaps"], answer.get_json()["flags"]) == (6, ["of-texts"])
    assert services.distinct.get("/events/of-texts/count").get_json()["count"] == 1
    assert services.distinct.get("/flags/of-texts/count").get_json()["count"] == 0


def test_who_brought_an_erased_text_is_forgotten(
    services: Services, store: Store, full_server: RunningServer
) -> None:
    full_server.client.config_set("maxmemory", 0)
    store.access.add_token("one", "{}")
    store.begun.note_texts("one", [0, 1])
    full_server.client.config_set("maxmemory", 1)

    assert services.distinct.delete("/users/ada").status_code == 200
    assert store.begun.count("one", "text_ids") == 1


def test_health_is_not_ok(services: Services) -> None:
    assert services.done.get("/health").status_code == 503
