"""`make test-compose` where its tools are missing; where they are, it runs apart from these tests."""

from __future__ import annotations

import subprocess
import sys

from tests.started import REPOSITORY


def test_a_machine_without_podman_is_told_so() -> None:
    command = (sys.executable, "-m", "tests.compose.run_containers")

    said = subprocess.run(
        command, cwd=REPOSITORY, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False
    )

    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("the compose file is not run: this machine lacks podman")
