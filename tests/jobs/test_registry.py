"""Jobs are found by name, and their parameters are checked before anything runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import pairwise
from multiprocessing.synchronize import Lock
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from donebit import job
from donebit.config import Settings
from donebit.errors import ConfigurationError, InvalidInput
from donebit.jobs.builtin import FIRST_USER, LAST_USER, VISITS_IN_A_ROW, visitor
from donebit.jobs.registry import Job, Jobs, check_jobs, load_jobs
from tests.jobs.conftest import WriteModule
from tests.test_logs import enable_loggers


def resize(step: int, *, folder: str, width: int = 100) -> None:
    """A step function as a user writes one."""


def anything(step: int, **params: object) -> None:
    """One that takes whatever it is given."""


@pytest.mark.parametrize("params", [{"folder": "a"}, {"folder": "a", "width": 7}])
def test_parameters_that_fit_the_signature_are_taken(params: dict[str, Any]) -> None:
    assert Job.from_function(job("resize")(resize)).convert_params(params) == params


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({}, "missing parameter folder"),
        ({"folder": "a", "width": "wide"}, "width is 'wide'; it must be an integer"),
        ({"folder": "a", "height": 7}, r"unknown parameter height \(known: folder, width"),
        ({"folder": 7}, "folder is 7; it must be a text"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_by_name(params: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=f"^params of job resize: {why}") as refused:
        Job.from_function(job("resize")(resize)).convert_params(params)

    assert refused.value.field == "params"


def test_a_job_without_parameters_says_so() -> None:
    def touch(step: int) -> None: ...

    with pytest.raises(InvalidInput, match=r"unknown parameter folder \(the job takes none\)"):
        Job.from_function(job("touch")(touch)).convert_params({"folder": "a"})


def test_a_function_with_free_keywords_takes_any() -> None:
    assert Job.from_function(job("anything")(anything)).convert_params({"a": 1, "b": [2]}) == {
        "a": 1,
        "b": [2],
    }


class Area(BaseModel):
    width: int


def rich(
    step: int, *, area: Area, run: UUID, at: datetime, copy: tuple[int, ...] = (), **counts: int
) -> None:
    """One whose parameters are no JSON as they are, and named like what a model has of its own."""


def test_parameters_come_as_what_the_signature_says() -> None:
    run = UUID("6f1c3a52-54f5-4a4e-9d2c-0a6ff1a6b8c1")
    params = {"area": {"width": 3}, "run": str(run), "at": "2026-11-21T03:04:05Z", "copy": [1, 2], "blue": 4}

    assert Job.from_function(job("rich")(rich)).convert_params(params) == {
        "area": Area(width=3),
        "run": run,
        "at": datetime(2026, 11, 21, 3, 4, 5, tzinfo=UTC),
        "copy": (1, 2),
        "blue": 4,
    }


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"a": "\ud800"}, "params of job anything cannot be written as JSON"),
        ({"a": float("nan")}, "params of job anything cannot be written as JSON"),
        ({"a": float("inf")}, "params of job anything cannot be written as JSON"),
        (
            {"a": json.loads("[" * 150 + "]" * 150)},
            "params of .*: lists and objects are nested on more",
        ),
        ({"step": 3}, "params of job anything: step is the step itself"),
    ],
)
def test_what_no_function_could_be_given_is_refused(params: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        Job.from_function(job("anything")(anything)).convert_params(params)


def test_free_keywords_must_be_of_their_type_too() -> None:
    def counted(step: int, **counts: int) -> None: ...

    with pytest.raises(InvalidInput, match="params of job counted: a is 'x'; it must be an integer"):
        Job.from_function(job("counted")(counted)).convert_params({"a": "x"})


def test_a_free_keyword_may_be_called_whatever_the_model_calls_its_fields() -> None:
    def free(step: int, *, folder: str = "here", **more: str) -> None: ...

    given = Job.from_function(job("free")(free)).convert_params

    assert given({"of_folder": "a", "of_x": "b"}) == {"of_folder": "a", "of_x": "b"}
    assert given({"folder": "f", "of_folder": "a"}) == {"folder": "f", "of_folder": "a"}


def test_a_function_with_unusable_parameters_is_refused_when_loaded() -> None:
    def unnamed(step: int, folder: str, /) -> None: ...

    def unreadable(step: int, *, lock: Lock) -> None: ...

    with pytest.raises(ConfigurationError, match=r"job unnamed: .* folder cannot be given by name"):
        Job.from_function(job("unnamed")(unnamed))
    with pytest.raises(ConfigurationError, match=r"job unreadable: .* from JSON: [^.\n]* <class '\S*Lock'>$"):
        Job.from_function(job("unreadable")(unreadable))


def by_name(*, step: int) -> None: ...


@pytest.mark.parametrize("function", [lambda: None, by_name, lambda **more: more])
def test_a_function_that_takes_no_step_is_refused_when_loaded(function: Callable[..., object]) -> None:
    with pytest.raises(
        ConfigurationError, match=r": the first must take the number of the step, by its place$"
    ):
        Job.from_function(job("stepless")(function))


def test_a_second_name_for_a_function_is_refused_and_no_job_is_lost() -> None:
    def shrink(step: int) -> None: ...

    def reduce(step: int) -> None: ...

    job("shrink")(shrink)

    with pytest.raises(ConfigurationError, match=r"^job reduce: its function is the job shrink already; "):
        job("reduce")(shrink)
    assert Job.from_function(job("shrink")(shrink)).name == "shrink"
    assert Job.from_function(job("reduce")(wraps(shrink)(reduce))).name == "reduce"
    assert Job.from_function(shrink).name == "shrink"


DURATION, NUMBER = "a timedelta, such as", "an integer$"


@pytest.mark.parametrize(
    ("field", "given", "what"),
    [
        ("step_timeout", 30, DURATION),
        ("backoff", 30, DURATION),
        ("backoff", None, DURATION),
        ("max_attempts", "3", NUMBER),
        ("max_attempts", 2.5, NUMBER),
        ("max_attempts", True, NUMBER),
        ("max_attempts", None, NUMBER),
        ("max_concurrency", "4", NUMBER),
        ("max_concurrency", 1.5, NUMBER),
        ("keep_results", "no", "True or False$"),
    ],
)
def test_an_option_of_another_type_is_refused_in_a_sentence(field: str, given: Any, what: str) -> None:
    said = rf"^job resize: {field} is {given!r}; it must be {what}"

    with pytest.raises(ConfigurationError, match=said):
        job("resize", **{field: given})


def test_a_decorator_without_its_name_is_refused_in_a_sentence() -> None:
    with pytest.raises(
        ConfigurationError, match=r"name is <function resize .*>; it must be a text, as in @job\("
    ):
        job(resize)  # type: ignore[arg-type]  # as users without a type checker write it


@pytest.mark.parametrize(
    "durations", [{"step_timeout": timedelta(0)}, {"step_timeout": timedelta(-1)}, {"backoff": timedelta(-1)}]
)
def test_a_refused_duration_says_what_is_allowed(durations: dict[str, timedelta]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^job resize: step_timeout must be above 0; backoff must not be negative$"
    ):
        job("resize", **durations)  # type: ignore[arg-type] # which of them it is decides the type


@pytest.mark.parametrize(("sleep_ms", "fits"), [(0, True), (60_000, True), (-1, False), (60_001, False)])
def test_the_bounds_of_the_built_in_demo_hold(sleep_ms: int, fits: bool) -> None:
    demo = load_jobs(Settings()).find("demo")

    try:
        demo.convert_params({"sleep_ms": sleep_ms})
    except InvalidInput:
        assert not fits
    else:
        assert fits


def test_an_unknown_job_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(InvalidInput, match=r"^job is 'resise'; known are: demo, visit$"):
        load_jobs(Settings()).find("resise")


@pytest.mark.parametrize("name", ["", "a b", "x" * 101, "ä"])
def test_a_job_has_a_name_like_everything_else(name: str) -> None:
    with pytest.raises(InvalidInput, match="it must be 1 to 100 of"):
        job(name)


def test_the_modules_of_jobs_are_loaded_beside_the_built_in(write_module: WriteModule) -> None:
    code = "from donebit import job\n\n@job('thumbnail')\ndef thumbnail(step):\n    return step\n"
    write_module("our_thumbnails", code)

    found = load_jobs(Settings(jobs=("our_thumbnails",)))

    assert found.find("thumbnail").function(7) == 7
    assert found.find("visit").name == "visit"


def test_a_module_of_jobs_without_a_job_is_named(
    write_module: WriteModule, caplog: pytest.LogCaptureFixture
) -> None:
    write_module("no_jobs_here", "def work(step): ...")
    check_jobs(Settings(jobs=("no_jobs_here",)))

    assert [record.getMessage() for record in caplog.records] == [
        "JOBS: module 'no_jobs_here' has no job: none of its functions is decorated with @job"
    ]


def test_a_module_of_jobs_may_import_a_lazy_proxy(write_module: WriteModule) -> None:
    code = """
