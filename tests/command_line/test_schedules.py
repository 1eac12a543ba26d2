"""`donebit schedules` against real services."""

from __future__ import annotations

import pytest

from tests.command_line.command import Donebit
from trigger_app.models import TaskRequest


def test_a_schedule_is_made_shown_and_listed(donebit: Donebit, name: str) -> None:
    asked = ("--zone", "Europe/Berlin", "--count", 3, "--job", "demo", "--param", "sleep_ms=7")

    made = donebit("schedules", "set", name, "30 2 * * *", *asked, "--overlap", "queue", "--priority", "high")
    shown = donebit("schedules", "show", name)
    listed = donebit("schedules", "list")
    line = next(one for one in donebit("schedules", "list", "--json").lines if one["name"] == name)

    assert (made.code, made.out) == (0, shown.out)
    assert (
        f"schedule {name}: 30 2 * * * (Europe/Berlin), 3 steps of demo, high priority\nnext: 20" in made.out
    )
    assert name in listed.out
    assert (line["overlap"], line["task"]["params"]) == ("queue", {"sleep_ms": 7})


def test_its_task_may_have_all_that_a_task_of_the_api_may_have(donebit: Donebit, name: str) -> None:
    ends = ("--webhook", "https://hooks.example.org/", "--webhook-on", "failed", "--webhook-on", "cancelled")
    calls = ("--callback", "reports.finished", "--then", '{"job": "demo"}')
    paced = ("--batch", 2, "--stall-after", 90, "--ended-ttl", 600, "--max-concurrency", 3, "--fail-fast")
    task = ("--job", "demo", "--param", "sleep_ms=7", "--label", "weekly", "--priority", "high", "--count", 4)

    made = donebit("schedules", "set", name, "@daily", *task, *paced, *ends, *calls, "--json").json["task"]
    opened = donebit("schedules", "set", name, "@daily", "--open", "--json").json["task"]

    assert set(made) | set(opened) == set(TaskRequest.model_fields)
    assert sorted(made["webhook"]["on"]) == ["cancelled", "failed"]
    assert (made["callback"]["name"], made["batch"], made["fail_fast"]) == ("reports.finished", 2, True)
    assert opened["open"] is True


def test_an_end_to_tell_of_needs_somebody_to_tell(donebit: Donebit, name: str) -> None:
    refused = donebit("schedules", "set", name, "@daily", "--count", 4, "--callback-on", "done")

    assert (refused.code, refused.err) == (2, "error: --callback-on needs --callback\n")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--ended-ttl", "inf", "'--ended-ttl': 'inf' is no number of seconds"),
        ("--stall-after", "nan", "'--stall-after': 'nan' is no number of seconds"),
        ("--grace", "nan", "'--grace': 'nan' is no number of seconds"),
        ("--then", '{"count": 1e400}', "'--then': 1e400 is out of range"),
        ("--then", '{"job": "a", "job": "b"}', "'--then': job is given twice in one object"),
    ],
)
def test_an_option_that_no_json_can_say_is_refused_unsent(
    donebit: Donebit, name: str, option: str, value: str, said: str
) -> None:
    refused = donebit("schedules", "set", name, "@daily", "--count", 4, option, value)

    assert (refused.code, said in refused.err) == (2, True), refused.err


def test_setting_it_again_changes_it(donebit: Donebit, name: str) -> None:
    donebit("schedules", "set", name, "@daily", "--count", 3)

    changed = donebit("schedules", "set", name, "@hourly", "--count", 4, "--missed", "all", "--json")

    assert (changed.json["cron"], changed.json["task"]["count"], changed.json["missed"]) == (
        "@hourly",
        4,
        "all",
    )


def test_it_is_paused_resumed_run_and_deleted(donebit: Donebit, name: str) -> None:
    donebit("schedules", "set", name, "@daily", "--count", 3)

    paused, resumed = donebit("schedules", "pause", name), donebit("schedules", "resume", name)
    ran = donebit("schedules", "run", name, "--json")
    deleted = donebit("schedules", "delete", name)

    assert "next: paused" in paused.out
    assert "next: 20" in resumed.out
    assert donebit("show", ran.json["task_id"], "--json").json["label"] == name
    assert (deleted.code, deleted.out) == (0, f"schedule {name} is deleted\n")
    assert donebit("schedules", "show", name).code == 3


def test_what_cannot_be_is_refused_in_a_sentence(donebit: Donebit, name: str) -> None:
    refused = donebit("schedules", "set", name, "61 * * * *", "--count", 3)

    assert "cron is '61 * * * *'; it cannot be read" in refused.err
    assert donebit("schedules", "show", name).code == 3


def test_an_expectation_is_made_listed_and_deleted(donebit: Donebit, name: str) -> None:
    made = donebit("expectations", "set", name, "0 3 * * *", "--label", name, "--zone", "Europe/Berlin")
    listed = donebit("expectations", "list")
    line = next(one for one in donebit("expectations", "list", "--json").lines if one["name"] == name)
    paused, resumed = donebit("expectations", "pause", name), donebit("expectations", "resume", name)
    deleted = donebit("expectations", "delete", name)

    assert [one.out.splitlines()[1].partition(",")[0] for one in (paused, resumed)] == ["paused", "met"]
    begin = f"expectation {name}: a task done (label {name}) by 0 3 * * * (Europe/Berlin)\nmet,"
    assert made.out.startswith(begin)
    assert (f"{name}  a task done (label {name})  met" in listed.out, line["met"]) == (True, True)
    assert (deleted.code, deleted.out) == (0, f"expectation {name} is deleted\n")
