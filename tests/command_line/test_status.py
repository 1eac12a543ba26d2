"""`report`, `fail`, `why`, `errors`, `workers`, `health` and `act`, against real services."""

from __future__ import annotations

import pytest

from tests.command_line.command import Donebit


def test_steps_are_reported_singly_and_as_half_open_ranges(donebit: Donebit, name: str) -> None:
    donebit("trigger", 20, "--task-id", name)

    first = donebit("report", name, "7", "12:16")
    again = donebit("report", name, "7", "--json").json
    last = donebit("report", name, "0:20")

    assert first.out == f"5 steps newly done; task {name} is running: 5 of 20 steps done\n"
    assert (again["fresh"], again["done_steps"]) == (0, 5)
    assert last.out == f"15 steps newly done; task {name} is done: 20 of 20 steps done\n"


@pytest.mark.parametrize("wrong", ["-1", "x", "3:3", "4:3", "1:2:3", "٣", ":", "3:"])
def test_what_is_no_step_is_wrong_usage_and_sends_nothing(donebit: Donebit, name: str, wrong: str) -> None:
    donebit("trigger", 20, "--task-id", name)

    refused = donebit("report", name, "--", wrong)

    assert refused.code == 2
    assert donebit("show", name, "--json").json["done_steps"] == 0


def test_a_failed_step_is_told_by_errors_and_why(donebit: Donebit, name: str) -> None:
    donebit("trigger", 2, "--task-id", name)

    none = donebit("errors", name)
    failed = donebit("fail", name, 1, "no such picture")
    again = donebit("fail", name, 1, "no such picture")
    errors, why = donebit("errors", name), donebit("why", name)

    assert none.out == "no step has failed\n"
    assert failed.out == f"the step failed; task {name} is running: 0 of 2 steps done\n"
    assert again.out.startswith("the step had ended already")
    assert errors.out == "step 1 after 1 attempt: no such picture\n"
    assert donebit("errors", name, "--json").json == {"step": 1, "attempts": 1, "error": "no such picture"}
    assert why.out.startswith(f"task {name} is running: 1 of 2 steps is missing")
    assert donebit("why", name, "--json").json["waiting_for"] == "reports"


def test_failed_steps_are_grouped_and_one_group_retried(donebit: Donebit, name: str) -> None:
    donebit("trigger", 9, "--task-id", name)
    none = donebit("errors", name, "--groups")
    for step in (1, 2, 5):
        donebit("fail", name, step, f"picture {step} is empty" if step < 5 else "disk full")

    shown = donebit("errors", name, "--groups")
    first, second = donebit("errors", name, "--groups", "--json").lines
    again = donebit("retry", name, "--group", first["group"])
    last = donebit("retry", name, "5:7", "--json").json

    assert none.out == "no step has failed\n"
    assert f"{first['group']} 2 steps: picture <n> is empty (steps 1-2, last " in shown.out
    assert (first["steps"], second["error"]) == (2, "disk full")
    assert again.out == f"task {name} is running: 2 steps tried again; 1 other step stays failed\n"
    assert (last["retried"], last["failed_steps"]) == (1, 0)


@pytest.mark.parametrize("wrong", [[], ["--group", "1c7de33b", "3"], ["3-4"], ["4:3"]])
def test_a_retry_of_nothing_clear_is_wrong_usage(donebit: Donebit, name: str, wrong: list[str]) -> None:
    assert donebit("retry", name, *wrong).code == 2


def test_without_workers_the_command_says_so(donebit: Donebit) -> None:
    said = donebit("workers")

    assert said.code == 0
    assert said.out.startswith("no workers\nqueues: donebit.control ")
    assert donebit("workers", "--json").json["workers"] == []


def test_health_names_the_service_that_is_down(donebit: Donebit) -> None:
    well, ill = donebit("health"), donebit("health", DISTINCT_URL="http://127.0.0.1:1")

    assert (well.code, well.out) == (0, "trigger_app: ok\ndone_app: ok\ndistinct_app: ok\n")
    assert ill.code == 4
    assert ill.out.startswith("trigger_app: ok\ndone_app: ok\ndistinct_app: distinct_app cannot be reached")
    assert "unavailable: distinct_app" in ill.err


