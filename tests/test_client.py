"""The client against the real services, through a proxy that loses answers."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise

import numpy as np
import pytest

from donebit import ApiError, Donebit, InvalidInput, ServiceUnreachable, item_pieces
from donebit.client import RANGES_PER_REPORT
from donebit.demo.ports import free_server_port
from donebit.result_slices import slices_of
from donebit.step_numbers import ranges_of
from donebit.transport import LONGEST_PAUSE_SECONDS, pauses
from tests.lossy_proxy import LossyWay, lossy_way_to
from tests.servers import RunningServer
from tests.web.real import RealServices, running_services

TOKEN = "a token that nobody guesses"
# A process of its own, given nothing but the addresses, the task, and its steps.
OTHER_PROCESS = """
import sys
from donebit import Donebit
trigger, done, token, task_id, first, stop = sys.argv[1:]
Donebit(trigger, done, token).report(task_id, range(int(first), int(stop)))
"""
# Four processes with one client that was used before the fork, each with steps of its own, reported one by
# one: whichever reads the answer of another sees the wrong number of steps.
FORKING_PROCESS = """
import os
import sys
from donebit import Donebit
client = Donebit(*sys.argv[1:4])
task_id = sys.argv[4]
client.get(task_id)
children, first = [], 0
for part in (50, 100, 150):
    child = os.fork()
    if not child:
        children, first = [], part
        break
    children.append(child)
for count in range(1, 51):
    steps = range(first, first + count)
    assert client.report(task_id, steps)["fresh"] == 1, steps
assert not any(os.waitpid(child, 0)[1] for child in children)
"""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, valkey: RunningServer) -> Iterator[RealServices]:
    valkey.client.flushall()  # another test's may have been of another zone
    with running_services(
        tmp_path_factory.mktemp("services"), valkey.url, API_TOKEN=TOKEN, JOBS="tests.integration.own_jobs"
    ) as running:
        yield running


@pytest.fixture
def addresses(services: RealServices) -> list[str]:
    return [services.url("trigger"), services.url("done"), TOKEN]


@pytest.fixture
def donebit(addresses: list[str]) -> Donebit:
    return Donebit(*addresses)


@pytest.fixture
def lossy(services: RealServices) -> Iterator[LossyWay]:
    with lossy_way_to(services.url("done")) as way:
        yield way


@pytest.fixture
def cut_off(services: RealServices, lossy: LossyWay, monkeypatch: pytest.MonkeyPatch) -> Donebit:
    """A client that reaches done_app through a proxy that loses answers."""
    monkeypatch.setattr("donebit.transport.FIRST_PAUSE_SECONDS", 0.001)
    return Donebit(services.url("trigger"), lossy.url, TOKEN)


@pytest.fixture
def cut_off_briefly(services: RealServices, lossy: LossyWay) -> Donebit:
    """The same, which retries for 0.3 seconds alone."""
    return Donebit(services.url("trigger"), lossy.url, TOKEN, timeout_seconds=0.3)


def test_adjacent_steps_become_one_range() -> None:
    assert ranges_of([7, 3, 1, 2, 2]) == [(1, 4), (7, 8)]


@pytest.mark.parametrize(
    ("steps", "ranges"),
    [
        (range(10**9), [(0, 10**9)]),
        (range(5, 5), []),
        (range(0, 6, 2), [(0, 1), (2, 3), (4, 5)]),
        (range(3, 0, -1), [(1, 4)]),
        (np.array([4, 3], np.uint32), [(3, 5)]),
    ],
)
def test_steps_may_be_any_iterable_of_integers(steps: Iterable[int], ranges: list[tuple[int, int]]) -> None:
    assert ranges_of(steps) == ranges


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda client: client.start(-1), "count is -1; it must be an integer from 0"),
        (lambda client: client.start(1.5), "count is 1.5; it must be an integer from 0"),
        (lambda client: client.start(1, task_id="a/b"), "task_id is 'a/b'; it must be 1 to 100 of "),
        (lambda client: client.start(1, job="demo", params={"at": object()}), "cannot be written as JSON"),
        (lambda client: client.report("some", [3, -2]), "step is -2; it must be an integer from 0"),
        (lambda client: client.report("some", range(-1, 2)), "step is -1; it must be an integer from 0"),
        (lambda client: client.report("some", ["3"]), "step is '3'; it must be an integer from 0"),
        (lambda client: client.report("some", [True]), "step is True; it must be an integer from 0"),
        (lambda client: client.report("some", 3), "steps is 3; it must be integers"),
        (lambda client: client.report("", [3]), "task_id is ''; it must be 1 to 100 of "),
        (lambda client: client.fail("some", -1, "disk full"), "step is -1; it must be an integer from 0"),
        (lambda client: client.get("../done"), "task_id is '../done'; it must be 1 to 100 of "),
    ],
)
def test_wrong_input_is_refused_before_anything_is_sent(
    call: Callable[[Donebit], object], message: str
) -> None:
    nowhere = f"http://127.0.0.1:{free_server_port()}"

    with pytest.raises(InvalidInput) as caught:
        call(Donebit(nowhere, nowhere))

    assert message in caught.value.detail


@pytest.mark.parametrize("address", ["localhost:8098", "http://", "http://[", "http://127.0.0.1:99999"])
def test_an_address_that_is_no_url_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match=r"^TRIGGER_URL is .*; it must be a URL such as http://"):
        Donebit(address)


def test_the_environment_says_where_the_services_are(
    services: RealServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("TRIGGER_PORT", str(services.ports["trigger"]))
    monkeypatch.setenv("DONE_URL", services.url("done") + "/")

    client = Donebit(token=TOKEN)

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


def test_several_processes_report_steps_of_one_task(donebit: Donebit, addresses: list[str]) -> None:
    task_id = donebit.start(1000)
    parts = [("0", "600"), ("400", "800"), ("800", "1000")]  # two overlap: some steps are done twice

    processes = [
        subprocess.Popen([sys.executable, "-c", OTHER_PROCESS, *addresses, task_id, *part]) for part in parts
    ]

    assert donebit.wait(task_id, 30)["state"] == "done"
    assert [process.wait(30) for process in processes] == [0, 0, 0]


def test_wait_raises_timeout_error_with_the_state(donebit: Donebit) -> None:
    task_id = donebit.start(1)

    with pytest.raises(TimeoutError, match=f"^task {task_id} is running after 0.1 s$"):
        donebit.wait(task_id, 0.1)


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
    with pytest.raises(ApiError, match=r"does not take items\[1\]: Input should be a valid string"):
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


@pytest.mark.parametrize("at", [10, 4000])
def test_of_items_of_which_one_does_not_fit_no_step_runs(
    cut_off: Donebit, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(item_pieces, "BYTES_PER_PIECE", 10_000)
    given: list[object] = [f"{step:05}.txt" for step in range(5000)]
    given[at] = 7

    with pytest.raises(ApiError, match="Input should be a valid string"):
        cut_off.map("length", given, task_id=f"bad-{at}")

    task = cut_off.get(f"bad-{at}")
    assert (task["state"], task["done_steps"], task["messages_sent"]) == ("cancelled", 0, 0)


@pytest.mark.parametrize("found", [{-1: 1}, {True: 1}, {0: {1}}, {0: float("nan")}])
def test_a_result_that_cannot_be_sent_is_not_sent(found: dict[int, object]) -> None:
    with pytest.raises(InvalidInput):
        Donebit("http://127.0.0.1:1", "http://127.0.0.1:1").report("any", results=found)


def test_large_results_are_sent_in_several_requests() -> None:
    found = dict.fromkeys(range(5), "x" * 400000)

    assert [[one["step"] for one in part] for part in slices_of(found)] == [[0, 1], [2, 3], [4]]


def test_an_open_task_is_closed_once_though_the_answer_is_lost(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(open=True)
    cut_off.extend(task_id, add=2)
    cut_off.report(task_id, [0, 1])
    lossy.answers_to_lose, before = 2, len(lossy.keys_sent)

    with pytest.raises(ApiError, match="has 2 steps, not 3"):
        cut_off.close_task(task_id, expected=3)
    assert cut_off.close_task(task_id, expected=2)["state"] == "done"

    assert len(set(lossy.keys_sent[before:])) == 2


@pytest.mark.parametrize("asked", [{}, {"add": 1, "count": 2}, {"add": -1}, {"add": True}])
def test_an_extension_that_makes_no_sense_is_not_sent(asked: dict[str, int]) -> None:
    with pytest.raises(InvalidInput):
        Donebit("http://127.0.0.1:1", "http://127.0.0.1:1").extend("any", **asked)


def test_a_task_is_paused_once_though_the_answer_is_lost_and_resumed(
    cut_off: Donebit, lossy: LossyWay
) -> None:
    task_id = cut_off.start(2)
    lossy.answers_to_lose = 1

    paused, resumed = cut_off.pause(task_id), cut_off.resume(task_id)

    assert (paused["state"], paused["paused"], resumed["paused"]) == ("running", True, False)
    assert len(lossy.keys_sent) == 3
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


def test_pauses_between_tries_grow_up_to_a_bound() -> None:
    first = list(islice(pauses(), 20))

    assert all(pause > 1.5 * before for before, pause in pairwise(first[:6]))
    assert max(first) <= LONGEST_PAUSE_SECONDS
    assert 0 < first[0] <= 0.1


def test_a_503_that_lasts_is_an_api_error(cut_off_briefly: Donebit, lossy: LossyWay) -> None:
    lossy.requests_to_refuse = 1000

    with pytest.raises(ApiError, match=r"^503: the answer is not JSON: away$"):
        cut_off_briefly.report("any", [0])

    assert len(lossy.keys_sent) > 1


def test_answers_that_stay_lost_are_a_service_unreachable(cut_off_briefly: Donebit, lossy: LossyWay) -> None:
    lossy.answers_to_lose = 1000

    with pytest.raises(ServiceUnreachable) as caught:
        cut_off_briefly.get("any")

    assert caught.value.detail == (
        f"done_app at {lossy.url} closed the connection without an answer (DONE_URL sets its address)"
    )


def test_with_a_timeout_of_0_a_call_is_tried_once(services: RealServices, lossy: LossyWay) -> None:
    lossy.requests_to_refuse = 1

    with pytest.raises(ApiError):
        Donebit(services.url("trigger"), lossy.url, TOKEN, timeout_seconds=0).get("any")

    assert len(lossy.keys_sent) == 1


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1", "refused the connection or cannot be reached"),
        ("no-such-host.invalid", "has a host name that is unknown here"),
    ],
)
def test_a_service_that_is_away_is_one_short_sentence(host: str, reason: str) -> None:
    url = f"http://{host}:{free_server_port()}"

    with pytest.raises(ServiceUnreachable) as caught:
        Donebit(url, timeout_seconds=0).start(1)

    assert str(caught.value) == f"trigger_app at {url} {reason} (TRIGGER_URL sets its address)"


def test_wait_does_not_outlast_its_timeout_when_the_service_is_away() -> None:
    url = f"http://127.0.0.1:{free_server_port()}"

    with pytest.raises(ServiceUnreachable):
        Donebit(url, url, timeout_seconds=3600).wait("any", timeout_seconds=0.3)


def test_wait_does_not_outlast_its_timeout_when_the_service_hangs(lossy: LossyWay, donebit: Donebit) -> None:
    task_id = donebit.start(0)
    lossy.seconds_to_answer = 2.0

    with pytest.raises(ServiceUnreachable, match="did not answer in time"):
        Donebit(lossy.url, lossy.url, TOKEN).wait(task_id, timeout_seconds=0.3)
    patient = Donebit(lossy.url, lossy.url, TOKEN, timeout_seconds=0)
    assert patient.get(task_id)["state"] == patient.wait(task_id, 60)["state"] == "done"


def test_an_api_error_shows_its_status_and_survives_pickling() -> None:
    error = ApiError(404, "no task some is known")

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself

    assert (str(again), repr(again)) == (
        "404: no task some is known",
        "ApiError(404, 'no task some is known')",
    )
    assert (again.status, again.detail) == (404, "no task some is known")


def test_a_closed_client_opens_new_connections(addresses: list[str]) -> None:
    with Donebit(*addresses) as client:
        task_id = client.start(1)

    assert client.get(task_id)["count"] == 1


def test_a_forked_process_does_not_share_connections(addresses: list[str], donebit: Donebit) -> None:
    task_id = donebit.start(200)

    forked = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKING_PROCESS, *addresses, task_id], timeout=60, check=False
    )

    assert forked.returncode == 0
    assert donebit.get(task_id)["state"] == "done"


@pytest.mark.parametrize("error", ["", "\udcff", ValueError()])
def test_an_error_without_text_or_with_bad_text_is_recorded(donebit: Donebit, error: object) -> None:
    task_id = donebit.start(1)

    assert donebit.fail(task_id, 0, error)["state"] == "failed"


def test_each_report_has_a_key_of_its_own(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(2)

    cut_off.report(task_id, [0])
    cut_off.report(task_id, [0])

    assert len(set(lossy.keys_sent)) == 2


def test_starting_the_same_task_twice_is_one_task(donebit: Donebit) -> None:
    task_id = donebit.start(2, label="once")

    assert donebit.start(2, task_id=task_id, label="once") == task_id


@pytest.mark.parametrize(
    ("asked", "status", "detail"),
    [
        ("unknown", 404, "no task never-started is known, or it has expired"),
        ("otherwise", 409, "exists with the spec"),
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
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_TOKEN", raising=False)
    with pytest.raises(ApiError, match=r"^401: send `Authorization: Bearer`"):
        Donebit(*addresses[:2]).start(1)

    monkeypatch.setenv("API_TOKEN", TOKEN)

    assert Donebit(*addresses[:2]).start(1)


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


def test_expectations_are_made_read_and_deleted(donebit: Donebit) -> None:
    made = donebit.expect("by-three", "0 3 * * *", label="backup", zone="Europe/Berlin")

    assert (made["met"], made["expected"]) == (True, "done")
    assert [one["name"] for one in donebit.expectations()] == ["by-three"]
    donebit.delete_expectation("by-three")
    assert donebit.expectations() == []
