"""A worker that cannot be set up says why, in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.servers import RunningServer


@pytest.mark.parametrize("role", ["worker", "beat"])
def test_a_setting_that_makes_no_sense_is_one_sentence(role: str) -> None:
    command = [sys.executable, "-m", "celery", "--app", "done_app.worker", "--quiet", role]

    environment = os.environ | {"WORKER_PROCESSES": "many"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert ended.stderr.startswith("settings: WORKER_PROCESSES: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [["trigger_app"], ["celery", "--app", "done_app.worker", "--quiet", "worker"]],
    ids=["trigger", "worker"],
)
def test_a_module_of_jobs_that_is_not_there_is_one_sentence(
    command: list[str], valkey: RunningServer
) -> None:
    environment = os.environ | {"JOBS": "nosuch", "REDIS_URL": valkey.url}

    ended = subprocess.run(
        [sys.executable, "-m", *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr == "JOBS: module 'nosuch' cannot be imported: No module named 'nosuch'\n"
