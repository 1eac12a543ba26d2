"""How many open tasks one token may have begun: what goes beyond is 429, and changes nothing."""

from __future__ import annotations

from redis import Redis
from werkzeug.test import TestResponse

from donebit.access import tokens
from donebit.access.roles import Role
from donebit.store import Store
from donebit.store.task_shards import OF_A_CLUSTER
from tests.web.services import Services, body_of
from tests.web.test_quotas import HEADERS, keys, refused
from tests.web.test_roles import ADMIN, bearer


def test_a_token_has_only_so_many_open_tasks(real_store: Store, real_client: Redis) -> None:
    services = Services(real_store, api_token=ADMIN, max_open_tasks_of_token=2)
    one, other = (bearer(tokens.create(real_store, name, Role.ADMIN)[1]) for name in ("one", "other"))

    def start(task_id: str, who: dict[str, str] = one) -> TestResponse:
        return services.trigger.post("/tasks", json={"count": 1, "task_id": task_id}, headers=who)

    body_of(start("a"), 202)
    body_of(services.trigger.post("/tasks/a/rerun", headers=one), 202)
    before = keys(real_client)
    refused(start("b"), "MAX_OPEN_TASKS_OF_TOKEN")
    refused(services.trigger.post("/tasks/a/rerun", headers=one), "MAX_OPEN_TASKS_OF_TOKEN")
    refused(services.done.post("/tasks/a/rerun", headers=one), "MAX_OPEN_TASKS_OF_TOKEN")
    assert keys(real_client) == before

    body_of(start("a"))  # which is there already
    for who, names in ((other, "bc"), (HEADERS, "defg")):  # API_TOKEN is held to nothing
        for name in names:
            body_of(start(name, who), 202)
    refused(start("h", other), "MAX_OPEN_TASKS_OF_TOKEN")
    services.done.delete("/tasks/a", headers=one)
    body_of(start("h"), 202)
    refused(start("i"), "MAX_OPEN_TASKS_OF_TOKEN")


def test_tasks_in_shards_are_counted_too(real_client: Redis) -> None:
    store = Store.on(real_client)
    real_client.set(store.keys.TASK_SHARDS, OF_A_CLUSTER)
    services = Services(store, api_token=ADMIN, max_open_tasks_of_token=2)
    who = bearer(tokens.create(store, "one", Role.ADMIN)[1])

    for task_id in "ab":
        body_of(services.trigger.post("/tasks", json={"count": 1, "task_id": task_id}, headers=who), 202)
    for task_id in "cde":
        asked = services.trigger.post("/tasks", json={"count": 1, "task_id": task_id}, headers=who)
        refused(asked, "MAX_OPEN_TASKS_OF_TOKEN")


def test_a_task_that_runs_on_is_that_of_the_token_that_says_so(real_store: Store) -> None:
    services = Services(real_store, api_token=ADMIN, max_open_tasks_of_token=1)
    who = bearer(tokens.create(real_store, "one", Role.ADMIN)[1])
    for task_id in "ab":
        body = {"count": 1, "task_id": task_id}
        body_of(services.trigger.post("/tasks", json=body, headers=HEADERS), 202)
        services.done.post(f"/tasks/{task_id}/cancel", headers=HEADERS)

    body_of(services.done.post("/tasks/a/resume", headers=who))
    refused(services.done.post("/tasks/b/resume", headers=who), "MAX_OPEN_TASKS_OF_TOKEN")
    body_of(services.done.post("/tasks/a/pause", headers=who))
    body_of(services.done.post("/tasks/a/resume", headers=who))  # it had not ended

    tokens.revoke(real_store, "one")
    assert not real_store.begun.count("one", "open_tasks")
