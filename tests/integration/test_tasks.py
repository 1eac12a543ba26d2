"""A real worker takes tasks from their start to the word of their end."""

from __future__ import annotations

import re
from pathlib import Path

from donebit.completion import lifecycle
from donebit.completion.fanout import Slice
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.jobs.builtin import visitor
from tests.completion.arranged import TTLS
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually


def runs(folder: Path) -> dict[int, int]:
    """How often each step has run that the job `note` was given."""
    return {int(file.name): file.read_text().count("run") for file in folder.iterdir()}


def start_note(stack: Stack, task_id: str, folder: Path) -> Task:
    """A task of ten steps that nobody has been told of."""
    order = TaskSpec(10, "note", {"folder": str(folder)})
    return lifecycle.start(stack.store, order, task_id=task_id, ttls=TTLS, max_steps=100).task


def test_each_step_of_a_small_task_has_its_line_in_the_log(stack: Stack) -> None:
    task_id = stack.trigger_done(10, 20)

    stack.await_told(task_id)

    line = re.compile(rf"step (\d+) of task {task_id} is done \((\d+)/10\)")

    def found() -> list[tuple[int, int]]:
        lines = [line.fullmatch(text) for text in stack.log_of(task_id)]
        return [(int(one[1]), int(one[2])) for one in lines if one]

    # Each process writes its own: the line of the end may come before that of another's step.
    eventually(lambda: len(found()) >= 10, DONE_SECONDS, what="lines lack")
    steps, progress = zip(*found(), strict=True)
    assert sorted(steps) == list(range(10))
    assert sorted(progress) == list(range(1, 11))


def test_the_end_is_told_once_with_its_size_its_time_and_its_id(stack: Stack) -> None:
    task_id = stack.trigger_done(10, 20)

    stack.await_told(task_id)
    stack.await_quiet()

    end = rf"task {task_id} is done: 10 steps in \d+\.\d s \[{task_id}\.1\.done\]"
    assert len([line for line in stack.log_of(task_id) if re.fullmatch(end, line)]) == 1
    eventually(lambda: stack.answer(task_id)["announced_at"], what="the end is not recorded as told")


def test_many_steps_travel_in_slices_and_each_runs_once(stack: Stack, tmp_path: Path) -> None:
    task_id = stack.create(1000, job="note", params={"folder": str(tmp_path)})

    stack.await_told(task_id)

    assert "is fanned out: 1000 steps in 250 messages" in "\n".join(stack.log_of(task_id))
    assert runs(tmp_path) == dict.fromkeys(range(1000), 1)
    assert stack.told(task_id) == [f"{task_id}.1.done"]


def test_a_large_task_has_a_line_now_and_then_and_none_a_step(stack: Stack) -> None:
    task_id = stack.trigger_done(10_000, 1)

    stack.await_told(task_id)

    line = re.compile(rf"task {task_id} has (\d+) of 10000 steps done")
    told = [found for text in stack.log_of(task_id) if (found := line.fullmatch(text))]
    took = stack.answer(task_id)["took_seconds"]
    assert 1 <= len(told) <= 4 * (1 + took / 2)  # two processes may look at the same moment
    assert not [text for text in stack.log_of(task_id) if text.startswith("step ")]


def test_visits_are_counted_exactly(stack: Stack) -> None:
    assert ask("DELETE", f"{stack.distinct}/distinct").said == {"distinct": 0}

    task_id = str(ask("POST", f"{stack.trigger}/trigger/distinct?count=60").said["task_id"])

    stack.await_told(task_id)
    seed = stack.task(task_id).spec.params["seed"]
    users = {visitor(seed, step) for step in range(60)}
    assert ask("GET", f"{stack.distinct}/distinct").said == {"distinct": len(users)}
    assert all(is_present(stack, user) for user in users)


def is_present(stack: Stack, user: int) -> bool:
    return bool(ask("GET", f"{stack.distinct}/events/distinct/users/{user}").said["present"])


def test_what_steps_return_is_kept_though_a_process_dies_between(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "fatal": 300}

    task_id = stack.create(1000, job="square", params=params)

    stack.await_told(task_id)
    answer = ask("GET", f"{stack.done}/tasks/{task_id}/results?limit=10000").said
    assert answer["results"] == [{"step": step, "result": step * step} for step in range(1000)]
    assert answer["without"] == 0
    assert runs(tmp_path)[300] > 1


def test_the_next_task_takes_in_what_the_steps_returned(stack: Stack, tmp_path: Path) -> None:
    steps, after = tmp_path / "steps", tmp_path / "after"
    steps.mkdir()
    after.mkdir()

    stack.create(
        1000,
        job="square",
        params={"folder": str(steps)},
        then={"job": "sum", "params": {"folder": str(after)}},
    )

    eventually((after / "sum").exists, DONE_SECONDS, what="the next task did not run")
    eventually(
        lambda: (after / "sum").read_text() == f"{sum(step * step for step in range(1000))} of 1000",
        what="it has another sum",
    )


def test_steps_are_given_their_items_also_when_retried_resumed_and_added(
    stack: Stack, tmp_path: Path
) -> None:
    items = ["x" * (step % 50) for step in range(3000)]
    items[7] = "bad"

    task_id = stack.create_items(items, job="length", params={"folder": str(tmp_path)})

    stack.await_told(task_id)
    failures = ask("GET", f"{stack.done}/tasks/{task_id}/failures").said["failures"]
    assert [(one["step"], one["item"], one["error"]) for one in failures] == [
        (7, "bad", "ValueError: it is bad")
    ]
    (tmp_path / "mended").touch()
    ask("POST", f"{stack.done}/tasks/{task_id}/resume")
    stack.await_told(task_id, times=2)
    found = ask("GET", f"{stack.done}/tasks/{task_id}/results?limit=10000").said["results"]
    assert found == [{"step": step, "result": len(item)} for step, item in enumerate(items)]


