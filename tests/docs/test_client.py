"""The client of docs/client.md, taken from the page, against the real services."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import urllib3

from tests.docs.lossy import LossyWay, lossy_way_to
from tests.docs.pages import imported, write_files
from tests.servers import RunningServer
from tests.started import REPOSITORY
from tests.web.real import RealServices, running_services

PAGE = REPOSITORY / "docs/client.md"
TOKEN = "a token that nobody guesses"
# What a process of one's own does: all that it is told are the addresses, the task, and its steps.
OTHER_PROCESS = """
import sys
from donebit import Donebit
trigger, done, token, task_id, first, stop = sys.argv[1:]
Donebit(trigger, done, token).done(task_id, range(int(first), int(stop)))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader's project has after copying the page's files."""
    folder = tmp_path_factory.mktemp("project")
    write_files(PAGE, folder)
    return folder


@pytest.fixture(scope="module")
def module(folder: Path) -> Iterator[ModuleType]:
    with imported(folder / "donebit.py") as module:
        yield module


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, valkey: RunningServer) -> Iterator[RealServices]:
    valkey.client.flushall()  # another test's may have been of another zone
    with running_services(tmp_path_factory.mktemp("services"), valkey.url, API_TOKEN=TOKEN) as running:
        yield running


@pytest.fixture
def addresses(services: RealServices) -> list[str]:
    return [services.url("trigger"), services.url("done"), TOKEN]


@pytest.fixture
def donebit(module: ModuleType, addresses: list[str]) -> Any:
    return module.Donebit(*addresses)


@pytest.fixture
def lossy(services: RealServices) -> Iterator[LossyWay]:
    with lossy_way_to(services.url("done")) as way:
        yield way


@pytest.fixture
def cut_off(module: ModuleType, services: RealServices, lossy: LossyWay) -> Any:
    """A client that reaches done_app on a way that loses answers."""
    return module.Donebit(services.url("trigger"), lossy.url, TOKEN)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client means to pause between its tries; here it does not."""
    made: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=made.append, time=time.time))
    return made


def test_neighbours_are_one_range(module: ModuleType) -> None:
    assert module.ranges([7, 3, 1, 2, 2]) == [(1, 4), (7, 8)]


def test_steps_in_any_order_are_reported_as_ranges(donebit: Any) -> None:
    task_id = donebit.start(10)

    answer = donebit.done(task_id, [7, 3, 1, 2, 2])

    assert (answer["fresh"], answer["state"]) == (4, "running")
    assert donebit.look(task_id)["missing"] == [[0, 1], [4, 7], [8, 10]]


def test_more_steps_than_a_report_may_have_are_reported_in_several(donebit: Any, module: ModuleType) -> None:
    scattered = range(0, 4 * module.REPORT, 2)
    task_id = donebit.start(4 * module.REPORT)

    answer = donebit.done(task_id, scattered)

    assert (answer["fresh"], answer["done_steps"]) == (module.REPORT, 2 * module.REPORT)


def test_no_steps_are_no_report(donebit: Any) -> None:
    assert donebit.done("never-started", []) == {}


def test_steps_that_fail_end_the_task_as_failed(donebit: Any) -> None:
    task_id = donebit.start(3)
    donebit.done(task_id, [0, 2])

    answer = donebit.failed(task_id, 1, ValueError("x" * 20_000))

    assert (answer["completed_task"], answer["state"]) == (True, "failed")
    assert donebit.wait(task_id)["failed_steps"] == 1


def test_processes_of_their_own_report_to_one_task(donebit: Any, folder: Path, addresses: list[str]) -> None:
    task_id = donebit.start(1000)
    parts = [("0", "600"), ("400", "800"), ("800", "1000")]  # two overlap: some steps are done twice

    processes = [
        subprocess.Popen([sys.executable, "-c", OTHER_PROCESS, *addresses, task_id, *part], cwd=folder)
        for part in parts
    ]

    assert donebit.wait(task_id, 30)["state"] == "done"
    assert [process.wait(30) for process in processes] == [0, 0, 0]


def test_whoever_waits_too_long_is_told_how_the_task_is(donebit: Any) -> None:
    task_id = donebit.start(1)

    with pytest.raises(TimeoutError, match=f"^task {task_id} is running after 0.1 s$"):
        donebit.wait(task_id, 0.1)


def test_a_lost_answer_is_heard_at_the_next_try(cut_off: Any, lossy: LossyWay) -> None:
    task_id = cut_off.start(3)
    lossy.answers_to_lose = 1

    answer = cut_off.done(task_id, [0, 1, 2])

    assert len(lossy.keys_sent) == 2
    assert len(set(lossy.keys_sent)) == 1
    # The first try did it all; without its key the second would say 0 and false.
    assert (answer["fresh"], answer["completed_task"]) == (3, True)


def test_a_503_is_tried_again_after_pauses_that_grow(
    cut_off: Any, lossy: LossyWay, pauses: list[float]
) -> None:
    task_id = cut_off.start(1)
    lossy.requests_to_refuse = 5

    answer = cut_off.done(task_id, [0])

    assert answer["completed_task"] is True
    assert len(set(lossy.keys_sent)) == 1
    assert len(pauses) == 4  # the first try after the first 503 is made at once
    assert all(pause > 1.5 * before for before, pause in pairwise(pauses))


def test_a_service_that_stays_away_is_given_up_after_a_minute(
    cut_off: Any, lossy: LossyWay, module: ModuleType, pauses: list[float]
) -> None:
    lossy.requests_to_refuse = 100

    with pytest.raises(module.Refused, match=r"^503: away$"):
        cut_off.done("any", [0])

    assert 55 < sum(pauses) < 90


def test_lost_answers_are_given_up_too(cut_off: Any, lossy: LossyWay, pauses: list[float]) -> None:
    lossy.answers_to_lose = 100

    with pytest.raises(urllib3.exceptions.MaxRetryError):
        cut_off.look("any")

    assert 55 < sum(pauses) < 90


def test_each_report_has_a_key_of_its_own(cut_off: Any, lossy: LossyWay) -> None:
    task_id = cut_off.start(2)

    cut_off.done(task_id, [0])
    cut_off.done(task_id, [0])

    assert len(set(lossy.keys_sent)) == 2


def test_a_task_that_is_asked_for_twice_is_one(donebit: Any) -> None:
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
def test_what_is_refused_says_why(
    donebit: Any, module: ModuleType, asked: str, status: int, detail: str
) -> None:
    task_id = donebit.start(2)
    calls: dict[str, Callable[[], object]] = {
        "unknown": lambda: donebit.done("never-started", [0]),
        "otherwise": lambda: donebit.start(3, task_id=task_id),
        "beyond": lambda: donebit.failed(task_id, 2, "disk full"),
    }

    with pytest.raises(module.Refused) as caught:
        calls[asked]()

    assert caught.value.status == status
    assert detail in caught.value.detail


def test_the_token_is_taken_from_the_environment(
    module: ModuleType, addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_TOKEN", raising=False)
    with pytest.raises(module.Refused, match=r"^401: .* `Authorization: Bearer`"):
        module.Donebit(*addresses[:2]).start(1)

    monkeypatch.setenv("API_TOKEN", TOKEN)

    assert module.Donebit(*addresses[:2]).start(1)
