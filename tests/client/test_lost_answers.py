"""Clients whose answers get lost: every call counts once."""

from __future__ import annotations

from itertools import islice
from uuid import uuid4

import pytest

from donebit import ApiError, Donebit, InvalidInput, ServiceUnreachable, item_pieces
from tests.client.conftest import TOKEN, MakeClient
from tests.lossy_proxy import LossyWay, lossy_way_to
from tests.web.real import RealServices


def test_a_lost_answer_is_given_at_the_next_try(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(3)
    lossy.answers_to_lose = 1

    answer = cut_off.report(task_id, [0, 1, 2])

    assert len(lossy.keys_sent) == 2
    assert len(set(lossy.keys_sent)) == 1
    # The first try did it all; without its key the second would say 0 and false.
    assert (answer["fresh"], answer["completed_task"]) == (3, True)


def test_an_addition_whose_answer_is_lost_is_added_once(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(3)
    lossy.answers_to_lose = 2

    task = cut_off.extend(task_id, add=5)

    assert (task["count"], len(lossy.keys_sent), len(set(lossy.keys_sent))) == (8, 3, 1)
    assert cut_off.extend(task_id, count=10, expected=8)["count"] == 10
    with pytest.raises(ApiError, match="has 10 steps, not 8"):
        cut_off.extend(task_id, add=1, expected=8)


def test_results_are_reported_and_read_though_answers_are_lost(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id, found = cut_off.start(30_000), {step: step * 3 for step in range(25_000)}
    lossy.answers_to_lose = 2

    report = cut_off.report(task_id, [29_999], found)
    cut_off.report(task_id, results={0: "late", 29_998: None})
    lossy.answers_to_lose = 1
    results = cut_off.results(task_id)

    assert (report["fresh"], len(results)) == (25_001, 25_001)
    assert dict(results.items()) == found | {29_998: None}
    assert (results[24_999], sum(islice(results, 25_000))) == (74_997, sum(found.values()))


def test_items_are_a_task_with_a_step_for_each(cut_off: Donebit, lossy: LossyWay) -> None:
    lossy.answers_to_lose = 2

    task_id = cut_off.map("length", (f"{step}.txt" for step in range(12)), label="few")
    again = cut_off.map("length", [f"{step}.txt" for step in range(12)], task_id=task_id, label="few")
    task = cut_off.get(task_id)

    assert (again, task["count"], task["job"]) == (task_id, 12, "length")
    assert cut_off.get(cut_off.map("length", []))["state"] == "done"
    with pytest.raises(ApiError, match=r"does not take items\[1\]: items\[1\] is 2; it must"):
        cut_off.map("length", ["a", 2])
    with pytest.raises(InvalidInput, match=r"items\[1\] cannot be written as JSON"):
        cut_off.map("length", ["a", {1}])


def test_many_items_are_sent_in_pieces_though_answers_are_lost(
    cut_off: Donebit, lossy: LossyWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_pieces, "BYTES_PER_PIECE", 10_000)
    lossy.answers_to_lose = 3

    task_id = cut_off.map("length", (f"{step:05}.txt" for step in range(5000)))

    task = cut_off.get(task_id)
    assert (task["count"], task["state"], task["open"]) == (5000, "running", False)


@pytest.mark.parametrize("count", [10, 5000])
def test_a_task_of_items_stays_open_if_asked_however_many_they_are(
    donebit: Donebit, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(item_pieces, "BYTES_PER_PIECE", 10_000)

    task_id = donebit.map("length", (f"{step:05}.txt" for step in range(count)), open=True)

    assert (donebit.get(task_id)["count"], donebit.get(task_id)["open"]) == (count, True)
    with pytest.raises(ApiError, match="open is 'no'"):
        donebit.map("length", (f"{step:05}.txt" for step in range(count)), open="no")


@pytest.mark.parametrize("at", [10, 4000])
def test_of_items_of_which_one_does_not_fit_no_step_runs(
    cut_off: Donebit, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(item_pieces, "BYTES_PER_PIECE", 10_000)
    given: list[object] = [f"{step:05}.txt" for step in range(5000)]
    given[at], task_id = 7, uuid4().hex

    with pytest.raises(ApiError, match="is 7; it must be a text"):
        cut_off.map("length", given, task_id=task_id)

    task = cut_off.get(task_id)
    assert (task["state"], task["done_steps"], task["messages_sent"]) == ("cancelled", 0, 0)


def test_an_open_task_is_closed_once_though_the_answer_is_lost(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(open=True)
    cut_off.extend(task_id, add=2)
    cut_off.report(task_id, [0, 1])
    lossy.answers_to_lose, before = 2, len(lossy.keys_sent)

    with pytest.raises(ApiError, match="has 2 steps, not 3"):
        cut_off.close_task(task_id, expected=3)
    assert cut_off.close_task(task_id, expected=2)["state"] == "done"

    assert len(set(lossy.keys_sent[before:])) == 2


def test_a_task_is_paused_once_though_the_answer_is_lost_and_resumed(
    cut_off: Donebit, lossy: LossyWay
) -> None:
    task_id = cut_off.start(2)
    lossy.answers_to_lose = 1

    paused, resumed = cut_off.pause(task_id), cut_off.resume(task_id)

    assert (paused["state"], paused["paused"], resumed["paused"]) == ("running", True, False)
    assert len(lossy.keys_sent) == 3
    assert len(set(lossy.keys_sent)) == 2


def test_a_task_is_cancelled_once_though_the_answer_is_lost(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(2)
    lossy.answers_to_lose = 1

    cancelled = cut_off.cancel(task_id)

    assert (cancelled["state"], cut_off.get(task_id)["state"]) == ("cancelled", "cancelled")
    assert len(set(lossy.keys_sent)) == 2


def test_a_task_is_run_again_once_though_the_answer_is_lost(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(2, label="mine")
    lossy.answers_to_lose = 1

    again, other = cut_off.rerun(task_id), cut_off.rerun(task_id)

    assert len({task_id, again, other}) == 3
    assert (cut_off.get(again)["count"], cut_off.get(again)["done_steps"]) == (2, 0)


def test_a_503_is_retried_under_the_same_key(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(1)
    lossy.requests_to_refuse = 5

    answer = cut_off.report(task_id, [0])

    assert answer["completed_task"] is True
    assert len(lossy.keys_sent) == 6
    assert len(set(lossy.keys_sent)) == 1


def test_a_503_that_lasts_is_an_api_error(cut_off_briefly: Donebit, lossy: LossyWay) -> None:
    lossy.requests_to_refuse = 1000

    with pytest.raises(ApiError, match=r"^503: the answer of done_app .* is not JSON: away$"):
        cut_off_briefly.report("any", [0])

    assert len(lossy.keys_sent) > 1


def test_answers_that_stay_lost_are_a_service_unreachable(cut_off_briefly: Donebit, lossy: LossyWay) -> None:
    lossy.answers_to_lose = 1000

    with pytest.raises(ServiceUnreachable) as caught:
        cut_off_briefly.get("any")

    assert caught.value.detail == (
        f"done_app at {lossy.url} closed the connection without an answer (DONE_URL sets its address)"
    )


def test_with_a_timeout_of_0_a_call_is_tried_once(
    make_client: MakeClient, services: RealServices, lossy: LossyWay
) -> None:
    lossy.requests_to_refuse = 1

    with pytest.raises(ApiError):
        make_client(services.url("trigger"), lossy.url, TOKEN, timeout_seconds=0).get("any")

    assert len(lossy.keys_sent) == 1


def test_each_report_has_a_key_of_its_own(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(2)

    cut_off.report(task_id, [0])
    cut_off.report(task_id, [0])

    assert len(set(lossy.keys_sent)) == 2


def test_failed_steps_are_retried_once_though_the_answer_is_lost(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(4)
    for step in range(4):
        cut_off.fail(task_id, step, "disk full")
    lossy.answers_to_lose = 1

    task = cut_off.retry(task_id, [0, 2])
    again = cut_off.retry(task_id, [1])

    assert (task["state"], task["missing"], task["failed_steps"]) == ("running", [[0, 1], [2, 3]], 2)
    assert again["failed_steps"] == 1
    with pytest.raises(InvalidInput, match="either steps or a group"):
        cut_off.retry(task_id)
    with pytest.raises(InvalidInput, match="either steps or a group"):
        cut_off.retry(task_id, [1], group="1c7de33b")
    with pytest.raises(ApiError, match="has given up"):
        cut_off.retry(task_id, group="1c7de33b")


def test_a_schedule_is_deleted_though_the_answer_is_lost(
    make_client: MakeClient, services: RealServices
) -> None:
    with lossy_way_to(services.url("trigger")) as way:
        client = make_client(way.url, services.url("done"), TOKEN)
        client.schedule("lost", "@daily", count=1)
        client.expect("lost", "@daily", label="lost")
        way.answers_to_lose, way.lost_method = 2, "DELETE"

        client.delete_schedule("lost")
        with pytest.raises(ApiError, match=r"^404: no schedule is named lost$"):
            client.delete_schedule("lost")
        client.delete_expectation("lost")

        assert client.expectations() == []
