"""A worker that cannot be set up says why, in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("role", ["worker", "beat"])
def test_a_setting_that_makes_no_sense_is_one_sentence(role: str) -> None:
    command = [sys.executable, "-m", "celery", "--app", "done_app.worker", "--quiet", role]

    environment = os.environ | {"WORKER_PROCESSES": "many"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert ended.stderr.startswith("settings: WORKER_PROCESSES: ")
    assert ended.stderr.count("\n") == 1
