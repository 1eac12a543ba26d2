"""`donebit` with real workers: what they do is what it shows."""

from __future__ import annotations

from pathlib import Path

from tests.command_line.command import Donebit


def test_a_task_that_workers_run_is_watched_to_its_end(donebit: Donebit) -> None:
    watched = donebit("trigger", 40, "--job", "demo", "--param", "sleep_ms=20", "--watch", "--json")

    assert watched.code == 0
    assert (watched.json["state"], watched.json["done_steps"]) == ("done", 40)


def test_a_job_that_gives_up_is_exit_code_1_and_is_resumed(donebit: Donebit, tmp_path: Path) -> None:
    (tmp_path / "block-1").touch()

    failed = donebit("trigger", 3, "--job", "blocked", "--param", f"folder={tmp_path}", "--watch", "--json")
    (tmp_path / "block-1").unlink()
    resumed = donebit("resume", failed.json["task_id"])
    watched = donebit("watch", failed.json["task_id"])

    assert (failed.code, failed.json["state"]) == (1, "failed")
    assert failed.json["failed_steps"] == 1
    assert (resumed.code, watched.code) == (0, 0)
