"""deploy/pin-images.sh, with a few lines in place of docker; `make test-compose` runs it with podman."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.started import REPOSITORY

ONE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
TOOL = """#!/bin/sh
# Knows the images of a folder, each with what it lists of them; pulls one by laying it there.
name=$(printf '%s' "$(eval echo \\$$#)" | tr /: __)
case "$1 $2" in
'image inspect') cat "$(dirname "$0")/images/$name" ;;
'pull --quiet') mv "$(dirname "$0")/registry/$name" "$(dirname "$0")/images/$name" ;;
esac
"""
# As on macOS and BSD: what follows -i is the suffix of the file that stays.
SED = """#!/bin/sh
case "$1" in -i) echo "sed: -i needs a suffix" >&2 && exit 1 ;; esac
exec {} "$@"
"""


class Machine:
    """Where the script runs."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.env = folder, folder / ".env"
        for name in ("images", "registry"):
            (folder / name).mkdir()
        for name, text in (("docker", TOOL), ("sed", SED.format(shutil.which("sed")))):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def has(self, image: str, *digests: str, at: str = "images") -> None:
        name = image.replace("/", "_").replace(":", "_")
        (self._folder / at / name).write_text("".join(f"{one}\n" for one in digests))

    def pin(self) -> subprocess.CompletedProcess[str]:
        command = (str(REPOSITORY / "deploy/pin-images.sh"), str(self.env))
        path = {"PATH": f"{self._folder}:{os.environ['PATH']}"}
        return subprocess.run(command, env=path, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_each_image_gets_the_digest_of_its_own_name(machine: Machine) -> None:
    machine.has("python:3.13-slim", f"registry.example/library/python@{ONE}")
    machine.has("host:5000/a/valkey:9", f"valkey/valkey@{ONE}", f"host:5000/a/valkey@{OTHER}")
    machine.has("registry.example/rabbitmq:4", f"rabbitmq@{OTHER}", at="registry")
    machine.env.write_text(
        "# PYTHON_IMAGE=no\nPYTHON_IMAGE=python:3.13-slim\nREDIS_IMAGE=host:5000/a/valkey:9\n"
        "API_TOKEN=python:3.13-slim\nRABBITMQ_IMAGE=registry.example/rabbitmq:4\n"
    )

    said = machine.pin()

    pinned = [
        f"PYTHON_IMAGE=python:3.13-slim@{ONE}",
        f"REDIS_IMAGE=host:5000/a/valkey:9@{OTHER}",
        f"RABBITMQ_IMAGE=registry.example/rabbitmq:4@{OTHER}",
    ]
    assert (said.returncode, said.stderr, said.stdout.splitlines()) == (0, "", pinned)
    lines = ["# PYTHON_IMAGE=no", *pinned[:2], "API_TOKEN=python:3.13-slim", pinned[2]]
    assert machine.env.read_text().splitlines() == lines
    assert [one.name for one in machine.env.parent.glob(".env*")] == [".env"]
    assert machine.pin().stdout == ""  # what has a digest stays as it is
    assert machine.env.read_text().splitlines() == lines


def test_an_image_without_a_digest_is_named_and_stays(machine: Machine) -> None:
    machine.has("mine", "")
    machine.env.write_text("REDIS_IMAGE=mine\n")

    said = machine.pin()

    assert said.returncode == 1
    assert said.stderr == "REDIS_IMAGE=mine has no digest: it was made here, and is of no registry\n"
    assert machine.env.read_text() == "REDIS_IMAGE=mine\n"


def test_an_image_that_nobody_has_ends_it(machine: Machine) -> None:
    machine.env.write_text("REDIS_IMAGE=nobody/has:1\n")

    assert machine.pin().returncode != 0
    assert machine.env.read_text() == "REDIS_IMAGE=nobody/has:1\n"
