"""`trigger`, `tasks`, `show` and what changes a task, against real services."""

from __future__ import annotations

import secrets

import pytest

from tests.command_line.command import Donebit
from tests.lossy_proxy import lossy_way_to
from tests.web.real import RealServices


def report(services: RealServices, task_id: str, *ranges: tuple[int, int]) -> None:
    answer = services.ask("done", "POST", f"/tasks/{task_id}/steps", {"ranges": ranges})
    assert answer.status == 200, answer


def fail(services: RealServices, task_id: str, step: int, error: str) -> None:
    answer = services.ask("done", "POST", f"/tasks/{task_id}/failures", {"step": step, "error": error})
    assert answer.status == 200, answer


def test_a_task_without_a_job_is_started_and_says_who_reports_its_steps(donebit: Donebit, name: str) -> None:
    started = donebit("trigger", 4, "--task-id", name)

    assert (started.code, started.out) == (0, f"task {name}: 4 steps to report via the API\n")
    assert f"/tasks/{name}/steps/0" in started.err


def test_an_open_task_without_steps_is_given_some_by_what_is_said(donebit: Donebit, name: str) -> None:
    started = donebit("trigger", "--open", "--task-id", name)
    said = started.err.strip().removeprefix("for example: donebit ")

    empty = donebit("show", name).out
    assert "0 of 0 done (0%)" in empty
    assert "equal, so every step so far is done" in empty
    assert donebit(*said.split()).code == 0
    assert donebit("show", name, "--json").json["count"] == 10


def test_all_that_a_task_may_be_asked_for_reaches_the_service(donebit: Donebit, name: str) -> None:
    asked = ("--label", name, "--batch", 5, "--stall-after", 120, "--task-id", name, "--param", "sleep_ms=20")

    started = donebit("trigger", "1_000", "--job", "demo", *asked, "--json")

    task = donebit("show", name, "--json").json
    assert (started.json["task_id"], started.json["count"], started.json["job"]) == (name, 1000, "demo")
    assert (task["label"], task["params"]) == (name, {"sleep_ms": 20})
    assert (
        donebit("trigger", 1000, "--job", "demo", *asked, "--json").json["task_id"] == name
    )  # the same again
    assert donebit("cancel", name).code == 0


@pytest.mark.parametrize(
    ("param", "code", "said"),
    [
        ("sleep_ms=never", 3, "sleep_ms"),
        ("sleep_ms", 2, "'sleep_ms' is not NAME=VALUE"),
        ("=1", 2, "'=1' is not NAME=VALUE"),
    ],
)
def test_an_invalid_parameter_is_refused(donebit: Donebit, param: str, code: int, said: str) -> None:
    refused = donebit("trigger", 1, "--job", "demo", "--param", param)

    assert refused.code == code
    assert said in refused.err
    assert refused.out == ""


