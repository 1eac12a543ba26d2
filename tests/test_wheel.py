"""The wheel, built as it is published and installed where nothing of this repository is at hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from donebit.demo.probes import health_is_ok
from tests.docs.examples import blocks, files
from tests.ports import ports_of_services
from tests.servers import RunningServer
from tests.started import REPOSITORY, Started, eventually

# Where no cache holds them, the packages of the extra are fetched first.
pytestmark = pytest.mark.timeout(300)

README = REPOSITORY / "README.md"
OF_THE_SERVER = {"redis", "celery", "flask", "numpy", "pydantic", "granian"}
STARTS = [block for block in blocks(README, "sh") if "python -m" in block]
TEXTS = {"a.txt": "alpha\n", "b.txt": "beta\n"}
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
def client_only(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return installed(tmp_path_factory.mktemp("client"), str(wheel))


@pytest.fixture(scope="module")
def server(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return installed(tmp_path_factory.mktemp("server"), f"{wheel}[server,demo]")


@pytest.fixture(scope="module")
def for_chords(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return installed(tmp_path_factory.mktemp("chords"), f"{wheel}[celery]")


@pytest.fixture
def settings(valkey: RunningServer) -> Iterator[dict[str, str]]:
    """Free ports, and an empty server at REDIS_URL."""
    valkey.client.flushall()  # another test's store may be of another zone
    ports = ports_of_services()
    unset = dict.fromkeys(("REDIS_URL", "BROKER_URL", "API_TOKEN", "HOST", "JOBS"), "")
    quiet = {"SAMPLE": "0", "WORKER_PROCESSES": "2", "PYTHONWARNINGS": "ignore"}
    yield unset | ports | quiet
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


def test_without_an_extra_only_urllib3_is_installed(client_only: Environment) -> None:
    assert client_only.packages() == {"urllib3"}


def test_importing_the_client_loads_nothing_of_the_server(server: Environment) -> None:
    assert server.packages() >= OF_THE_SERVER

    loaded = set(server.run("python", "-c", LOADED).stdout.split())

    assert "urllib3" in loaded
    assert not OF_THE_SERVER & loaded


def test_the_command_is_one_sentence_without_the_extra(client_only: Environment) -> None:
    done = client_only.run("donebit", "--help")

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.endswith(" is not installed): pip install 'donebit[server]'\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "extras"),
    [("donebit.demo", "server,demo"), ("celery --app done_app.worker --quiet worker", "server")],
)
def test_the_extra_for_chords_is_not_that_of_the_server(
    for_chords: Environment, command: str, extras: str
) -> None:
    done = for_chords.run("python", "-m", *command.split(), PYTHONWARNINGS="ignore")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f" is not installed): pip install 'donebit[{extras}]'\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("start", STARTS, ids=["demo", "own Redis"])
def test_the_readmes_project_runs_on_the_wheel(
    server: Environment, valkey: RunningServer, settings: dict[str, str], start: str
) -> None:
    for name, body in files(README).items():
        (server.project / name).write_text(body)
    letters = server.project / "letters"
    shutil.rmtree(letters, ignore_errors=True)
    letters.mkdir()
    for name, text in TEXTS.items():
        (letters / name).write_text(text)

    path = f"{server.folder / 'venv/bin'}:{os.environ['PATH']}"
    command = re.sub(r"redis://\S+", valkey.url, start)
    started = Started(("bash", "-c", command), server.project, PATH=path, **settings)
    done_app = health_is_ok(f"http://127.0.0.1:{settings['DONE_PORT']}", "done_app")
    trigger_app = health_is_ok(f"http://127.0.0.1:{settings['TRIGGER_PORT']}", "trigger_app")
    try:
        eventually(lambda: done_app() and trigger_app(), 60, what="the services did not start")
        done = server.run("python", "run.py", **settings)
        listed = server.run("donebit", "tasks", **settings)
    finally:
        started.end()

    assert done.stdout == "done 2\n", done.stderr + started.out + started.err
    written = {file.with_suffix(".txt").name: file.read_text() for file in letters.glob("*.sha256")}
    assert written == {name: sha256(text.encode()).hexdigest() for name, text in TEXTS.items()}
    assert "checksums" in listed.stdout, listed.stderr
