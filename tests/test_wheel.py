"""The wheel, built as it is published and installed where nothing of this repository is at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from donebit.demo.ports import free_server_port
from tests.servers import RunningServer
from tests.started import REPOSITORY, Started

# Where no cache holds them, the packages of the extra are fetched first.
pytestmark = pytest.mark.timeout(300)

OF_THE_SERVER = {"redis", "celery", "flask", "numpy", "pydantic", "granian"}
JOB = '''
"""A job in a project that uses Donebit as a package."""

from pathlib import Path

from donebit import job


@job("write")
def write(step: int, *, folder: str) -> None:
    (Path(folder) / str(step)).write_text(f"step {step}")
'''
PROGRAM = """
import sys
from donebit import Donebit

donebit = Donebit()
task_id = donebit.start(count=3, job="write", params={"folder": sys.argv[1]})
print(task_id, donebit.wait(task_id, 60)["state"])
"""
LOADED = "import sys, donebit; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment, and a folder outside the repository to run its programs in."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "venv/bin/python")

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def run(self, program: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "venv/bin" / program, *arguments],
            cwd=self.project,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def packages(self) -> set[str]:
        """The names of what is installed, the package itself left out."""
        listed = json.loads(uv("pip", "list", "--python", self.python, "--format", "json"))
        return {package["name"] for package in listed} - {"donebit"}


def uv(*arguments: str) -> str:
    command = [sys.executable, "-m", "uv", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def installed(folder: Path, what: str) -> Environment:
    """A new environment that holds what pip would install for this, by the ranges of pyproject.toml."""
    made = Environment(folder)
    made.project.mkdir()
    uv("venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    uv("pip", "install", "--quiet", "--python", made.python, what)
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that `make wheel` builds."""
    folder = tmp_path_factory.mktemp("dist")
    settings = ["PYTHON=true", f"BIN={Path(sys.executable).parent}", f"DIST={folder}"]
    subprocess.run(["make", "--silent", "wheel", *settings], cwd=REPOSITORY, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def client(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return installed(tmp_path_factory.mktemp("client"), str(wheel))


@pytest.fixture(scope="module")
def server(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return installed(tmp_path_factory.mktemp("server"), f"{wheel}[server]")


@pytest.fixture
def services(server: Environment, valkey: RunningServer) -> Iterator[dict[str, str]]:
    """Two services and a worker of the installed package; what a client has to know of them."""
    valkey.client.flushall()  # another test's store may be of another zone
    (server.project / "writing.py").write_text(JOB)
    ports = {name: str(free_server_port()) for name in ("TRIGGER_PORT", "DONE_PORT")}
    unset = dict.fromkeys(("BROKER_URL", "API_TOKEN", "HOST", "PYTHONPATH"), "")
    settings = unset | ports | {"REDIS_URL": valkey.url, "JOBS": "writing", "WORKER_PROCESSES": "2"}
    worker = ("-W", "ignore", "-m", "celery", "--app", "done_app.worker", "--quiet", "worker")
    commands = [("-m", "trigger_app"), ("-m", "done_app"), worker]
    with ExitStack() as ending:
        for command in commands:
            started = Started((server.python, *command), server.project, **settings)
            ending.callback(started.end)
        yield settings
    valkey.client.flushall()


def test_the_wheel_holds_every_file_that_is_not_python(wheel: Path) -> None:
    folders = ("shared/donebit", "trigger_app", "done_app", "distinct_app")
    files = [file for folder in folders for file in (REPOSITORY / folder).rglob("*") if file.is_file()]
    wanted = {
        file.relative_to(REPOSITORY).as_posix().removeprefix("shared/")
        for file in files
        if file.suffix != ".pyc"
    }

    with ZipFile(wheel) as packed:
        held = {name for name in packed.namelist() if ".dist-info/" not in name}

    assert held == wanted
    assert {"donebit/py.typed", "donebit/store/scripts/mark_steps.lua"} <= held


def test_the_wheel_names_its_licence_and_no_person(wheel: Path) -> None:
    with ZipFile(wheel) as packed:
        (name,) = [name for name in packed.namelist() if name.endswith(".dist-info/METADATA")]
        fields = packed.read(name).decode().partition("\n\n")[0].splitlines()

    names = [line.partition(":")[0] for line in fields]
    assert {"License-Expression", "License-File", "Requires-Python"} <= set(names)
    assert not {name for name in names if name.startswith(("Author", "Maintainer", "Home-page"))}
    assert not [line for line in fields if "@" in line]


def test_without_an_extra_only_urllib3_is_installed(client: Environment) -> None:
    assert client.packages() == {"urllib3"}


def test_importing_the_client_loads_nothing_of_the_server(server: Environment) -> None:
    assert server.packages() >= OF_THE_SERVER

    loaded = set(server.run("python", "-c", LOADED).stdout.split())

    assert "urllib3" in loaded
    assert not OF_THE_SERVER & loaded


def test_the_command_is_one_sentence_without_the_extra(client: Environment) -> None:
    done = client.run("donebit", "--help")

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.endswith("is not installed: pip install 'donebit[server]'\n")
    assert done.stderr.count("\n") == 1


def test_a_job_outside_the_repository_runs_to_its_end(server: Environment, services: dict[str, str]) -> None:
    output = server.project / "written"
    output.mkdir()

    done = server.run("python", "-c", PROGRAM, str(output), **services)

    task_id, state = done.stdout.split() or ("", done.stderr)
    assert state == "done"
    assert {file.name: file.read_text() for file in output.iterdir()} == {
        str(step): f"step {step}" for step in range(3)
    }
    shown = server.run("donebit", "show", task_id, **services)
    assert "3 of 3" in shown.stdout, shown.stderr
