"""Modules that are run by a fork are as if a Python of their own had been started for each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from donebit.demo.forks import Forked, Forks, pair

# With nothing imported: what is imported changes nothing of this.
BARE = "import sys; from donebit.demo import preloaded; preloaded.begin(int(sys.argv[1]), ())()"
SAYS_WHAT_IT_IS = """
import os, sys
print(os.getpid() == os.getsid(0), os.getcwd(), os.environ, sys.argv[1:], __name__)
sys.exit(3)
"""
FOREVER = "import signal; signal.pause()"


@pytest.fixture
def forks() -> Iterator[Forks]:
    forks = Forks((sys.executable, "-c", BARE))
    yield forks
    forks.close()


def start(
    forks: Forks, folder: Path, code: str, *arguments: str, enrol: int | None = None, **environment: str
) -> Forked:
    """Run the code as a module, with what it writes to be read."""
    module = f"module_{len(list(folder.glob('*.py')))}"
    (folder / f"{module}.py").write_text(code)
    reading, writing = os.pipe()
    pid, ending = forks.start(
        module,
        arguments,
        folder,
        {"A": "b"} | environment,
        (writing, writing, writing),
        enrol=() if enrol is None else [enrol],
    )
    os.close(writing)
    return Forked(pid, ending, os.fdopen(reading, "rb", buffering=0))


def said(process: Forked) -> str:
    """All that it writes until its end."""
    assert process.stdout is not None
    with process.stdout:
        return process.stdout.read().decode()


def test_it_has_folder_environment_and_arguments_of_its_own(forks: Forks, tmp_path: Path) -> None:
    process = start(forks, tmp_path, SAYS_WHAT_IT_IS, "one", "two words")

    assert said(process) == f"True {tmp_path} environ({{'A': 'b'}}) ['one', 'two words'] __main__\n"
    assert process.wait(10) == 3


def test_it_is_listed_by_its_command(forks: Forks, tmp_path: Path) -> None:
    process = start(forks, tmp_path, FOREVER, "--quiet")

    listed = Path(f"/proc/{process.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    process.kill()

    assert listed == [sys.executable.encode(), b"-m", b"module_0", b"--quiet"]
    assert said(process) == ""


def test_it_has_an_environment_of_a_hundred_kilobytes(forks: Forks, tmp_path: Path) -> None:
    process = start(forks, tmp_path, "import os; print(len(os.environ['LONG']))", LONG=100_000 * "x")

    assert said(process) == "100000\n"
    assert process.wait(10) == 0


def test_what_it_writes_is_read_at_once_where_that_is_asked_for(forks: Forks, tmp_path: Path) -> None:
    process = start(forks, tmp_path, f"print('here')\n{FOREVER}", PYTHONUNBUFFERED="1")
    assert process.stdout is not None

    assert process.stdout.readline() == b"here\n"
    assert process.poll() is None

    process.kill()
    assert said(process) == ""


def test_one_that_cannot_begin_is_an_error_and_others_can(forks: Forks, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="ended before it began"), Path(os.devnull).open("r+") as nothing:
        forks.start("module", (), tmp_path / "missing", {}, 3 * [nothing.fileno()])

    assert said(start(forks, tmp_path, "print('here')")) == "here\n"


def test_a_kill_is_its_exit_code(forks: Forks, tmp_path: Path) -> None:
    process = start(forks, tmp_path, FOREVER)
    assert process.poll() is None

    process.send_signal(signal.SIGTERM)

    assert process.wait(10) == -signal.SIGTERM
    assert said(process) == ""


def test_it_enrols_before_anybody_knows_its_number(forks: Forks, tmp_path: Path) -> None:
    reading, writing = os.pipe()

    process = start(forks, tmp_path, "", enrol=writing)

    assert os.read(reading, 64) == b"+%d\n" % process.pid
    os.close(writing)
    assert process.wait(10) == 0
    assert os.read(reading, 64) == b""  # nobody holds the pipe any more
    os.close(reading)
    assert said(process) == ""


def test_others_are_started_when_the_one_that_forks_was_killed(forks: Forks, tmp_path: Path) -> None:
    first = start(forks, tmp_path, FOREVER)
    os.kill(parent(first.pid), signal.SIGKILL)
    assert first.wait(10) == -signal.SIGKILL  # it lives, but nobody would say how it ends

    second = start(forks, tmp_path, "print('here')")

    assert said(second) == "here\n"
    with suppress(ProcessLookupError):
        os.kill(first.pid, signal.SIGKILL)
    assert said(first) == ""


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


LIVES = """
import atexit, sys, threading
atexit.register(print, "at exit")
threading.Thread(target=lambda: (threading.main_thread().join(), print("thread"))).start()
print("main")
"""


@pytest.mark.parametrize(
    "end", ["", "sys.exit()", "sys.exit(3)", "sys.exit('why')", "raise ValueError('why')"]
)
def test_it_ends_as_a_python_of_its_own_does(forks: Forks, tmp_path: Path, end: str) -> None:
    process = start(forks, tmp_path, LIVES + end)

    own = subprocess.run(
        [sys.executable, "module_0.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    lines = said(process).splitlines()
    assert process.wait(10) == own.returncode
    assert [line for line in lines if line in own.stdout] == own.stdout.splitlines()
    assert {*own.stderr.splitlines()[-1:]} <= {*lines}


def test_a_signal_to_one_that_has_just_ended_is_no_error() -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    ours, theirs = pair()
    process = Forked(ended.pid, ours)

    process.kill()

    assert process.poll() is None
    theirs.send(b"0")
    theirs.close()
    assert process.wait(10) == 0


def test_what_it_cannot_write_at_its_end_is_an_error(forks: Forks, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("print('lost')")
    full = os.open("/dev/full", os.O_WRONLY)

    pid, ending = forks.start("module", (), tmp_path, {}, (full, full, full))

    os.close(full)
    assert Forked(pid, ending).wait(10) == 120  # Python's
