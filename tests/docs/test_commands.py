"""Every command of README.md and docs/ is run, against a demo that make started, and answers as they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from donebit.config import Settings
from donebit.store.bitmaps import SEGMENT_BITS
from donebit.store.key_names import Keys
from tests.docs.examples import blocks, examples, files
from tests.forked import write_program
from tests.ports import named_ports
from tests.servers import RunningServer
from tests.started import REPOSITORY, Started, eventually

README = REPOSITORY / "README.md"
DOCUMENTS = [README, REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
RECIPES = REPOSITORY / "docs/recipes.md"
SETTINGS = REPOSITORY / "docs/settings.md"
PORTS = ("TRIGGER_PORT", "DONE_PORT", "DISTINCT_PORT")
START_SECONDS = 60.0
# They run all that this runs and more, or need what the machines of these tests do not have.
RUN_ELSEWHERE = (
    "make test",
    "make check",
    "make bench",
    "make lock",
    "docker compose ",
    "apt install ",
    "pip install ",
    # These start the installed package: tests/test_wheel.py runs the README's.
    "JOBS=checksums python -m donebit.demo",
    "export REDIS_URL=",
    "python -m ",
    # A cluster of somebody's own; tests/faults/test_cluster.py runs everything on one.
    "REDIS_URL=redis://10.",
    "BROKER_URL=",
    "for port in 7001 ",
    "  mkdir -p node-",
    "  valkey-server --port ",
    "done",
    "redis-cli --cluster create ",
    # tests/docs/test_web_frameworks.py serves these sites.
    "export WEBHOOK_SECRET=",
    # CONTRIBUTING.md's, for somebody who works on Donebit.
    ".venv/bin/",
)


class House:
    """A folder that looks like a fresh clone with its .venv made, and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: str(port) for name, port in named_ports(PORTS).items()}
        for name in ("Makefile", ".env.example", "shared", "trigger_app", "done_app", "distinct_app"):
            (folder / name).symlink_to(REPOSITORY / name)
        python = folder / ".venv/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        self._inherited = write_program(python.with_name("donebit"), "donebit.command_line")
        for document in DOCUMENTS:
            for name, body in files(document).items():
                (folder / name).write_text(self.at_its_ports(body))

    def start(self, command: str) -> Started:
        installed = {"PYTHON": "true"}  # in place of the Python that would install into .venv
        clean = dict.fromkeys(("REDIS_URL", "BROKER_URL", "API_TOKEN", "HOST", "ALLOWED_HOSTS"), "")
        quiet = {"SAMPLE": "0"}  # the documents tell of nobody else's tasks
        started = clean | installed | quiet | self.ports
        return Started(("bash", "-c", f"exec env {command}"), self.folder, **started)

    def at_its_ports(self, text: str) -> str:
        for name, port in self.ports.items():
            text = text.replace(str(Settings.model_fields[name.lower()].default), port)
        return text

    def run(self, command: str) -> str:
        command = self.at_its_ports(command).replace("curl ", "curl --silent --show-error ")
        found = {"PATH": f"{self.folder / '.venv/bin'}:{os.environ['PATH']}", "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=os.environ | self.ports | found,
            pass_fds=[self._inherited],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout


def demo_commands() -> list[str]:
    lines = (line for block in blocks(README, "sh") for line in block.splitlines())
    return [line for line in lines if line.endswith("make demo")]


def job_modules() -> list[str]:
    """Every module of jobs that a document shows."""
    shown = (file for document in DOCUMENTS for file in files(document).items())
    return [name.removesuffix(".py") for name, body in shown if "@job(" in body]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running demo that knows the jobs of the README and of docs/."""
    made = House(tmp_path_factory.mktemp("house"))
    assert "make demo" in demo_commands()
    started = made.start(f"JOBS={','.join(job_modules())} make demo")
    try:
        started.wait_for("ready:", START_SECONDS)
        yield made
    finally:
        started.end()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_command_answers_as_the_document_says(house: House, document: Path) -> None:
    for example in examples(document):
        said = house.run(example.command)

        assert example.is_answered_by(said), f"{example.command}\nsaid {said}\nnot  {example.answer}"


def test_the_readme_has_commands_and_a_job_to_run() -> None:
    assert len(examples(README)) > 15
    assert files(README)


def test_the_demo_runs_on_a_server_of_ones_own(tmp_path: Path, valkey: RunningServer) -> None:
    (command,) = [line for line in demo_commands() if line.startswith("REDIS_URL=")]

    started = House(tmp_path).start(re.sub(r"redis://\S+", valkey.url, command))

    try:
        started.wait_for("ready:", START_SECONDS)
        eventually(
            lambda: valkey.client.zcard("donebit:done:tasks"), what="the first tasks are not on that server"
        )
    finally:
        started.end()
    assert not (tmp_path / ".data/appendonlydir").exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_other_command_is_one_there_is(document: Path) -> None:
    lines = [line for block in blocks(document, "sh") for line in block.splitlines() if line]
    targets = set(re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(), re.M))

    for line in lines:
        if "make " in line:
            assert line.split("make ")[1].split()[0] in targets
        else:
            assert line.startswith(RUN_ELSEWHERE) or line == "cp .env.example .env"


def test_the_recipe_of_split_keys_names_the_key_that_there_is() -> None:
    segment, bit = divmod(4294967295, SEGMENT_BITS)

    assert f"\nkey {Keys().flag_segment(segment, 'letter.weekly')}, bit {bit}\n" in RECIPES.read_text()


def test_the_table_names_every_setting_and_its_default() -> None:
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \| ([^|]+) \|", SETTINGS.read_text(), re.M)
    named = [(name, default) for names, default in rows for name in re.findall(r"[A-Z_]+", names)]

    assert [name.lower() for name, _ in named] == sorted(
        Settings.model_fields, key=[name.lower() for name, _ in named].index
    )
    for name, told in named:
        assert told_default(name) in told


def told_default(name: str) -> str:
    default = Settings.model_fields[name.lower()].default
    if hasattr(default, "total_seconds"):
        return str(round(default.total_seconds()))
    return {"": "", "None": "none", "()": "none", "False": "0", "True": "1"}.get(str(default), str(default))
