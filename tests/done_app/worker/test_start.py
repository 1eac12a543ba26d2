"""A worker that cannot be set up says why, in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from done_app.worker import pool
from donebit.errors import ConfigurationError
from donebit.queue import QUEUES
from tests.forked import run_module
from tests.ports import ports_of_services
from tests.servers import RunningServer


@pytest.mark.parametrize("role", ["worker", "beat"])
def test_a_setting_that_makes_no_sense_is_one_sentence(role: str) -> None:
    environment = os.environ | {"WORKER_PROCESSES": "many"}

    ended = run_module("celery", ["--app", "done_app.worker", "--quiet", role], Path.cwd(), environment)

    assert ended.returncode == 2
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

    module, *arguments = command
    ended = run_module(module, arguments, Path.cwd(), environment)

    assert ended.returncode == 2
    assert ended.stderr == (
        "JOBS: module 'nosuch' cannot be imported: No module named 'nosuch'; "
        "it must be installed, or in the folder in which `python -m` is started\n"
    )


def test_a_worker_does_not_start_with_jobs_that_raise_at_import(
    valkey: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "broken_jobs.py").write_text("raise RuntimeError('no licence')\n")
    arguments = ["--app", "done_app.worker", "--quiet", "worker"]

    ended = run_module(
        "celery", arguments, tmp_path, os.environ | {"JOBS": "broken_jobs", "REDIS_URL": valkey.url}
    )

    assert ended.returncode == 2
    assert ended.stderr == (
        "JOBS: module 'broken_jobs' cannot be imported: RuntimeError: no licence "
        f"({tmp_path}/broken_jobs.py, line 1)\n"
    )


@pytest.mark.parametrize(
    "command",
    [
        ["trigger_app"],
        ["celery", "--app", "done_app.worker", "--quiet", "worker"],
        ["celery", "--app", "done_app.worker", "--quiet", "beat"],
        ["donebit.demo"],
    ],
    ids=["service", "worker", "beat", "demo"],
)
def test_a_database_that_the_server_does_not_have_is_one_sentence(
    command: list[str], valkey: RunningServer, tmp_path: Path
) -> None:
    ports = ports_of_services()
    url = valkey.url.removesuffix("/0") + "/99"
    environment = os.environ | ports | {"REDIS_URL": url}

    module, *arguments = command
    ended = run_module(module, arguments, tmp_path, environment)

    assert ended.returncode == 2
    assert ended.stderr == "REDIS_URL names database 99; this server's databases are 0 to 15\n"


@pytest.mark.parametrize(("name", "module"), [("solo", "solo"), ("threads", "thread")])
def test_a_pool_that_cannot_end_a_step_is_one_sentence(name: str, module: str, valkey: RunningServer) -> None:
    command = ["--app", "done_app.worker", "--quiet", "worker", "--pool", name]

    ended = run_module("celery", command, Path.cwd(), os.environ | {"REDIS_URL": valkey.url})

    assert ended.returncode == 2
    assert ended.stderr.startswith(f"the worker's pool is celery.concurrency.{module}; it must be prefork, ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["gevent", "eventlet", "celery.concurrency.thread:TaskPool"])
def test_a_pool_of_a_setting_is_refused_too_installed_or_not(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^the worker's pool is {name}; it must be prefork"):
        pool.refuse_unfit(name)


@pytest.mark.parametrize("name", ["prefork", "processes", "celery.concurrency.prefork:TaskPool"])
def test_the_pool_of_processes_is_taken_under_each_of_its_names(name: str) -> None:
    pool.refuse_unfit(name)


@pytest.mark.parametrize("names", ["donebit.step", "donebit.control,steps,donebit.slices"])
def test_a_queue_that_nothing_comes_through_is_one_sentence(names: str, valkey: RunningServer) -> None:
    command = ["--app", "done_app.worker", "--quiet", "worker", "--queues", names]

    ended = run_module("celery", command, Path.cwd(), os.environ | {"REDIS_URL": valkey.url})

    (wrong,) = set(names.split(",")) - set(QUEUES)
    assert ended.returncode == 2
    assert ended.stderr == (
        f"the worker is to take messages from {wrong}; --queues may name donebit.control, "
        "donebit.high_steps, donebit.high_slices, donebit.steps, donebit.slices\n"
    )


FORKED_FROM_A_FROZEN_ONE = """
import gc
gc.freeze()
from done_app.worker import signals
counts = [gc.get_freeze_count()]
made = []
for _ in range(2):
    made += [[] for _ in range(1000)]
    signals.share_memory()
    counts.append(gc.get_freeze_count())
print(*counts)
"""


def test_a_worker_shares_what_it_made_itself_once_whoever_forked_it() -> None:
    command = [sys.executable, "-c", FORKED_FROM_A_FROZEN_ONE]

    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    before, first, again = map(int, done.stdout.split())
    assert before < first
    assert first - 10 < again <= first
