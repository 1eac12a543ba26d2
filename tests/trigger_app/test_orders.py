"""Who is told, and what follows, is checked when a task is started: what nobody could do is refused there."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from donebit import job
from donebit.completion import announcing, failing, lifecycle, reporting, resuming
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Parent
from donebit.jobs.registry import Job, Jobs
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, life_left
from tests.conftest import everything
from tests.receiver import SECRET
from tests.web.services import Services, body_of, problem_of
from trigger_app.models import TaskRequest
from trigger_app.orders import LARGEST_SPEC, LONGEST_CHAIN, spec_of

HOOK = "https://hooks.example.org/told"
STEP: dict[str, Any] = {"count": 1, "job": "demo"}
ENDS = "it must be 'done', 'failed', 'cancelled' or 'first_failure'"
LONGEST_LIFE = 30 * 24 * 3600


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(
        real_store,
        webhook_hosts=("hooks.example.org",),
        webhook_secret=SECRET,
        callbacks=("reports.finished", "bills.sent@bills"),
    )


def chained(tasks: int, last: dict[str, Any] | None = None) -> dict[str, Any]:
    """Tasks that follow one another, in one body."""
    body = dict(last or STEP)
    for _ in range(tasks - 1):
        body = {**STEP, "then": body}
    return body


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "host": (
        {"webhook": "http://evil.example/"},
        r"webhook is 'http://evil.example/'; its host must be one of WEBHOOK_HOSTS, .*: hooks.example.org$",
    ),
    "address": ({"webhook": "http://127.0.0.1/"}, r"webhook is 'http://127.0.0.1/'; its host must be one of"),
    "scheme": (
        {"webhook": "ftp://hooks.example.org/"},
        r"webhook is 'ftp://.*'; its scheme must be http or https",
    ),
    "no host": ({"webhook": "http:///x"}, r"webhook is 'http:///x'; .* must name a host"),
    "password": ({"webhook": "http://a:b@hooks.example.org/"}, "must not carry a user or password"),
    "no url": ({"webhook": {"on": ["done"]}}, "webhook.url is missing"),
    "empty url": ({"webhook": ""}, "webhook is ''; its scheme must be http or https"),
    "long url": ({"webhook": HOOK + "a" * 2000}, r"webhook.url is 'https.*; it must have at most 2000"),
    "surrogate": ({"webhook": HOOK + "\ud800"}, r"webhook.url is .*; it must be"),
    "url of another type": ({"webhook": 7}, "webhook is 7; it must be an object"),
    "url in a list": ({"webhook": [HOOK]}, r"webhook is \['https.*\]; it must be an object"),
    "more in it": ({"webhook": {"url": HOOK, "secret": "x"}}, "unknown field: webhook.secret"),
    "callback": (
        {"callback": {"name": "os.system"}},
        "callback is 'os.system'; it must be one of CALLBACKS, which has: bills.sent, reports.finished",
    ),
    "callback with its queue": ({"callback": {"name": "bills.sent@bills"}}, "must be one of CALLBACKS"),
    "long callback": ({"callback": {"name": "a" * 201}}, "callback.name is 'aa.*; it must have at most 200"),
    "callback of another type": (
        {"callback": "reports.finished"},
        "'reports.finished'; it must be an object",
    ),
    "wrong end": ({"webhook": {"url": HOOK, "on": ["ended"]}}, f"webhook.on.0 is 'ended'; {ENDS}"),
    "running": ({"callback": {"name": "bills.sent", "on": ["running"]}}, f"on.0 is 'running'; {ENDS}"),
    "no end": (
        {"webhook": {"url": HOOK, "on": []}},
        r"webhook.on is \[\]; it must have at least 1 item",
    ),
    "too many ends": (
        {"webhook": {"url": HOOK, "on": ["done"] * 5}},
        r"webhook.on is \[.*\]; it must have at most 4 items",
    ),
    "ends of another type": (
        {"webhook": {"url": HOOK, "on": "done"}},
        "webhook.on is 'done'; it must be a list",
    ),
    "wrong end of the next": ({"then": {**STEP, "on": ["never"]}}, f"then.on.0 is 'never'; {ENDS}"),
    "no end of the next": ({"then": {**STEP, "on": []}}, r"then.on is \[\]; it must have at least 1 item"),
    "job of the next": ({"then": {"count": 1, "job": "nobody"}}, "nobody"),
    "params of the next": (
        {"then": {"count": 1, "job": "demo", "params": {"sleep_ms": "7"}}},
        "params of job demo: sleep_ms",
    ),
    "params for nobody": ({"then": {"count": 1, "params": {"a": 1}}}, "params are given, but no job"),
    "count of the next": ({"then": {"count": -1}}, "count is -1; it must be 0 to 10000000"),
    "too large a next": ({"then": {"count": 10_000_001}}, "count is 10000001; it must be 0 to 10000000"),
    "no count": ({"count": None}, "count is missing; only an open task may leave it out"),
    "batch of the next": ({"then": {"count": 10**7, "batch": 1}}, "batch is 1, which makes more than 100000"),
    "id of the next": ({"then": {**STEP, "task_id": "x"}}, "unknown field: then.task_id"),
    "webhook of the next": ({"then": {**STEP, "webhook": "http://evil.example/"}}, "WEBHOOK_HOSTS"),
    "callback of the next": ({"then": {**STEP, "callback": {"name": "x"}}}, "callback is 'x'; .* CALLBACKS"),
    "webhook of the last": (chained(LONGEST_CHAIN, {**STEP, "webhook": "ftp://x/"}), "its scheme must be"),
    "too long": (
        chained(LONGEST_CHAIN + 1),
        f"then is {LONGEST_CHAIN + 1} tasks long, one after the other; at most {LONGEST_CHAIN}",
    ),
    "deep": (chained(300), "then"),
    "short life": ({"ended_ttl": 0}, "ended_ttl is 0; it must be at least 1"),
    "no life": ({"ended_ttl": 0.999}, "ended_ttl is 0.999; it must be at least 1"),
    "life before": ({"ended_ttl": -1}, "ended_ttl is -1; it must be at least 1"),
    "long life": (
        {"ended_ttl": LONGEST_LIFE + 1},
        f"ended_ttl is {LONGEST_LIFE + 1}; it must be at most {LONGEST_LIFE}",
    ),
    "endless life": ({"ended_ttl": float("inf")}, "Infinity is no JSON number"),
    "life of no length": ({"ended_ttl": float("nan")}, "NaN is no JSON number"),
    "life in words": ({"ended_ttl": "60"}, "ended_ttl is '60'; it must be a number"),
    "life of the next": ({"then": {**STEP, "ended_ttl": 0}}, "then.ended_ttl is 0; it must be at least 1"),
}


@pytest.mark.parametrize(("asked", "bound"), REFUSED.values(), ids=REFUSED)
def test_what_nobody_could_do_is_refused_and_starts_nothing(
    services: Services, real_client: Redis, asked: dict[str, Any], bound: str
) -> None:
    body = json.dumps({**STEP, **asked})

    problem = problem_of(services.trigger.post("/tasks", data=body, content_type="application/json"))

    assert re.search(bound, problem["detail"], re.DOTALL), problem["detail"]
    assert problem["errors"]
    assert everything(real_client) == {}


def test_an_order_that_is_too_large_is_refused_whatever_it_is_made_of(
    services: Services, real_client: Redis
) -> None:
    large = HOOK + "a" * 1900
    body: dict[str, Any] = {
        "count": 1,
        "job": "nobody",
        "params": {"text": "a" * LARGEST_SPEC},
        "webhook": large,
    }

    problem = problem_of(services.trigger.post("/tasks", json=body))

    assert re.search(rf"the task is \d+ characters of JSON; at most {LARGEST_SPEC}", problem["detail"])
    assert everything(real_client) == {}


def test_where_nothing_is_listed_nobody_is_told(real_store: Store, real_client: Redis) -> None:
    bare = Services(real_store)

    for asked in ({"webhook": HOOK}, {"callback": {"name": "reports.finished"}}):
        problem = problem_of(bare.trigger.post("/tasks", json={**STEP, **asked}))
        assert "which has: none" in problem["detail"]

    assert everything(real_client) == {}


def test_the_longest_chain_is_taken(services: Services) -> None:
    body_of(services.trigger.post("/tasks", json=chained(LONGEST_CHAIN)), 202)


@pytest.mark.parametrize("seconds", [1, 1.5, LONGEST_LIFE])
def test_a_life_within_its_bounds_is_taken(services: Services, seconds: float) -> None:
    body_of(services.trigger.post("/tasks", json={"count": 1, "ended_ttl": seconds}), 202)


ASKED: dict[str, Any] = {
    "task_id": "nightly",
    "count": 3,
    "webhook": {"url": HOOK, "on": ["done", "failed", "cancelled"]},
    "callback": {"name": "reports.finished", "on": ["done", "failed"]},
    "then": {**STEP, "on": ["done"]},
    "ended_ttl": 60,
}
SAME: list[dict[str, Any]] = [
    {},
    {"webhook": HOOK},
    {"webhook": {"url": HOOK}},
    {"webhook": {"url": HOOK, "on": ["cancelled", "done", "failed"]}},
    {"callback": {"name": "reports.finished", "on": ["failed", "done", "done"]}},
    {"then": STEP},
    {"ended_ttl": 60.0},
]
OTHER: list[dict[str, Any]] = [
    {"webhook": None},
    {"webhook": HOOK + "/other"},
    {"webhook": {"url": HOOK, "on": ["done"]}},
    {"callback": None},
    {"callback": {"name": "bills.sent", "on": ["done", "failed"]}},
    {"then": None},
    {"then": {**STEP, "count": 2}},
    {"then": {**STEP, "on": ["failed"]}},
    {"ended_ttl": 61},
    {"ended_ttl": None},
]


@pytest.mark.parametrize("asked", SAME)
def test_the_same_asked_for_again_is_the_same_task(services: Services, asked: dict[str, Any]) -> None:
    body_of(services.trigger.post("/tasks", json=ASKED), 202)

    again = body_of(services.trigger.post("/tasks", json={**ASKED, **asked}), 200)

    assert again["task_id"] == "nightly"


@pytest.mark.parametrize("asked", OTHER)
def test_who_else_is_told_makes_it_another_task(
    services: Services, real_client: Redis, asked: dict[str, Any]
) -> None:
    body_of(services.trigger.post("/tasks", json=ASKED), 202)
    before = everything(real_client)

    problem = problem_of(services.trigger.post("/tasks", json={**ASKED, **asked}), 409)

    assert "task nightly exists with another spec: its" in problem["detail"]
    assert everything(real_client) == before


@pytest.mark.parametrize("end", ["done", "failed", "cancelled"])
def test_a_task_is_kept_after_its_end_for_as_long_as_was_asked_for_it(
    services: Services, real_store: Store, real_client: Redis, end: str
) -> None:
    task_id = services.start(2, ended_ttl=3600)
    reporting.report(real_store, task_id, [0])

    if end == "done":
        reporting.report(real_store, task_id, [1])
    elif end == "failed":
        failing.fail(real_store, task_id, 1, "no")
    else:
        lifecycle.cancel(real_store, task_id)
    announcing.announce(real_store, task_id, lambda _: None)

    kept = [keys.record(task_id)] + ([keys.bitmap(task_id)] if end != "done" else [])
    assert body_of(services.done.get(f"/tasks/{task_id}"))["state"] == end
    for key in kept:
        assert timedelta(minutes=50) < life_left(real_client, key) <= timedelta(hours=1)
    assert real_client.exists(keys.bitmap(task_id)) == (end != "done")


def test_a_task_of_a_second_is_gone_after_it(
    services: Services, real_store: Store, real_client: Redis
) -> None:
    task_id = services.start(1, ended_ttl=1)

    reporting.report(real_store, task_id, [0])
    announcing.announce(real_store, task_id, lambda _: None)

    assert life_left(real_client, keys.record(task_id)) <= timedelta(seconds=1)


def test_a_resumed_task_lives_as_an_open_one_again(
    services: Services, real_store: Store, real_client: Redis
) -> None:
    task_id = services.start(1, ended_ttl=60)
    failing.fail(real_store, task_id, 0, "no")
    announcing.announce(real_store, task_id, lambda _: None)

    resuming.resume(real_store, task_id, TTLS)

    for key in (keys.record(task_id), keys.bitmap(task_id)):
        assert life_left(real_client, key) > timedelta(days=6)


def test_fail_fast_and_a_first_failure_can_be_asked_for(services: Services) -> None:
    body = {"count": 3, "fail_fast": True, "webhook": {"url": HOOK, "on": ["first_failure", "done"]}}
    task_id = body_of(services.trigger.post("/tasks", json=body), 202)["task_id"]

    failed = body_of(services.done.post(f"/tasks/{task_id}/failures", json={"step": 1}))
    task = body_of(services.done.get(f"/tasks/{task_id}"))

    assert (failed["completed_task"], failed["state"], failed["done_steps"]) == (True, "failed", 0)
    assert [one["kind"] for one in task["deliveries"]] == ["webhook"]
    assert "cancelled 2 others (fail_fast)" in task["why"]
    problem_of(services.trigger.post("/tasks", json={"count": 3, "fail_fast": 1}))


TAKES_RESULTS = {"job": "sum", "params": {"folder": "/"}}
KEEPS_RESULTS = {"count": 3, "job": "square", "params": {"folder": "/"}}


@pytest.mark.parametrize(
    ("body", "field", "why"),
    [
        ({"count": 1, **TAKES_RESULTS}, "job", "takes in the results of the task before it, so it can only"),
        ({**STEP, "then": TAKES_RESULTS}, "then.job", "takes in results, and job demo before it keeps none"),
        (
            {**KEEPS_RESULTS, "then": {**TAKES_RESULTS, "then": TAKES_RESULTS}},
            "then.then.job",
            "takes in results, and job sum before it keeps none",
        ),
    ],
)
def test_a_job_that_takes_in_results_follows_one_that_keeps_some(
    real_store: Store, body: dict[str, Any], field: str, why: str
) -> None:
    services = Services(real_store, jobs=("tests.integration.own_jobs",))

    problem = problem_of(services.trigger.post("/tasks", json=body))

    assert (problem["errors"][0]["field"], why in problem["detail"]) == (field, True)
    for before in ({"count": 1}, KEEPS_RESULTS):
        body_of(services.trigger.post("/tasks", json={**before, "then": TAKES_RESULTS}), 202)


def test_a_task_that_takes_in_results_can_be_run_again(real_store: Store) -> None:
    services = Services(real_store, jobs=("tests.integration.own_jobs",))
    parent, spec = Parent("before", "its-nonce", 2), TaskSpec(1, "sum", {"folder": "/"})
    lifecycle.start(real_store, spec, task_id="sums", ttls=TTLS, max_steps=10, parent=parent)

    for service in ("trigger", "done"):
        new = body_of(services.of(service).post("/tasks/sums/rerun"), 202)["task_id"]
        assert lifecycle.get_task(real_store, new).task.parent == parent


OF_ITEMS = {"job": "length", "params": {"folder": "/"}}


@pytest.mark.parametrize(
    ("body", "field", "why"),
    [
        ({**OF_ITEMS, "count": 3}, "items", "takes an item for each step, and there are no items"),
        ({"count": 1, "then": OF_ITEMS}, "then.items", "takes an item for each step, and there are no"),
        ({**OF_ITEMS, "items": ["a"], "count": 2}, "count", "count is 2, and there are 1 items"),
        ({**OF_ITEMS, "items": ["a", 7]}, "items.1", "items[1]: items[1] is 7; it must be a text"),
        ({**OF_ITEMS, "items": [*["a"] * 1500, None]}, "items.1500", "job length does not take items[1500]:"),
        ({"job": "demo", "items": [1]}, "items", "job demo takes no item"),
        ({**OF_ITEMS, "items": ["a"], "params": {"item": "b"}}, "params", "item is the step's input"),
        ({"items": ["x" * 3000]}, "items", "at most 2,000 are kept for a task (MAX_ITEMS_BYTES)"),
        ({"items": ["a", "\ud800"]}, "items.1", "items[1] cannot be written as JSON"),
        ({"count": 1, "then": {"items": [1]}}, "then.items", "unknown field: then.items"),
        ({"items": 7}, "items", "items is 7"),
    ],
)
def test_items_that_do_not_fit_are_refused_and_start_nothing(
    real_store: Store, real_client: Redis, body: dict[str, Any], field: str, why: str
) -> None:
    services = Services(real_store, jobs=("tests.integration.own_jobs",), max_items_bytes=2000)
    before = everything(real_client)

    problem = problem_of(
        services.trigger.post("/tasks", data=json.dumps(body), content_type="application/json")
    )

    assert (problem["errors"][0]["field"], why in problem["detail"]) == (field, True), problem
    assert everything(real_client) == before


def test_the_same_items_under_an_id_are_the_same_task(real_store: Store) -> None:
    services = Services(real_store, jobs=("tests.integration.own_jobs",))
    body = {**OF_ITEMS, "task_id": "again", "items": ["a", "bb"]}

    started = [services.trigger.post("/tasks", json=body) for _ in range(2)]
    with_count = services.trigger.post("/tasks", json={**body, "count": 2})
    other = services.trigger.post("/tasks", json={**body, "items": ["a", "cc"]})

    assert [one.status_code for one in (*started, with_count, other)] == [202, 200, 200, 409]
    assert body_of(started[1])["count"] == 2


def test_a_limit_of_steps_at_once_can_be_asked_for(services: Services) -> None:
    body = {"count": 3, "job": "demo", "max_concurrency": 2}

    started = body_of(services.trigger.post("/tasks", json=body | {"task_id": "limited"}), 202)
    same = services.trigger.post("/tasks", json=body | {"task_id": "limited"})
    other = services.trigger.post("/tasks", json=body | {"task_id": "limited", "max_concurrency": 3})

    assert (started["count"], same.status_code) == (3, 200)
    problem_of(other, 409)


def test_a_high_priority_is_asked_for_and_kept_by_a_rerun(services: Services) -> None:
    body = {"task_id": "urgent", "count": 3, "job": "demo", "priority": "high", "then": {"job": "demo"}}

    started = services.trigger.post("/tasks", json=body)
    again = services.trigger.post("/tasks", json=body)
    other = services.trigger.post("/tasks", json=body | {"priority": "normal"})
    rerun = body_of(services.trigger.post("/tasks/urgent/rerun"), 202)

    assert [one.status_code for one in (started, again, other)] == [202, 200, 409]
    for task_id in ("urgent", rerun["task_id"]):
        assert body_of(services.done.get(f"/tasks/{task_id}"))["priority"] == "high"
        assert "<dt>Priority</dt><dd>high</dd>" in services.trigger.get(f"/tasks/{task_id}").text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["high", "high"]),
        ({"priority": "normal"}, ["normal", "high"]),
        ({"job": None}, ["normal", "high"]),
    ],
)
def test_tasks_have_the_priority_of_their_job_unless_they_name_another(
    given: dict[str, object], expected: list[str]
) -> None:
    @job("urgent", priority="high")
    def urgent(step: int) -> None: ...

    body = {"count": 3, "job": "urgent", "then": {"job": "urgent"}} | given
    spec = spec_of(TaskRequest.model_validate(body), Jobs([Job.from_function(urgent)]), timedelta(minutes=1))

    assert [one.priority for one in spec.chain] == expected
    assert [TaskSpec.from_text(one.as_text()).priority for one in spec.chain] == expected


@pytest.mark.parametrize("given", [{"priority": "urgent"}, {"priority": 9}, {"job": None}])
def test_a_priority_that_means_nothing_is_refused(services: Services, given: dict[str, object]) -> None:
    body = {"count": 3, "job": "demo", "priority": "high"}

    refused = problem_of(services.trigger.post("/tasks", json=body | given), 422)

    assert refused["errors"][0]["field"] == "priority"


@pytest.mark.parametrize("given", [{"max_concurrency": 0}, {"max_concurrency": "2"}, {"job": None}])
def test_a_limit_that_nobody_could_keep_is_refused(services: Services, given: dict[str, object]) -> None:
    body = {"count": 3, "job": "demo", "max_concurrency": 2}

    refused = problem_of(services.trigger.post("/tasks", json=body | given), 422)

    assert refused["errors"][0]["field"] == "max_concurrency"
