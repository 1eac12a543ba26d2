"""The calls of both clients against the real services."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import cast

import numpy as np
import pytest
import urllib3

from donebit import ApiError, Donebit, schedule_calls
from donebit.calls import RANGES_PER_REPORT
from tests.client.conftest import TOKEN, MakeClient
from tests.lossy_proxy import LossyWay
from tests.web.real import RealServices


def test_the_environment_says_where_the_services_are(
    make_client: MakeClient, services: RealServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("TRIGGER_PORT", str(services.ports["trigger"]))
    monkeypatch.setenv("DONE_URL", services.url("done") + "/")

    client = make_client(token=TOKEN)

    assert client.get(client.start(1))["count"] == 1


def test_steps_in_any_order_are_reported_as_ranges(donebit: Donebit) -> None:
    task_id = donebit.start(10)

    answer = donebit.report(task_id, [7, 3, 1, 2, 2])

    assert (answer["fresh"], answer["state"]) == (4, "running")
    assert donebit.get(task_id)["missing"] == [[0, 1], [4, 7], [8, 10]]


def test_more_steps_than_a_report_may_have_are_reported_in_several(donebit: Donebit) -> None:
    scattered = range(0, 4 * RANGES_PER_REPORT, 2)
    task_id = donebit.start(4 * RANGES_PER_REPORT)

    answer = donebit.report(task_id, scattered)

    assert (answer["fresh"], answer["done_steps"]) == (2 * RANGES_PER_REPORT, 2 * RANGES_PER_REPORT)


def test_a_step_that_is_named_beside_its_result_keeps_the_result(donebit: Donebit) -> None:
    task_id = donebit.start(3)

    answer = donebit.report(task_id, range(3), results={1: "found"})

    assert (answer["fresh"], answer["completed_task"], answer["state"]) == (3, True, "done")
    assert dict(donebit.results(task_id).items()) == {1: "found"}


def test_a_task_without_steps_is_done_at_once(donebit: Donebit) -> None:
    task = donebit.wait(donebit.start(0), timeout_seconds=0)

    assert (task["state"], task["count"], task["progress"]) == ("done", 0, 1.0)


def test_a_report_of_no_steps_says_how_the_task_is(donebit: Donebit) -> None:
    task_id = donebit.start(2)
    donebit.report(task_id, [1])

    answer = donebit.report(task_id, [])

    assert (answer["fresh"], answer["done_steps"], answer["count"]) == (0, 1, 2)


def test_steps_that_fail_end_the_task_as_failed(donebit: Donebit) -> None:
    task_id = donebit.start(3)
    donebit.report(task_id, [0, 2])

    answer = donebit.fail(task_id, 1, ValueError("x" * 20_000))

    assert (answer["completed_task"], answer["state"]) == (True, "failed")
    assert donebit.wait(task_id)["failed_steps"] == 1


def test_wait_raises_timeout_error_with_the_state(donebit: Donebit) -> None:
    task_id = donebit.start(1)

    with pytest.raises(TimeoutError, match=f"^task {task_id} is running after 0.1 s$"):
        donebit.wait(task_id, 0.1)


@pytest.mark.parametrize("error", ["", "\udcff", ValueError()])
def test_an_error_without_text_or_with_bad_text_is_recorded(donebit: Donebit, error: object) -> None:
    task_id = donebit.start(1)

    assert donebit.fail(task_id, 0, error)["state"] == "failed"


class Unreadable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_an_error_whose_text_cannot_be_read_is_recorded(
    donebit: Donebit, services: RealServices, addresses: list[str]
) -> None:
    task_id = donebit.start(1)

    donebit.fail(task_id, 0, Unreadable())

    headers = {"Authorization": f"Bearer {addresses[2]}"}
    answer = urllib3.request("GET", services.url("done", f"/tasks/{task_id}/failures"), headers=headers)
    assert answer.json()["failures"][0]["error"] == "Unreadable, whose text cannot be read"


def test_starting_the_same_task_twice_is_one_task(donebit: Donebit) -> None:
    task_id = donebit.start(2, label="once")

    assert donebit.start(2, task_id=task_id, label="once") == task_id


def test_params_may_be_any_mapping_and_a_count_any_integer(donebit: Donebit) -> None:
    given, count = MappingProxyType({"sleep_ms": 3}), cast(int, np.int64(2))

    task_id = donebit.start(count, job="demo", params=given)
    made = donebit.schedule("any-mapping", "@daily", count=count, job="demo", params=given)
    donebit.delete_schedule("any-mapping")

    assert donebit.start(2, job="demo", params={"sleep_ms": 3}, task_id=task_id) == task_id
    assert (made["task"]["count"], made["task"]["params"]) == (2, {"sleep_ms": 3})


@pytest.mark.parametrize(
    ("asked", "status", "detail"),
    [
        ("unknown", 404, "no task never-started is known, or it has expired"),
        ("otherwise", 409, "exists with another spec: its count is 2, not 3"),
        ("beyond", 422, "step 2 is not a step of task"),
    ],
)
def test_a_refused_call_says_why(donebit: Donebit, asked: str, status: int, detail: str) -> None:
    task_id = donebit.start(2)
    calls: dict[str, Callable[[], object]] = {
        "unknown": lambda: donebit.report("never-started", [0]),
        "otherwise": lambda: donebit.start(3, task_id=task_id),
        "beyond": lambda: donebit.fail(task_id, 2, "disk full"),
    }

    with pytest.raises(ApiError) as caught:
        calls[asked]()

    assert caught.value.status == status
    assert detail in caught.value.detail


def test_the_token_is_taken_from_the_environment(
    make_client: MakeClient, addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_TOKEN", raising=False)
    with pytest.raises(ApiError, match=r"^401: send `Authorization: Bearer`"):
        make_client(*addresses[:2]).start(1)

    monkeypatch.setenv("API_TOKEN", TOKEN)

    assert make_client(*addresses[:2]).start(1)


def test_a_token_of_any_latin_1_is_sent_as_it_is(make_client: MakeClient, lossy: LossyWay) -> None:
    with pytest.raises(ApiError, match=r"^401: "):
        make_client(None, lossy.url, "caf\xe9").get("any")

    assert lossy.tokens_sent == ["Bearer caf\xe9"]


def test_schedules_are_made_changed_read_run_and_deleted(donebit: Donebit) -> None:
    made = donebit.schedule("of-client", "@daily", count=3, job="demo", zone="Europe/Berlin", overlap="queue")
    changed = donebit.schedule("of-client", "@hourly", count=4, label="own")
    paused, resumed = donebit.pause_schedule("of-client"), donebit.resume_schedule("of-client")
    task_id = donebit.run_schedule("of-client")

    assert (made["zone"], made["overlap"], made["task"]["job"]) == ("Europe/Berlin", "queue", "demo")
    assert (changed["cron"], changed["task"]["count"], changed["overlap"]) == ("@hourly", 4, "skip")
    assert (paused["next_at"], resumed["paused"]) == (None, False)
    assert donebit.get(task_id)["count"] == 4
    assert [one["name"] for one in donebit.schedules()] == ["of-client"]
    donebit.delete_schedule("of-client")
    with pytest.raises(ApiError, match="no schedule is named of-client"):
        donebit.get_schedule("of-client")


def test_schedules_of_several_pages_are_all_read(donebit: Donebit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_calls, "PER_PAGE", 2)
    names = [f"paged-{number}" for number in range(5)]
    for name in names:
        donebit.schedule(name, "@daily", count=1)

    listed = [one["name"] for one in donebit.schedules() if one["name"] in names]

    for name in names:
        donebit.delete_schedule(name)
    assert listed == names


# In one request of less than a megabyte each would be refused: too many named values, too many lists.
@pytest.mark.parametrize("value", [[dict.fromkeys("abcde", 1)], [{}] * 12], ids=["named", "nested"])
def test_many_small_values_take_several_requests_too(donebit: Donebit, value: list[object]) -> None:
    task_id, given = donebit.start(10_000), dict.fromkeys(range(10_000), value)

    reported = donebit.report(task_id, results=given)
    of_items = donebit.get(donebit.map("fields", given.values()))

    assert (reported["fresh"], reported["state"]) == (10_000, "done")
    assert (of_items["count"], of_items["open"]) == (10_000, False)


def test_expectations_are_made_read_and_deleted(donebit: Donebit) -> None:
    made = donebit.expect("by-three", "0 3 * * *", label="backup", zone="Europe/Berlin")

    assert (made["met"], made["expected"]) == (True, "done")
    assert [one["name"] for one in donebit.expectations()] == ["by-three"]
    assert donebit.pause_expectation("by-three")["paused"]
    assert not donebit.resume_expectation("by-three")["paused"]
    donebit.delete_expectation("by-three")
    assert donebit.expectations() == []


MANY_ITEMS = ["x" * 100] * 30_000  # more than one request takes


def test_items_of_a_task_that_has_items_leave_it_as_it_is(donebit: Donebit) -> None:
    task_id = donebit.map("length", MANY_ITEMS)

    with pytest.raises(ApiError, match="has items already") as refused:
        donebit.map("length", MANY_ITEMS, task_id=task_id)

    task = donebit.get(task_id)
    assert (refused.value.status, task["state"], task["count"]) == (409, "running", 30_000)


def test_items_for_a_task_that_others_fill_leave_it_open(donebit: Donebit, services: RealServices) -> None:
    task_id = donebit.start(job="length", open=True, items=[])
    path = f"{services.url('done')}/tasks/{task_id}/items"
    sent = urllib3.request(
        "POST", path, json={"items": ["a", "b"]}, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert sent.status == 200

    with pytest.raises(ApiError, match="has items already"):
        donebit.map("length", MANY_ITEMS, task_id=task_id)

    task = donebit.get(task_id)
    assert (task["state"], task["count"], task["open"]) == ("running", 2, True)


def test_a_task_whose_steps_have_items_is_extended_by_items(donebit: Donebit) -> None:
    task_id = donebit.map("length", ["a", "bb"])

    with pytest.raises(ApiError, match="extend it by `items`"):
        donebit.extend(task_id, add=1)
    extended = donebit.extend(task_id, items=(text for text in ("ccc", "dddd")), expected=2)

    assert extended["count"] == 4
    with pytest.raises(ApiError, match=r"items\[1\] is 5; it must be a text"):
        donebit.extend(task_id, items=["e", 5])
    with pytest.raises(ApiError) as refused:
        donebit.extend(task_id, items=["e"], expected=2)
    assert (refused.value.status, donebit.get(task_id)["count"]) == (409, 4)


def test_items_that_are_too_many_for_one_request_are_added_by_none(donebit: Donebit) -> None:
    task_id = donebit.map("length", ["a"])
    items = [{"a": 1, "b": 2, "c": 3, "d": 4}] * 20_000

    with pytest.raises(ApiError, match="more than 60000 named values in objects; send it in several"):
        donebit.extend(task_id, items=items)

    assert donebit.get(task_id)["count"] == 1
