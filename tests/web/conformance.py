"""Whether a service answers as its OpenAPI document says, by Schemathesis."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from donebit.demo.forks import Forks
from tests.forked import forks_with, run_module

# Its plugin would bring its warnings into every test of this run, so it has processes of its own.
MODULES = (
    "schemathesis.cli.commands.run.executor",
    "schemathesis.engine.run.stateful._executor",
    "schemathesis.engine.run.unit._hypothesis_executor",
    "schemathesis.specs.openapi.schemas",
    "schemathesis.transport.wsgi",
    "rich.progress",
)

# An event stream goes on for as long as its task: its first message has to do.
EVERYWHERE = """
max-stream-events = 1
request-timeout = 10
"""


@pytest.fixture(scope="module")
def fuzzer() -> Iterator[Forks]:
    """Forks a process for each run of Schemathesis: importing it takes longer than many a run."""
    with closing(forks_with(MODULES)) as forks:
        yield forks


def assert_conforms(fuzzer: Forks, address: str, folder: Path, configuration: str, *options: str) -> None:
    """Have requests made of a document sent to its service, and each answer checked by it.

    Args:
        fuzzer: forks the process that sends them
        address: of the document
        folder: an empty one to work in
        configuration: what of Schemathesis' own is set beside what is set for all
        options: of `schemathesis run`
    """
    file = folder / "schemathesis.toml"
    file.write_text(EVERYWHERE + configuration)
    arguments = ("--config-file", file, "run", address, "--seed", "1", "--warnings", "off", *options)
    ran = run_module("schemathesis.cli", arguments, folder, os.environ, by=fuzzer, within_seconds=100)

    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout
