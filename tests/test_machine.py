"""No test is left out in silence: where the machine lacks something, the last lines say it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.started import REPOSITORY


def run_pytest(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What pytest says of the browser's tests on a machine without a browser."""
    command = (sys.executable, "-m", "pytest", "-q", "tests/browser/test_page.py", *arguments)
    clean = os.environ | {"PATH": "", "CI": ""} | environment
    return subprocess.run(
        command, cwd=REPOSITORY, env=clean, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_a_browser_its_tests_are_not_run_and_that_is_said_aloud() -> None:
    said = run_pytest("-n", "1")  # whoever collects is then not who speaks

    assert said.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "THE BROWSER TESTS WERE NOT RUN: no chromium with chromedriver on the PATH" in said.stdout
    assert "skipped" not in said.stdout


def test_where_everything_shall_be_tested_a_missing_browser_is_an_error() -> None:
    said = run_pytest(CI="1")

    assert said.returncode == pytest.ExitCode.USAGE_ERROR
    assert "CI is set, which allows no test to be left out, and no chromium" in said.stderr
