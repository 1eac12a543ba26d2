"""Jobs as a user writes them: the stack's worker and trigger_app load this module through JOBS."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import resource
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Literal

from donebit import Results, job
from tests.integration.rations import wait_for_turn


@job("note")
def note(step: int, *, folder: str, pause_ms: int = 0) -> None:
    """Leave one line a run in the step's own file."""
    time.sleep(pause_ms / 1000)
    with (Path(folder) / str(step)).open("a") as file:
        file.write("run\n")


@job("rationed")
def rationed(step: int, *, folder: str) -> None:
    """Leave a line as `note` does, once fewer steps have than the test allows."""
    wait_for_turn(Path(folder))
    note(step, folder=folder)


@job("square", keep_results=True)
def square(step: int, *, folder: str, fatal: int = -1) -> int:
    """Return the square of the step; at one step the process dies after the work, the first time."""
    first = not (Path(folder) / str(step)).exists()
    note(step, folder=folder)
    if step == fatal and first:
        os.kill(os.getpid(), signal.SIGKILL)
    return step * step


@job("length", max_attempts=2, backoff=timedelta(milliseconds=50), keep_results=True)
def length(_: int, item: str, *, folder: str = "") -> int:
    """Return how long the item is; raise for `bad` while the folder has no file `mended`."""
    if item == "bad" and not Path(folder, "mended").exists():
        raise ValueError("it is bad")
    return len(item)


@job("fields")
def fields(_: int, item: list[dict[str, int]]) -> None:
    """Take an item with lists and objects in it."""


@job("sum")
def sum_up(step: int, *, results: Results[int], folder: str) -> None:  # noqa: ARG001 - it has one step
    """Write down what the steps of the task before returned together."""
    (Path(folder) / "sum").write_text(f"{sum(results)} of {len(results)}")


@job("hesitant")
def hesitant(step: int, *, folder: str) -> None:
    """Raise the first time a step is run."""
    runs = Path(folder) / str(step)
    first = not runs.exists()
    note(step, folder=folder)
    if first:
        raise RuntimeError(f"step {step} is not in the mood")


@job("blocked", max_attempts=2, backoff=timedelta(milliseconds=50))
def blocked(step: int, *, folder: str, pause_ms: int = 0) -> None:
    """Raise at every step that has a file `block-<step>`."""
    note(step, folder=folder, pause_ms=pause_ms)
    if (Path(folder) / f"block-{step}").exists():
        raise ValueError(f"step {step} is blocked")


@job("fragile", max_attempts=1)
def fragile(step: int, *, folder: str, pause_ms: int = 0) -> None:
    """Give up at once at every step that has a file `block-<step>`."""
    blocked(step, folder=folder, pause_ms=pause_ms)


@job("deadly", max_attempts=2)
def deadly(step: int, *, folder: str, victim: int) -> None:
    """Kill the process at one step, every time."""
    note(step, folder=folder)
    if step == victim:
        os.kill(os.getpid(), signal.SIGKILL)


@job("leaving", max_attempts=2, backoff=timedelta(milliseconds=50))
def leaving(step: int, *, folder: str, victim: int, code: int | str) -> None:
    """Call sys.exit at one step, every time."""
    note(step, folder=folder)
    if step == victim:
        sys.exit(code)


@job("endless", max_attempts=2, backoff=timedelta(milliseconds=50), step_timeout=timedelta(milliseconds=200))
def endless(step: int, *, folder: str, stuck: int) -> None:
    """Never come back from one step."""
    note(step, folder=folder)
    while step == stuck:
        time.sleep(0.01)


@job("parallel")
def parallel(step: int, *, folder: str, way: str) -> None:
    """Have the work done by processes of the step's own."""
    files = [str(Path(folder) / f"{step}-{part}") for part in range(3)]
    if way == "executor":
        with ProcessPoolExecutor(2) as executor:
            list(executor.map(leave, files))
    elif way == "manager":
        with multiprocessing.Manager() as manager:
            manager.list(files)
            leave(files[0])
    elif way == "process":
        process = multiprocessing.Process(target=leave, args=(files[0],))
        process.start()
        process.join()
    else:
        with multiprocessing.get_context(way).Pool(2) as pool:
            pool.map(leave, files)