def test_a_task_that_lacks_one_step_is_not_said_to_be_at_100_percent(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    donebit("trigger", 1000, "--task-id", name, "--label", name)
    report(services, name, (0, 999))

    assert " 99% " in donebit("tasks", "--label", name).out
    assert "999 of 1,000 done (99%)" in donebit("show", name).out


def test_a_task_without_steps_is_done_to_the_command_too(donebit: Donebit, name: str) -> None:
    watched = donebit("trigger", 0, "--task-id", name, "--label", name, "--watch")

    assert (watched.code, f"task {name} is done: 0 of 0 steps" in watched.out) == (0, True)
    assert "curl" not in watched.err  # there is no step to report
    assert "done   100%" in donebit("tasks", "--label", name).out
    assert "0 of 0 done (100%)" in donebit("show", name).out


def test_tasks_are_listed_newest_first_and_chosen_by_label_and_state(donebit: Donebit, name: str) -> None:
    for number in range(3):
        donebit("trigger", 4, "--label", name, "--task-id", f"{name}-{number}")
    donebit("cancel", f"{name}-1")

    listed = donebit("tasks", "--label", name)
    running = donebit("tasks", "--label", name, "--state", "running", "--json")

    rows = [line.split() for line in listed.out.splitlines()]
    assert rows[0] == ["task", "state", "done", "steps", "failed", "job", "label", "created", "finished"]
    assert [row[:5] for row in rows[1:]] == [
        [f"{name}-2", "running", "0%", "4", "0"],
        [f"{name}-1", "cancelled", "0%", "4", "0"],
        [f"{name}-0", "running", "0%", "4", "0"],
    ]
    assert [line.count(" ago") for line in listed.out.splitlines()[1:]] == [1, 2, 1]
    assert [task["task_id"] for task in running.lines] == [f"{name}-2", f"{name}-0"]


def test_pages_follow_one_another_and_all_of_them_are_one(donebit: Donebit, name: str) -> None:
    for number in range(3):
        donebit("trigger", 4, "--label", name, "--task-id", f"{name}-{number}")

    first = donebit("tasks", "--label", name, "--limit", 2, "--json")
    second = donebit("tasks", "--label", name, "--limit", 2, "--json", "--cursor", first.err.split()[-1])

    assert first.err.startswith("more tasks: --cursor ")
    assert [task["task_id"] for task in first.lines + second.lines] == [f"{name}-{i}" for i in (2, 1, 0)]
    assert second.err == ""
    assert len(donebit("tasks", "--label", name, "--limit", 2, "--all", "--json").lines) == 3


@pytest.mark.parametrize("columns", [80, 100])
def test_a_long_id_and_label_leave_room_for_the_figures(donebit: Donebit, name: str, columns: int) -> None:
    label = f"{name}-{'n' * 60}"
    donebit("trigger", 1_000_000, "--task-id", label, "--label", label)

    terminal = donebit.at_terminal("tasks", "--label", label, columns=columns)

    assert terminal.exit_code() == 0
    row = terminal.seen.splitlines()[-1]
    assert row.split()[1:5] == ["running", "0%", "1,000,000", "0"]
    assert row.startswith(name[:4])
    assert "ago" in row


def test_no_tasks_are_said_to_be_none(donebit: Donebit, name: str) -> None:
    assert donebit("tasks", "--label", name).out == "no tasks\n"
    assert donebit("tasks", "--label", name, "--json").out == ""


def test_show_says_what_is_missing_and_why_and_draws_the_bitmap(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    donebit("trigger", 12, "--task-id", name, "--label", "of-mine")
    report(services, name, (0, 2), (3, 4), (8, 12))
    fail(services, name, 5, "disk \x1b[31mfull\n  label    forged")

    shown = donebit("show", name, PYTHONIOENCODING="utf-8")

    lines = [line.rstrip() for line in shown.out.splitlines()]
    assert lines[0] == f"task {name} is running"
    assert "  label    of-mine" in lines
    assert "  steps    7 of 12 done (58%)" in lines
    assert "  missing  2, 4, 6 to 7" in lines
    assert "  failed   step 5 after 1 attempt: disk \\x1b[31mfull\\n  label    forged" in lines
    assert "  check    BITPOS 0 = 2, BITCOUNT = 8: not equal, so not done" in lines
    assert lines[-2] == "  ██·█·\N{MULTIPLICATION SIGN}··████◆"
    assert lines[-1].endswith("one cell per step")


@pytest.mark.parametrize(("count", "end"), [(20, "16, 18"), (1022, "16, 18 and 1,002 more")])
def test_show_names_the_first_gaps_and_counts_the_rest(
    donebit: Donebit, services: RealServices, name: str, count: int, end: str
) -> None:
    donebit("trigger", count, "--task-id", name)
    report(services, name, *((step, step + 1) for step in range(1, 20, 2)))

    (missing,) = (line for line in donebit("show", name).out.splitlines() if line.startswith("  missing"))

    assert missing.endswith(end)


def test_show_of_a_done_task_says_that_the_rule_is_met(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    donebit("trigger", 8, "--task-id", name)
    report(services, name, (0, 8))

    shown = donebit("show", name, PYTHONIOENCODING="ascii")

    assert "check    BITPOS 0 = 9, BITCOUNT = 9: equal, so every step is done" in shown.out
    assert shown.out.splitlines()[-2] == "  ########E"
    assert shown.out.isascii()


def test_show_as_json_is_what_the_service_answers(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    donebit("trigger", 3, "--task-id", name)

    shown = donebit("show", name, "--json").json

    assert set(shown) == set(services.ask("done", "GET", f"/tasks/{name}").json)
    assert shown["missing"] == [[0, 3]]


def test_a_failed_task_is_resumed_by_its_id(donebit: Donebit, services: RealServices, name: str) -> None:
    donebit("trigger", 2, "--task-id", name)
    fail(services, name, 0, "disk full")
    fail(services, name, 1, "disk full")

    resumed = donebit("resume", name)

    assert (resumed.code, resumed.out) == (0, f"task {name} is running: 0 of 2 steps done\n")


def test_a_task_is_paused_shown_so_and_resumed(donebit: Donebit, name: str) -> None:
    donebit("trigger", "4", "--task-id", name, "--label", name)

    paused = donebit("pause", name)
    shown, listed = donebit("show", name).out, donebit("tasks", "--label", name).out
    resumed = donebit("resume", name)

    assert (paused.code, paused.out) == (0, f"task {name} is paused: 0 of 4 steps done\n")
    assert f"task {name} is running (paused)\n" in shown
    assert "running (paused)" in listed
    assert (resumed.code, resumed.out) == (0, f"task {name} is running: 0 of 4 steps done\n")


def test_a_task_is_run_again_with_another_parameter(donebit: Donebit, name: str) -> None:
    donebit("trigger", "4", "--task-id", name, "--job", "demo", "--param", "sleep_ms=5", "--label", name)

    said = donebit("rerun", name, "--param", "sleep_ms=6", "--json").json
    again, gone = donebit("rerun", name), donebit("rerun", f"{name}-nobody")

    new = donebit("show", said["task_id"], "--json").json
    assert (new["rerun_of"], new["params"], new["label"]) == (name, {"sleep_ms": 6}, name)
    assert (again.code, again.out) == (0, f"task {again.out.split()[1]} 4 steps of demo\n")
    assert gone.code == 3
    assert f"the order of task {name}-nobody is gone" in gone.err


def test_several_tasks_are_run_again(donebit: Donebit, name: str) -> None:
    ids = [f"{name}-{number}" for number in range(2)]
    for task_id in ids:
        donebit("trigger", "4", "--task-id", task_id)

    said, watched = donebit("rerun", *ids, "--json"), donebit("rerun", *ids, "--watch")

    assert [donebit("show", one["task_id"], "--json").json["rerun_of"] for one in said.lines] == ids
    assert (watched.code, watched.err) == (2, "error: --watch takes one ID\n")


def test_failed_tasks_are_resumed_together_by_their_label(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    for number in range(3):
        donebit("trigger", 1, "--task-id", f"{name}-{number}", "--label", name)
    for number in (0, 2):
        fail(services, f"{name}-{number}", 0, "disk full")

    resumed = donebit("resume", "--failed", "--label", name)

    assert resumed.out == f"task {name}-2 is running again\ntask {name}-0 is running again\n2 tasks resumed\n"
    assert donebit("resume", "--failed", "--label", name, "--json").json == {"resumed": []}


@pytest.mark.parametrize("wrong", [(), ("some", "--failed"), ("some", "--label", "x")])
def test_resume_wants_to_know_which(donebit: Donebit, wrong: tuple[str, ...]) -> None:
    refused = donebit("resume", *wrong)

    assert refused.code == 2
    assert "either IDs, or --failed" in refused.err


def test_a_running_task_gets_more_steps(donebit: Donebit, name: str) -> None:
    donebit("trigger", 4, "--task-id", name)

    extended = donebit("extend", name, 9)

    assert extended.out == f"task {name} is running: 0 of 9 steps done\n"
    assert donebit("extend", name, 3).code == 3


def test_steps_are_added_to_a_running_task_as_often_as_asked(donebit: Donebit, name: str) -> None:
    donebit("trigger", 4, "--task-id", name)

    assert donebit("extend", name, "--add", 5, "--json").json["count"] == 9
    assert donebit("extend", name, "--add", 5, "--from", 9, "--json").json["count"] == 14
    refused = donebit("extend", name, "--add", 5, "--from", 9)
    assert (refused.code, "has 14 steps, not 9" in refused.err) == (3, True)
    for wrong in ((), (20, "--add", 5)):
        assert donebit("extend", name, *wrong).code == 2


def test_a_failed_step_is_shown_with_its_item(donebit: Donebit, name: str, services: RealServices) -> None:
    services.ask("trigger", "POST", "/tasks", {"task_id": name, "items": ["a.txt", "b.txt"]})
    services.ask("done", "POST", f"/tasks/{name}/failures", {"step": 1, "error": "no"})

    assert 'step 1 ("b.txt") after 1 attempt: no' in donebit("show", name).out


def test_an_open_task_is_filled_and_closed(donebit: Donebit, name: str) -> None:
    assert donebit("trigger", "--open", "--task-id", name, "--json").json["count"] == 0
    donebit("extend", name, "--add", 2)

    refused, closed = donebit("close", name, "--count", 3), donebit("close", name, "--count", 2)

    assert (refused.code, "has 2 steps, not 3" in refused.err) == (3, True)
    assert closed.out == f"task {name} is running: 0 of 2 steps done\n"
    assert donebit("trigger").code == 2


def test_several_tasks_are_cancelled_and_deleted_in_one_call(donebit: Donebit, name: str) -> None:
    both = [f"{name}-{number}" for number in range(2)]
    for task_id in both:
        donebit("trigger", 4, "--task-id", task_id)

    cancelled, deleted = donebit("cancel", *both, "--json"), donebit("delete", *both)

    assert [task["state"] for task in cancelled.lines] == ["cancelled", "cancelled"]
    assert deleted.out == "".join(f"task {task_id} is deleted\n" for task_id in both)
    assert donebit("show", both[0]).code == 3


@pytest.mark.parametrize(
    ("command", "lost"), [("cancel", "starts the rest later"), ("delete", "This can't be undone")]
)
def test_a_person_is_asked_before_anything_is_lost(
    donebit: Donebit, services: RealServices, name: str, command: str, lost: str
) -> None:
    donebit("trigger", 4, "--task-id", name)
    asked = donebit.at_terminal(command, name)
    asked.wait_for("[y/N]")

    asked.type("n\n")

    assert asked.exit_code() == 0
    assert lost in asked.seen
    assert services.ask("done", "GET", f"/tasks/{name}").json["state"] == "running"

    agreed = donebit.at_terminal(command, name)
    agreed.wait_for("[y/N]")
    agreed.type("y\n")

    assert agreed.exit_code() == 0
    assert services.ask("done", "GET", f"/tasks/{name}").json.get("state") != "running"


def test_who_is_sure_is_not_asked(donebit: Donebit, services: RealServices, name: str) -> None:
    donebit("trigger", 4, "--task-id", name)

    sure = donebit.at_terminal("delete", "--yes", name)

    assert sure.exit_code() == 0
    assert "[y/N]" not in sure.seen
    assert services.ask("done", "GET", f"/tasks/{name}").status == 404


@pytest.mark.parametrize(
    ("change", "count", "state"),
    [
        (("extend", "--add", 5), 9, "running"),
        (("cancel", "--yes"), 4, "cancelled"),
        (("delete", "--yes"), None, None),
    ],
)
def test_a_change_whose_answer_is_lost_is_made_once(
    donebit: Donebit, services: RealServices, name: str, change: tuple[object, ...], count: int, state: str
) -> None:
    assert donebit("trigger", 4, "--task-id", name).code == 0

    with lossy_way_to(services.url("done")) as way:
        way.answers_to_lose = 1
        changed = donebit(change[0], name, *change[1:], "--json", DONE_URL=way.url)

    assert changed.code == 0
    assert len(way.keys_sent) == 2
    assert len(set(way.keys_sent)) == 1
    assert (changed.json.get("count"), changed.json.get("state")) == (count, state)


def test_a_change_that_is_refused_or_unanswered_twice_is_not_sent_again(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    assert donebit("trigger", 4, "--task-id", name).code == 0

    with lossy_way_to(services.url("done")) as way:
        way.requests_to_refuse = 1
        refused = donebit("extend", name, "--add", 5, DONE_URL=way.url)
        way.answers_to_lose = 2
        lost = donebit("cancel", name, "--yes", DONE_URL=way.url)

    assert (refused.code, lost.code) == (4, 4)
    assert "answered 503" in refused.err
    assert "closed the connection" in lost.err
    assert len(way.keys_sent) == 3


def test_a_task_whose_answer_was_lost_is_started_once(donebit: Donebit, services: RealServices) -> None:
    label = secrets.token_hex(6)

    with lossy_way_to(services.url("trigger")) as way:
        way.lost_method, way.answers_to_lose = "POST", 1
        started = donebit("trigger", 3, "--label", label, "--json", TRIGGER_URL=way.url)

    found = services.ask("done", "GET", f"/tasks?label={label}").json["tasks"]
    assert (started.code, [one["task_id"] for one in found]) == (0, [started.json["task_id"]])
