"""A task has N steps, and Donebit knows when the last one is done."""

from __future__ import annotations

from tests.fundamentals.conftest import Service


def test_a_task_is_done_when_all_its_steps_are(trigger: Service, done: Service) -> None:
    """The steps of a task are numbered from 0. Any program that knows its id can report them."""
    trigger.post("/tasks", task_id="report", count=3)

    done.put("/tasks/report/steps/0")
    done.put("/tasks/report/steps/1")
    assert done.get("/tasks/report")["state"] == "running"

    done.put("/tasks/report/steps/2")
    assert done.get("/tasks/report")["state"] == "done"


def test_the_end_marker_is_set_before_any_step(trigger: Service, done: Service) -> None:
    """The bitmap has one bit per step and one more, the end marker, which is set at the start.

    Without it a task of three steps would look complete after its first: bit 0 is set, and no gap is seen
    before it. With it the rule is BITPOS 0 == BITCOUNT: the first gap comes after all the bits that are set.
    """
    trigger.post("/tasks", task_id="marked", count=3)

    assert done.get("/tasks/marked/bitmap") == bytes([0b0001_0000])

    done.put("/tasks/marked/steps/0")
    assert done.get("/tasks/marked/bitmap") == bytes([0b1001_0000])
    assert done.get("/tasks/marked")["rule"] == {"first_gap": 1, "set_bits": 2}


def test_steps_may_finish_in_any_order(trigger: Service, done: Service) -> None:
    """Workers are not in step with each other. What is missing is read from the gaps, as half-open ranges."""
    trigger.post("/tasks", task_id="shuffled", count=8)

    done.post("/tasks/shuffled/steps", steps=[6, 2, 3])

    assert done.get("/tasks/shuffled/missing")["ranges"] == [[0, 2], [4, 6], [7, 8]]


def test_a_step_that_is_reported_twice_counts_once(trigger: Service, done: Service) -> None:
    """Messages repeat, and workers try again. A bit that is set twice is one bit, so neither does harm."""
    trigger.post("/tasks", task_id="repeated", count=2)

    first = done.put("/tasks/repeated/steps/0")
    second = done.put("/tasks/repeated/steps/0")

    assert (first["fresh"], second["fresh"]) == (True, False)
    assert done.get("/tasks/repeated")["done_steps"] == 1


def test_one_report_completes_a_task_and_late_ones_do_not(trigger: Service, done: Service) -> None:
    """The report that fills the last gap claims the end, so whatever follows a task is started once."""
    trigger.post("/tasks", task_id="claimed", count=2)

    reports = [done.put(f"/tasks/claimed/steps/{step}") for step in (1, 0, 0, 1)]

    assert [report["completed_task"] for report in reports] == [False, True, False, False]
    assert [report["state"] for report in reports] == ["running", "done", "done", "done"]


def test_a_failed_task_resumes_with_only_what_is_missing(trigger: Service, done: Service) -> None:
    """A step can give up. The task then ends as failed, and keeps what was done for the next run."""
    trigger.post("/tasks", task_id="retried", count=3)
    done.post("/tasks/retried/steps", steps=[0, 2])

    done.post("/tasks/retried/failures", step=1, error="the disk is full")
    assert done.get("/tasks/retried")["state"] == "failed"

    done.post("/tasks/retried/resume")
    assert done.get("/tasks/retried/missing")["ranges"] == [[1, 2]]
    assert done.put("/tasks/retried/steps/1")["completed_task"] is True
    assert done.get("/tasks/retried")["state"] == "done"