@job("brooding", max_attempts=1)
def brooding(step: int, *, folder: str, way: Literal["fork", "spawn"], deadly: bool = False) -> None:
    """Leave a process running, and say which; a deadly step kills the process it runs in."""
    context = multiprocessing.get_context("fork") if way == "fork" else multiprocessing.get_context("spawn")
    process = context.Process(target=time.sleep, args=(3600,))
    process.start()
    (Path(folder) / f"left-{step}").write_text(str(process.pid))
    if deadly:
        os.kill(os.getpid(), signal.SIGKILL)


@job("forking", max_attempts=1)
def forking(step: int, *, folder: str, way: Literal["return", "raise"]) -> None:
    """Fork a process that comes out of the step as this one does, or with an error."""
    if pid := os.fork():
        (Path(folder) / f"{step}-{pid}").touch()
    elif way == "raise":
        raise ValueError("the step's error in another process")


@job("forking_in_time", max_attempts=1, step_timeout=timedelta(minutes=1))
def forking_in_time(step: int, *, folder: str, way: Literal["return", "raise"]) -> None:
    """The same, by itself."""
    forking(step, folder=folder, way=way)


def leave(file: str) -> None:
    """Leave a line with the process that ran this."""
    with Path(file).open("a") as open_file:
        open_file.write(f"{os.getpid()}\n")


@job("talkative")
def talkative(step: int, *, word: str) -> None:
    """Say something in words that do not name the task."""
    logging.getLogger("own").warning("%s at step %d", word, step)


@job("straying")
def straying(step: int, *, folder: str) -> None:
    """Leave the process in a folder that is gone, as that of `tempfile.TemporaryDirectory` is in the end."""
    gone = Path(folder) / f"gone-{step}"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()


@job("at_home", keep_results=True)
def at_home(step: int) -> str:  # noqa: ARG001 - all are alike
    """Return the folder that the process is in."""
    return str(Path.cwd())


@job("leaking")
def leaking(step: int) -> None:  # noqa: ARG001 - all are alike
    """Leave no file descriptor, as what is never closed does in the end."""
    soonest = os.dup(0)
    os.close(soonest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soonest, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


@job("long", max_attempts=1)
def long(step: int, *, folder: str, seconds: float) -> None:
    """Note the begin of each run, and take a while unless there is a file `quick`."""
    with (Path(folder) / str(step)).open("a") as file:
        file.write("begun\n")
    if not (Path(folder) / "quick").exists():
        time.sleep(seconds)


@job("locked", max_attempts=1)
def locked(step: int, *, folder: str, seconds: float) -> None:
    """Note the begin of each run, and hold the interpreter lock for a while."""
    long(step, folder=folder, seconds=0)
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


@job("timed", max_attempts=3, backoff=timedelta(milliseconds=50))
def timed(step: int, *, folder: str, seconds: float = 0.0) -> None:
    """Note when a run of the step begins and ends, in the order in which that happens."""
    with (Path(folder) / "log").open("a") as file:
        file.write(f"begin {step} {os.getpid()}\n")
    if not (Path(folder) / "quick").exists():
        time.sleep(seconds)
    with (Path(folder) / "log").open("a") as file:
        file.write(f"end {step} {os.getpid()}\n")


@job("scarce", max_concurrency=2)
def scarce(step: int, *, folder: str, seconds: float = 0.0) -> None:
    """Note it as `timed` does; at most two at once."""
    timed(step, folder=folder, seconds=seconds)


@job("scarce_locked", max_concurrency=1)
def scarce_locked(step: int, *, folder: str, seconds: float) -> None:
    """Note it as `timed` does, and hold the interpreter lock in between; one at a time."""
    locked(step, folder=folder, seconds=seconds)
