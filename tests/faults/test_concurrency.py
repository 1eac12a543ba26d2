"""max_concurrency of a task and of a job is kept on all workers together, whatever dies or stands still."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from donebit.completion.leases import LEASE
from tests.faults.test_leases import runs
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually

LONG = LEASE.total_seconds() + 3


def lines(folder: Path) -> list[tuple[str, int, int]]:
    """What the steps noted: begin or end, the step, and the process."""
    log = folder / "log"
    found = (line.split() for line in log.read_text().splitlines()) if log.exists() else ()
    return [(what, int(step), int(pid)) for what, step, pid in found]


def greatest_overlap(folder: Path) -> int:
    running, most = 0, 0
    for what, _, _ in lines(folder):
        running += 1 if what == "begin" else -1
        most = max(most, running)
    return most


def begun(folder: Path) -> int:
    return sum(what == "begin" for what, _, _ in lines(folder))


def test_forty_steps_with_a_limit_of_two_overlap_by_two(stack: Stack, tmp_path: Path) -> None:
    task_id = stack.create(
        40, job="timed", params={"folder": str(tmp_path), "seconds": 0.02}, max_concurrency=2, stall_after=60
    )

    eventually(lambda: stack.told(task_id), DONE_SECONDS, what="its end was not announced")

    answer = stack.answer(task_id)
    assert (answer["state"], answer["done_steps"], answer["heals"]) == ("done", 40, 0)
    assert greatest_overlap(tmp_path) == 2
    assert begun(tmp_path) == 40


def test_a_limit_of_a_job_holds_over_all_its_tasks(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": 0.02}
    tasks = [stack.create(12, job="scarce", params=params, stall_after=60) for _ in range(3)]

    for task_id in tasks:
        stack.await_told(task_id)

    assert [stack.answer(task_id)["state"] for task_id in tasks] == ["done"] * 3
    assert greatest_overlap(tmp_path) == 2
    assert begun(tmp_path) == 36


def test_a_step_that_holds_the_interpreter_lock_keeps_its_permit(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": LONG}
    task_id = stack.create(1, job="scarce_locked", params=params, stall_after=60)

    eventually(lambda: stack.told(task_id), DONE_SECONDS, what="its end was not announced")

    assert runs(tmp_path) == {0: 1}
    assert stack.answer(task_id)["failed_attempts"] == 0


def test_the_permit_of_a_killed_process_is_free_again(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": 3600}
    task_id = stack.create(6, job="timed", params=params, max_concurrency=1, stall_after=60)
    eventually(lambda: begun(tmp_path) == 1, DONE_SECONDS, what="no step is begun")
    ((_, _, pid),) = lines(tmp_path)

    (tmp_path / "quick").touch()
    os.kill(pid, signal.SIGKILL)

    eventually(lambda: stack.told(task_id), DONE_SECONDS, what="its end was not announced")
    assert stack.answer(task_id)["state"] == "done"
    ends = [what for what, _, other in lines(tmp_path) if other != pid]
    assert ends == ["begin", "end"] * 6  # never two at once after it


def test_who_follows_a_killed_process_is_not_taken_for_one_with_a_permit(
    stack: Stack, tmp_path: Path
) -> None:
    limited, free = tmp_path / "limited", tmp_path / "free"
    limited.mkdir()
    free.mkdir()
    params = {"folder": str(limited), "seconds": 3600}
    task_id = stack.create(1, job="timed", params=params, max_concurrency=1, stall_after=60)
    eventually(lambda: begun(limited) == 1, DONE_SECONDS, what="the step is not begun")
    ask("POST", f"{stack.done}/tasks/{task_id}/cancel")  # so that nobody takes its permit again
    os.kill(lines(limited)[0][2], signal.SIGKILL)
    time.sleep(LEASE.total_seconds() + 0.5)

    params = {"folder": str(free), "seconds": 1}
    other_id = stack.create(16, job="timed", params=params, stall_after=60)

    stack.await_told(other_id)
    assert (stack.answer(other_id)["state"], begun(free)) == ("done", 16)


def test_a_process_that_lost_its_permit_ends_its_step(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": 3600}
    task_id = stack.create(1, job="timed", params=params, max_concurrency=1, stall_after=60)
    eventually(lambda: begun(tmp_path) == 1, DONE_SECONDS, what="the step is not begun")
    ((_, _, pid),) = lines(tmp_path)
    (tmp_path / "quick").touch()

    os.killpg(stack.worker.process.pid, signal.SIGSTOP)  # the whole worker stands still
    time.sleep(LEASE.total_seconds() + 0.5)
    os.killpg(stack.worker.process.pid, signal.SIGCONT)

    eventually(lambda: not Path(f"/proc/{pid}/cwd").exists(), DONE_SECONDS, what="the process still runs")
    eventually(lambda: stack.told(task_id), DONE_SECONDS, what="its end was not announced")
    answer = stack.answer(task_id)
    assert (answer["state"], answer["failed_attempts"]) == ("done", 0)
    assert stack.store.failures.attempts(task_id, [0]) == [0]
    assert ("end", 0, pid) not in lines(tmp_path)


def test_a_process_whose_worker_is_gone_ends_its_step(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": 3600}
    task_id = stack.create(1, job="timed", params=params, max_concurrency=1, stall_after=60)
    eventually(lambda: begun(tmp_path) == 1, DONE_SECONDS, what="the step is not begun")
    ((_, _, pid),) = lines(tmp_path)

    os.kill(stack.worker.process.pid, signal.SIGKILL)  # its main process alone
    stack.worker.process.wait()

    eventually(lambda: not Path(f"/proc/{pid}/cwd").exists(), DONE_SECONDS, what="the process still runs")
    ask("POST", f"{stack.done}/tasks/{task_id}/cancel")
    with suppress(ProcessLookupError):  # its other processes
        os.killpg(stack.worker.process.pid, signal.SIGKILL)


def test_a_limit_holds_while_processes_are_killed(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": 0.15}
    task_id = stack.create(60, job="timed", params=params, max_concurrency=2, stall_after=60)

    for ended in (3, 9, 15):
        await_begun(tmp_path, ended)
        kill_one(tmp_path)

    stack.await_told(task_id)
    assert stack.answer(task_id)["state"] == "done"
    assert greatest_overlap(tmp_path) == 2


def await_begun(folder: Path, least: int) -> None:
    eventually(lambda: begun(folder) >= least, DONE_SECONDS, what=f"fewer than {least} steps are begun")


def kill_one(folder: Path) -> None:
    """Kill a process that is at a step, and note that its step is over."""

    def kills() -> bool:
        found = lines(folder)
        at_work = {pid for what, _, pid in found if what == "begin"}
        running = [pid for pid in at_work if [one[0] for one in found if one[2] == pid][-1] == "begin"]
        if not running:
            return False
        os.kill(running[0], signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{running[0]}/cwd").exists())
        if [one[0] for one in lines(folder) if one[2] == running[0]][-1] == "begin":
            with (folder / "log").open("a") as file:
                file.write(f"end -1 {running[0]}\n")
        return True

    eventually(kills, DONE_SECONDS, what="no step runs")