def test_an_action_lists_its_tasks_before_it_changes_them(donebit: Donebit, name: str) -> None:
    for n in range(3):
        donebit("trigger", 4, "--task-id", f"{name}-{n}", "--label", name)

    dry = donebit("act", "cancel", "--prefix", f"{name}-", "--dry-run")
    done = donebit("act", "cancel", "--label", name, "--json").json
    again = donebit("act", "cancel", "--label", name)

    ids = [f"{name}-{n}" for n in (2, 1, 0)]
    lines = [f"task {one} would be cancelled\n" for one in ids]
    assert dry.out == "".join([*lines, "3 tasks would be cancelled\n"])
    assert (done["tasks"], done["changed"]) == (ids, 3)
    assert again.out == "0 tasks cancelled\n"


def test_a_look_at_what_would_be_resumed_reads_as_a_sentence(donebit: Donebit, name: str) -> None:
    donebit("trigger", 4, "--task-id", name, "--label", name)
    donebit("cancel", name)

    dry, done = (
        donebit("act", "resume", "--label", name, "--dry-run"),
        donebit("act", "resume", "--label", name),
    )

    assert dry.out == f"task {name} would be resumed\n1 task would be resumed\n"
    assert done.out == f"task {name} is resumed\n1 task resumed\n"


def test_an_action_without_a_filter_is_wrong_usage(donebit: Donebit) -> None:
    refused = donebit("act", "delete", "--yes")

    assert refused.code == 2
    assert "at least one filter" in refused.err


def test_tasks_are_listed_by_prefix_job_and_time(donebit: Donebit, name: str) -> None:
    donebit("trigger", 4, "--task-id", f"{name}-a", "--label", name)
    donebit("trigger", 4, "--task-id", f"{name}-b", "--label", name, "--job", "demo")

    def ids(*options: str) -> list[str]:
        return [task["task_id"] for task in donebit("tasks", "--label", name, *options, "--json").lines]

    assert ids("--prefix", f"{name}-") == [f"{name}-b", f"{name}-a"]
    assert ids("--job", "demo") == [f"{name}-b"]
    assert ids("--to", "2020-01-01") == []
    assert ids("--from", "2020-01-01", "--prefix", f"{name}-a") == [f"{name}-a"]
    assert donebit("tasks", "--prefix", f"{name}-nobody").out == "no tasks\n"


def test_tasks_are_listed_and_acted_on_by_their_error(donebit: Donebit, name: str) -> None:
    donebit("trigger", 1, "--task-id", name)
    donebit("fail", name, 0, f"no picture of {name}")

    listed = donebit("tasks", "--error", f"no picture of {name}", "--json").lines
    would = donebit("act", "resume", "--error", f"no picture of {name}", "--dry-run")

    assert [task["task_id"] for task in listed] == [name]
    assert would.out == f"task {name} would be resumed\n1 task would be resumed\n"


def test_a_task_is_started_with_the_next_one_and_fail_fast(donebit: Donebit, name: str) -> None:
    then = '{"count": 1, "job": "demo"}'

    started = donebit("trigger", 3, "--task-id", name, "--then", then, "--fail-fast")
    urgent = donebit("trigger", 0, "--job", "demo", "--priority", "high", "--json").lines[0]["task_id"]
    ended = donebit("fail", name, 0, "boom")
    refused = donebit("trigger", 3, "--then", "[1]")

    assert started.code == 0
    assert "priority high" in donebit("show", urgent).out
    assert "is failed: 0 of 3" in ended.out
    assert refused.code == 2
    assert "is no JSON object" in refused.err


def test_a_log_without_such_a_line_says_so_beside_the_output(donebit: Donebit) -> None:
    ended = donebit("logs", "--task", "unheard-of")

    assert (ended.code, ended.out, ended.err) == (0, "", "the log has no such line\n")
    assert donebit("logs", "--task", "unheard-of", "--json").err == ""
