"""`donebit migrate` as a process, and the programs that refuse an older store."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import everything
from tests.forked import run_module
from tests.migration.old_store import LAYOUT_5, load_old_store
from tests.ports import ports_of_services
from tests.servers import RunningServer, running, valkey_binary

DONEBIT = ("donebit.command_line", "migrate")
PROGRAMS = {
    "trigger_app": ("trigger_app",),
    "done_app": ("done_app",),
    "distinct_app": ("distinct_app",),
    "worker": ("celery", "--app", "done_app.worker", "worker", "--concurrency", "1"),
    "demo": ("donebit.demo",),
}


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path_factory.mktemp("migration")) as server:
        yield server


@pytest.fixture
def server(own_server: RunningServer) -> RunningServer:
    own_server.client.flushall()
    load_old_store(own_server.client)
    own_server.client.delete("pulse:worker", "pulse:sweep")
    return own_server


def run(command: tuple[str, ...], url: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"REDIS_URL": url, "API_TOKEN": "", "HOST": "", "ZONE": ""} | settings
    folder = Path(__file__).parents[2]
    module, *arguments = command
    return run_module(module, arguments, folder, environment)


def test_counts_stand_beside_each_other(server: RunningServer) -> None:
    ended = run(DONEBIT, server.url)

    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert lines[0].split() == ["before", "after"]
    assert lines[1].split() == ["tasks", "205", "205"]
    assert lines[-1] == "543 keys were renamed"


def test_a_second_run_ends_well_and_does_nothing(server: RunningServer) -> None:
    first, second = run(DONEBIT, server.url), run(DONEBIT, server.url)

    assert (first.returncode, second.returncode) == (0, 0)
    assert second.stdout == "this Redis has layout 5 already: there is nothing to do\n"


def test_directories_are_cut_in_shards_and_counted(server: RunningServer) -> None:
    server.client.flushall()
    load_old_store(server.client, LAYOUT_5)

    ended = run((*DONEBIT, "--shard-directories"), server.url)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line.split()[-2:] for line in ended.stdout.splitlines()[1:3]] == [["417", "417"], ["90", "90"]]
    assert ended.stdout.splitlines()[-1] == "the directories are in shards"


def test_a_dry_run_only_counts(server: RunningServer) -> None:
    before = everything(server.client)

    ended = run((*DONEBIT, "--dry-run"), server.url)

    assert ended.stdout.splitlines()[-1] == "543 keys would be renamed, and nothing was changed"
    assert everything(server.client) == before


def test_what_is_refused_is_one_sentence(server: RunningServer) -> None:
    server.client.set("seen:layout", "whatever")

    ended = run(DONEBIT, server.url)

    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.strip() == (
        "error: the store names a layout that no version of Donebit writes: nothing was changed"
    )


@pytest.mark.parametrize("prefix", ["a b", "a{b}", "é", "x" * 101])
def test_a_prefix_that_no_key_can_have_is_refused(server: RunningServer, prefix: str) -> None:
    ended = run(DONEBIT, server.url, KEY_PREFIX=prefix)

    assert ended.returncode == 2
    assert "KEY_PREFIX: must be 1 to 100 printable ASCII characters" in ended.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_refuses_an_older_store_in_a_sentence(server: RunningServer, program: str) -> None:
    before = everything(server.client)

    ended = run(PROGRAMS[program], server.url, **ports_of_services())  # beside a demo that has the usual ones

    assert ended.returncode == 2
    said = [line for line in ended.stderr.splitlines() if "layout 3" in line]
    assert len(said) == 1
    assert said[0].endswith("stop every service and worker, then run `donebit migrate`")
    assert everything(server.client) == before
