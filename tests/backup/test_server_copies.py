"""What a server itself keeps, a snapshot or an append-only file, is restored from as it stands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from donebit.backup.server_copy import find_server_copy, server_on
from tests.backup.arranged import fill, held, run
from tests.backup.conftest import KINDS
from tests.conftest import everything
from tests.servers import RunningServer, redis_binary, running, valkey_binary
from tests.started import eventually


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a server of each kind, with a snapshot, while it runs no more."""
    binary = valkey_binary() if request.param == "valkey" else redis_binary()
    assert binary is not None
    made = tmp_path_factory.mktemp("data")
    with running(binary, made) as server:
        fill(server)
        server.client.set("somebody-else's", "x")
        server.client.save()
        yield made


def copy_of(folder: Path, name: str, to: Path) -> Path:
    if name == "dump.rdb":
        return Path(shutil.copy(folder / name, to / "a-snapshot.rdb"))
    if name == "appendonlydir":
        return Path(shutil.copytree(folder / name, to / "copy"))
    return Path(shutil.copytree(folder, to / "copy"))


@pytest.mark.parametrize("name", ["dump.rdb", "appendonlydir", "."])
def test_a_servers_own_copy_is_restored_and_stays_as_it_was(
    name: str, folder: Path, empty: RunningServer, full: RunningServer, tmp_path: Path
) -> None:
    source = copy_of(folder, name, tmp_path)
    before = files(source)

    ended = run(empty, "restore", source)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[1].split() == ["tasks", "205", "205"]
    assert held(empty.client).keys() == held(full.client).keys()
    assert b"somebody-else's" not in everything(empty.client)
    assert files(source) == before


def files(path: Path) -> dict[str, bytes]:
    found = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return {str(one): one.read_bytes() for one in found}


def test_an_append_only_file_without_its_manifest_is_refused(
    folder: Path, empty: RunningServer, tmp_path: Path
) -> None:
    source = copy_of(folder, "appendonlydir", tmp_path)
    (source / "appendonly.aof.manifest").unlink()

    ended = run(empty, "restore", source)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "but not its manifest (appendonly.aof.manifest): copy the whole folder" in ended.stderr


def test_a_snapshot_that_is_cut_short_is_one_sentence(
    folder: Path, empty: RunningServer, tmp_path: Path
) -> None:
    source = copy_of(folder, "dump.rdb", tmp_path)
    os.truncate(source, source.stat().st_size // 2)

    ended = run(empty, "restore", source)

    assert (ended.returncode, ended.stderr.count("\n"), empty.client.dbsize()) == (1, 1, 0)
    assert f"no server of this machine can read {source}: " in ended.stderr


def test_an_append_only_file_that_ends_within_a_command_is_said_to(
    folder: Path, empty: RunningServer, tmp_path: Path
) -> None:
    """A copy of a file that is being written may end so, and so does one that is not whole."""
    source = copy_of(folder, "appendonlydir", tmp_path)
    (log,) = source.glob("*.incr.aof")
    os.truncate(log, log.stat().st_size - 5)

    checked, ended = run(empty, "restore", source, "--dry-run"), run(empty, "restore", source)

    assert (checked.returncode, ended.returncode) == (0, 0)
    assert "the append-only file ends within a command" in checked.stdout
    assert "is whole" not in checked.stdout
    assert "the append-only file ends within a command" in ended.stdout


def test_scripts_see_whether_an_append_only_file_was_cut(
    folder: Path, empty: RunningServer, tmp_path: Path
) -> None:
    source = copy_of(folder, "appendonlydir", tmp_path)
    assert json.loads(run(empty, "restore", source, "--dry-run", "--json").stdout)["cut_short"] is False
    (log,) = source.glob("*.incr.aof")
    os.truncate(log, log.stat().st_size - 5)

    assert json.loads(run(empty, "restore", source, "--dry-run", "--json").stdout)["cut_short"] is True


@pytest.mark.parametrize("name", ["notes.txt", "folder"])
def test_what_is_no_copy_at_all_is_one_sentence(name: str, empty: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("buy milk")

    ended = run(empty, "restore", tmp_path / name)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert f"{tmp_path / name} is no backup: it must be a folder that `donebit backup` made" in ended.stderr


def test_a_copy_without_donebits_keys_is_refused(folder: Path, empty: RunningServer, tmp_path: Path) -> None:
    source = copy_of(folder, "dump.rdb", tmp_path)

    prefix = run(empty, "restore", source, KEY_PREFIX="other:")
    database = run(empty, "restore", source, REDIS_URL=empty.url.replace("/0", "/3"))

    assert (prefix.returncode, database.returncode) == (3, 3)
    assert "has nothing of Donebit in database 0 under other:" in prefix.stderr
    assert "has nothing of Donebit in database 3 under donebit:" in database.stderr


def test_the_server_on_a_copy_ends_with_the_process_that_started_it(folder: Path) -> None:
    """Killed with SIGKILL, it has no time to end what it started."""
    script = (
        "import os, sys\nfrom pathlib import Path\n"
        "from donebit.backup.server_copy import find_server_copy, server_on\n"
        "with server_on(find_server_copy(Path(sys.argv[1])), 0) as loaded:\n"
        "    print(loaded.url, flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", script, str(folder / "dump.rdb")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    socket = ended.stdout.strip().removeprefix("unix://").partition("?")[0]
    assert socket

    eventually(lambda: not any_process_has(socket), what="the server runs on")
    shutil.rmtree(Path(socket).parents[1])


def any_process_has(text: str) -> bool:
    lines = [one.read_bytes() for one in Path("/proc").glob("[0-9]*/cmdline") if one.exists()]
    return any(text.encode() in line for line in lines)


def test_a_server_on_a_copy_leaves_nothing(folder: Path) -> None:
    copy = find_server_copy(folder / "dump.rdb")
    assert copy is not None
    with server_on(copy, 0) as loaded:
        made = Path(loaded.url.removeprefix("unix://").partition("?")[0]).parents[1]
        assert made.exists()

    assert not made.exists()