def test_items_are_added_to_a_running_task(stack: Stack) -> None:
    task_id = stack.create_items([], open=True, job="length")
    for piece in (["a", "bb"], ["ccc"]):
        ask("POST", f"{stack.done}/tasks/{task_id}/items", {"items": piece})

    ask("POST", f"{stack.done}/tasks/{task_id}/close")

    stack.await_told(task_id)
    assert ask("GET", f"{stack.done}/tasks/{task_id}/results").said["results"] == [
        {"step": step, "result": step + 1} for step in range(3)
    ]


def test_a_job_of_the_users_own_module_runs_once_a_step(stack: Stack, tmp_path: Path) -> None:
    task_id = stack.create(30, job="note", params={"folder": str(tmp_path)}, batch=7, label="mine")

    stack.await_told(task_id)

    assert runs(tmp_path) == dict.fromkeys(range(30), 1)
    assert stack.answer(task_id)["label"] == "mine"


def test_parameters_that_the_users_job_does_not_take_are_refused(stack: Stack) -> None:
    answer = ask("POST", f"{stack.trigger}/tasks", {"count": 3, "job": "note", "params": {"pause_ms": 1}})

    assert answer.status == 422
    assert answer.said["detail"] == "params of job note: missing parameter folder"


def test_steps_that_raise_are_run_again_and_the_task_gets_done(stack: Stack, tmp_path: Path) -> None:
    task_id = stack.create(6, job="hesitant", params={"folder": str(tmp_path)}, batch=3)

    stack.await_told(task_id, swept=True)

    assert runs(tmp_path) == dict.fromkeys(range(6), 2)
    retried = f"WARNING: step 5 of task {task_id} failed at attempt 1 of 3, and is retried in 1 s: "
    assert len([line for line in stack.log_of(task_id) if line.startswith(retried)]) == 1
    assert "is not in the mood" in stack.log
    assert stack.told(task_id) == [f"{task_id}.1.done"]


def test_a_cancelled_task_stops(stack: Stack) -> None:
    task_id = stack.create_endless()
    stack.await_progress(task_id)

    answer = ask("POST", f"{stack.done}/tasks/{task_id}/cancel")

    stack.await_quiet()  # all that was sent would take an hour
    assert answer.said["state"] == "cancelled"
    assert re.search(rf"task {task_id} is cancelled: \d+ of 100000 steps in \d+\.\d s", stack.log)
    assert stack.told(task_id) == [f"{task_id}.1.cancelled"]


def test_a_task_deleted_while_it_runs_stops_and_stays_deleted(stack: Stack) -> None:
    task_id = stack.create_endless()
    stack.await_progress(task_id)
    before = len(stack.log)

    assert ask("DELETE", f"{stack.done}/tasks/{task_id}").status == 204

    stack.await_quiet()
    assert ask("GET", f"{stack.done}/tasks/{task_id}").status == 404
    assert stack.server.client.keys(f"donebit:done:*{task_id}*") == []
    assert "Traceback" not in stack.log[before:] + stack.worker.err
    stack.await_told(stack.trigger_done(10, 0))


def test_messages_of_an_earlier_task_under_the_same_id_run_nothing(stack: Stack, tmp_path: Path) -> None:
    old = start_note(stack, "again", tmp_path)
    lifecycle.delete(stack.store, "again")
    new = start_note(stack, "again", tmp_path)

    stack.publisher.dispatch(old)
    stack.publisher.run_slices(old, [Slice(0, 10)])
    stack.await_quiet()

    assert old.spec == new.spec
    assert runs(tmp_path) == {}
    assert stack.task("again").done_steps == 0


def test_messages_delivered_twice_change_nothing(stack: Stack, tmp_path: Path) -> None:
    task = start_note(stack, "twice", tmp_path)
    stack.publisher.run_slices(task, [Slice(0, 9)])
    stack.await_progress("twice", 9)

    stack.publisher.run_slices(task, [Slice(0, 9)])
    stack.publisher.run_slices(task, [Slice(5, 10)])
    stack.await_told("twice")
    for _ in range(3):
        stack.publisher.announce("twice")
        stack.publisher.dispatch(task)
    stack.await_quiet()

    assert runs(tmp_path) == dict.fromkeys(range(10), 1)
    assert stack.told("twice") == ["twice.1.done"]


def test_a_small_task_is_done_beside_a_large_one_and_not_after_it(stack: Stack) -> None:
    large = stack.trigger_done(100_000, 50)
    stack.await_progress(large)

    small = stack.trigger_done(10, 10)

    stack.await_told(small)
    assert stack.task(large).missing_steps > 90_000


def test_a_task_that_is_fanned_out_is_not_again_for_a_late_request(stack: Stack) -> None:
    task_id = stack.create(20, job="demo", params={"sleep_ms": 500})
    eventually(lambda: stack.answer(task_id)["dispatched_at"], what="the task is not fanned out")

    for _ in range(5):
        stack.publisher.dispatch(lifecycle.get_task(stack.store, task_id).task)
    stack.await_told(task_id)
    stack.await_quiet()

    assert sum("is fanned out" in line for line in stack.log_of(task_id)) == 1
