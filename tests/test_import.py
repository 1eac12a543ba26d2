"""Importing the client loads nothing of the server, so that it can be added to any program."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERVER = ("redis", "celery", "kombu", "flask", "numpy", "pydantic", "click", "rich", "prometheus_client")
IMPORTS = """
import sys
{statement}
print(*sorted(set(sys.argv[1:]) & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "statement",
    ["import donebit", "from donebit import Donebit, job", "import donebit.client", "import donebit.errors"],
)
def test_importing_donebit_loads_nothing_of_the_server(statement: str) -> None:
    code = IMPORTS.format(statement=statement)

    loaded = subprocess.run(
        [sys.executable, "-c", code, *SERVER], capture_output=True, text=True, check=True, timeout=60
    )

    assert loaded.stdout == "\n"


def test_the_same_question_sees_what_the_server_loads() -> None:
    code = IMPORTS.format(statement="import donebit.store.store")

    loaded = subprocess.run(
        [sys.executable, "-c", code, *SERVER], capture_output=True, text=True, check=True, timeout=60
    )

    assert "redis" in loaded.stdout.split()


def test_counting_chords_needs_neither_numpy_nor_the_services() -> None:
    code = IMPORTS.format(statement="import donebit.celery")

    loaded = subprocess.run(
        [sys.executable, "-c", code, *SERVER], capture_output=True, text=True, check=True, timeout=60
    )

    assert {"celery", "kombu", "redis"} <= set(loaded.stdout.split()) <= {"celery", "click", "kombu", "redis"}


@pytest.mark.parametrize(
    ("module", "missing", "what", "extra"),
    [
        ("donebit.command_line", "click", "donebit: the command", "server"),
        ("donebit.demo", "celery", "donebit.demo", "server,demo"),
        ("trigger_app", "pydantic", "trigger_app", "server"),
        ("done_app", "pydantic", "done_app", "server"),
        ("distinct_app", "pydantic", "distinct_app", "server"),
    ],
)
def test_a_program_without_its_extra_is_one_sentence(
    module: str, missing: str, what: str, extra: str
) -> None:
    code = (
        f"import runpy, sys; sys.modules['{missing}'] = None; runpy.run_module('{module}', None, '__main__')"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"{what} needs the extra `{extra}` ({missing} is not installed): pip install 'donebit[{extra}]'\n"
    )


@pytest.mark.parametrize("missing", ["celery", "redis", "hiredis"])
def test_the_result_backend_without_its_extra_is_one_sentence(missing: str) -> None:
    code = f"import sys; sys.modules['{missing}'] = None; import donebit.celery"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ended.stderr.splitlines()[-1].startswith(
        f"donebit.errors.ConfigurationError: donebit.celery needs the extra `celery` ({missing}"
    )
