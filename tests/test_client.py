"""The client against the real services, through a proxy that loses answers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import SimpleNamespace

import pytest

from donebit import ApiError, Donebit, ServiceUnreachable
from donebit.client import RANGES_PER_REPORT, ranges_of
from tests.lossy_proxy import LossyWay, lossy_way_to
from tests.servers import RunningServer
from tests.web.real import RealServices, running_services

TOKEN = "a token that nobody guesses"
# What a process of one's own does: all that it is told are the addresses, the task, and its steps.
OTHER_PROCESS = """
import sys
from donebit import Donebit
trigger, done, token, task_id, first, stop = sys.argv[1:]
Donebit(trigger, done, token).report(task_id, range(int(first), int(stop)))
"""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, valkey: RunningServer) -> Iterator[RealServices]:
    valkey.client.flushall()  # another test's may have been of another zone
    with running_services(tmp_path_factory.mktemp("services"), valkey.url, API_TOKEN=TOKEN) as running:
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
def cut_off(services: RealServices, lossy: LossyWay) -> Donebit:
    """A client that reaches done_app on a way that loses answers."""
    return Donebit(services.url("trigger"), lossy.url, TOKEN)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client means to pause between its tries; here it does not."""
    made: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=made.append, time=time.time))
    return made


def test_neighbours_are_one_range() -> None:
    assert ranges_of([7, 3, 1, 2, 2]) == [(1, 4), (7, 8)]


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


def test_processes_of_their_own_report_to_one_task(donebit: Donebit, addresses: list[str]) -> None:
    task_id = donebit.start(1000)
    parts = [("0", "600"), ("400", "800"), ("800", "1000")]  # two overlap: some steps are done twice

    processes = [
        subprocess.Popen([sys.executable, "-c", OTHER_PROCESS, *addresses, task_id, *part]) for part in parts
    ]

    assert donebit.wait(task_id, 30)["state"] == "done"
    assert [process.wait(30) for process in processes] == [0, 0, 0]


def test_whoever_waits_too_long_is_told_how_the_task_is(donebit: Donebit) -> None:
    task_id = donebit.start(1)

    with pytest.raises(TimeoutError, match=f"^task {task_id} is running after 0.1 s$"):
        donebit.wait(task_id, 0.1)


def test_a_lost_answer_is_heard_at_the_next_try(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(3)
    lossy.answers_to_lose = 1

    answer = cut_off.report(task_id, [0, 1, 2])

    assert len(lossy.keys_sent) == 2
    assert len(set(lossy.keys_sent)) == 1
    # The first try did it all; without its key the second would say 0 and false.
    assert (answer["fresh"], answer["completed_task"]) == (3, True)


def test_a_503_is_tried_again_after_pauses_that_grow(
    cut_off: Donebit, lossy: LossyWay, pauses: list[float]
) -> None:
    task_id = cut_off.start(1)
    lossy.requests_to_refuse = 5

    answer = cut_off.report(task_id, [0])

    assert answer["completed_task"] is True
    assert len(set(lossy.keys_sent)) == 1
    assert len(pauses) == 4  # the first try after the first 503 is made at once
    assert all(pause > 1.5 * before for before, pause in pairwise(pauses))


def test_a_service_that_stays_away_is_given_up_after_a_minute(
    cut_off: Donebit, lossy: LossyWay, pauses: list[float]
) -> None:
    lossy.requests_to_refuse = 100

    with pytest.raises(ApiError, match=r"^503: away$"):
        cut_off.report("any", [0])

    assert 55 < sum(pauses) < 90


def test_lost_answers_are_given_up_too(cut_off: Donebit, lossy: LossyWay, pauses: list[float]) -> None:
    lossy.answers_to_lose = 100

    with pytest.raises(ServiceUnreachable, match="did not answer"):
        cut_off.get("any")

    assert 55 < sum(pauses) < 90


def test_each_report_has_a_key_of_its_own(cut_off: Donebit, lossy: LossyWay) -> None:
    task_id = cut_off.start(2)

    cut_off.report(task_id, [0])
    cut_off.report(task_id, [0])

    assert len(set(lossy.keys_sent)) == 2


def test_a_task_that_is_asked_for_twice_is_one(donebit: Donebit) -> None:
    task_id = donebit.start(2, label="once")

    assert donebit.start(2, task_id=task_id, label="once") == task_id


@pytest.mark.parametrize(
    ("asked", "status", "detail"),
    [
        ("unknown", 404, "no task never-started is known, or it has expired"),
        ("otherwise", 409, "exists and was asked for"),
        ("beyond", 422, "step 2 is not a step of task"),
    ],
)
def test_what_is_refused_says_why(donebit: Donebit, asked: str, status: int, detail: str) -> None:
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
    with pytest.raises(ApiError, match=r"^401: .* `Authorization: Bearer`"):
        Donebit(*addresses[:2]).start(1)

    monkeypatch.setenv("API_TOKEN", TOKEN)

    assert Donebit(*addresses[:2]).start(1)