from flask import current_app, request
from donebit import job

class Photos:
    @job("shrink")
    def shrink(self, step):
        return step

shrink = Photos().shrink
"""
    write_module("our_photos", code)

    found = load_jobs(Settings(jobs=("our_photos",)))

    assert [one.name for one in found] == ["demo", "shrink", "visit"]
    assert found.find("shrink").function(7) == 7


def test_a_module_of_jobs_that_configures_logging_silences_nobody(write_module: WriteModule) -> None:
    code = "import logging.config\nlogging.config.dictConfig({'version': 1})\n"
    write_module("our_logging", code)
    own = logging.getLogger("done_app.worker.signals")

    try:
        load_jobs(Settings(jobs=("our_logging",)))

        assert own.isEnabledFor(logging.ERROR)
    finally:
        enable_loggers()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os\nos.environ['DSN_OF_NOBODY']\n", "KeyError: 'DSN_OF_NOBODY' ({file}, line 2)"),
        ("def draw(step:\n", "SyntaxError: '(' was never closed (broken_jobs.py, line 1)"),
        ("import sys\nsys.exit(0)\n", "SystemExit: 0 ({file}, line 2)"),
    ],
    ids=["raises", "no Python", "exits"],
)
def test_a_module_that_breaks_says_how_and_where(write_module: WriteModule, code: str, said: str) -> None:
    path = write_module("broken_jobs", code)

    with pytest.raises(ConfigurationError) as refused:
        load_jobs(Settings(jobs=("broken_jobs",)))

    expected = said.format(file=path)
    assert refused.value.detail == f"JOBS: module 'broken_jobs' cannot be imported: {expected}"


def test_two_functions_of_one_name_are_refused_one_imported_twice_is_not() -> None:
    def other(step: int) -> None: ...

    with pytest.raises(
        ConfigurationError, match=r"^JOBS: two functions are named 'resize': \S+\.resize and \S+other$"
    ):
        Jobs([Job.from_function(job("resize")(resize)), Job.from_function(job("resize")(other))])

    assert (
        Jobs([Job.from_function(job("resize")(resize)), Job.from_function(job("resize")(resize))])
        .find("resize")
        .function
        is resize
    )


def test_the_same_visit_is_always_the_same_users() -> None:
    assert [visitor(1, step) for step in range(100)] == [visitor(1, step) for step in range(100)]
    assert [visitor(1, step) for step in range(100)] != [visitor(2, step) for step in range(100)]


def test_visitors_stay_for_one_to_four_visits_in_a_row() -> None:
    users = [visitor(7, step) for step in range(5000)]

    stays, stay = set(), 1
    for before, user in pairwise(users):
        if user == before:
            stay += 1
        else:
            stays.add(stay)
            stay = 1
    assert stays == set(range(1, VISITS_IN_A_ROW + 1))
    assert all(FIRST_USER <= user <= LAST_USER for user in users)
    assert len({user // 100_000 for user in users}) == 9  # from all over the range


def test_the_old_import_of_job_names_the_new_one(write_module: WriteModule) -> None:
    write_module("old_jobs", "from shared.jobs import job\n")

    with pytest.raises(
        ConfigurationError, match=r"`from shared.jobs import job` is `from donebit import job`"
    ):
        load_jobs(Settings(jobs=("old_jobs",)))


def test_a_job_may_say_the_priority_of_its_tasks() -> None:
    @job("urgent", priority="high")
    def urgent(step: int) -> None:
        """Do nothing."""

    assert Job.from_function(urgent).priority == "high"
    with pytest.raises(ConfigurationError, match="priority is 'low'; it must be normal or high"):
        job("none", priority="low")  # type: ignore[arg-type]  # as a program without types may


def test_a_job_may_say_how_many_of_its_steps_run_at_once() -> None:
    @job("limited", max_concurrency=4)
    def limited(step: int) -> None:
        """Do nothing."""

    assert Job.from_function(limited).max_concurrency == 4
    with pytest.raises(ConfigurationError, match="max_concurrency is 0; it must be 1 or more"):
        job("none", max_concurrency=0)
