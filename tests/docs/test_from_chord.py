"""What docs/from-chord.md says of a chord, by the page's own file on a real worker of Celery.

(Its other side, the same as a task, is commands on the page: test_commands.py runs those.)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import write_files
from tests.servers import RunningServer, running, valkey_binary
from tests.started import REPOSITORY, Started, eventually

PAGE = REPOSITORY / "docs/from-chord.md"
WORKER = ("worker", "--concurrency", "2", "--loglevel", "INFO")
# The page's app, acknowledging late, whose first process to publish a callback dies just before it does.
DEADLY = """
import os, pathlib, signal
from celery.signals import before_task_publish
from before import app

app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True)

@before_task_publish.connect
def die_once(sender=None, **_):
    if sender == "before.total" and not pathlib.Path("died").exists():
        pathlib.Path("died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""
READY_SECONDS = 30.0
DONE_SECONDS = 30.0  # of which the pauses before the second and third try may be three


class Reader:
    """Somebody who has copied the page's files, with a server and a worker to run them."""

    def __init__(self, folder: Path, server: RunningServer) -> None:
        self.folder, self.server = folder, server
        write_files(PAGE, folder)
        self.books = folder / "books"
        self.books.mkdir()
        self._started: list[Started] = []

    def write(self, **texts: bytes) -> None:
        for name, text in texts.items():
            (self.books / f"{name}.txt").write_bytes(text)

    def start_worker(self, app: str = "before") -> Started:
        python = (sys.executable, "-W", "ignore")  # of being root, as containers and CI are
        command = (*python, "-m", "celery", "--app", app, *WORKER)
        worker = Started(command, self.folder, REDIS_URL=self.server.url)
        self._started.append(worker)
        eventually(lambda: " ready." in worker.err, READY_SECONDS, what="the worker is not ready")
        return worker

    def start_chord(self, books: str = "books") -> None:
        command = [sys.executable, "-c", f"import before; before.start({books!r})"]
        environment = os.environ | {"REDIS_URL": self.server.url}
        # Celery's results complain when the interpreter ends.
        subprocess.run(command, cwd=self.folder, env=environment, check=True, capture_output=True)

    def total(self, books: str = "books") -> str | None:
        file = self.folder / books / "total"
        return file.read_text() if file.exists() else None

    def run_another_chord(self) -> None:
        """After it, whatever was still to be done of the one before has been done as well."""
        another = self.folder / "another"
        another.mkdir()
        for name in ("a.txt", "b.txt"):  # a chord of one would be a chain
            (another / name).write_text("one")
        self.start_chord("another")
        eventually(lambda: self.total("another") == "2\n", DONE_SECONDS, what="the other chord did not end")

    def is_lost(self) -> bool:
        """Whether a chord is open, and no message is left that could end it."""
        client = self.server.client
        sizes = list(client.scan_iter(b"celery-taskset-meta-*.s"))
        return len(sizes) == 1 and client.llen("celery") == client.hlen("unacked") == 0

    def end(self) -> None:
        for started in self._started:
            started.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def reader(tmp_path: Path, server: RunningServer) -> Iterator[Reader]:
    server.client.flushall()
    made = Reader(tmp_path, server)
    try:
        yield made
    finally:
        made.end()


def test_the_chord_of_the_page_counts_as_its_task_does(reader: Reader) -> None:
    reader.write(a=b"one two three", b=b"four")
    reader.start_worker()

    reader.start_chord()

    eventually(lambda: reader.total() == "4\n", DONE_SECONDS, what="the callback was not called")


def test_a_chord_calls_nothing_after_failures_and_names_one_of_them(reader: Reader) -> None:
    reader.write(a=b"one two three", c=b"\xff", d=b"\xfe")
    worker = reader.start_worker()

    reader.start_chord()

    eventually(lambda: "ChordError" in worker.err, DONE_SECONDS, what="the chord did not fail")
    assert worker.err.count("raised: ChordError(") == 1
    named = worker.err.split("raised: ChordError(")[1].splitlines()[0]
    assert named.count("Dependency") == 1
    assert worker.err.count("Retry in") == 4  # two tasks, each tried three times
    assert reader.total() is None


def test_a_chord_loses_the_task_of_a_killed_worker_and_the_callback(reader: Reader) -> None:
    os.mkfifo(reader.books / "b.txt")  # whoever reads it waits for a writer
    reader.write(a=b"one two three")
    worker = reader.start_worker()
    reader.start_chord()
    eventually(lambda: worker.err.count("received") == 2 and "succeeded" in worker.err, DONE_SECONDS)
    # One that is received and not yet acknowledged would come back.
    eventually(lambda: reader.server.client.hlen("unacked") == 0)

    os.killpg(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    eventually(worker.is_gone)
    (reader.books / "b.txt").unlink()
    reader.write(b=b"four")
    reader.start_worker()
    reader.run_another_chord()

    eventually(reader.is_lost)
    assert reader.total() is None


def test_a_chord_loses_the_callback_that_a_process_dies_before_publishing(reader: Reader) -> None:
    (reader.folder / "deadly.py").write_text(DEADLY)
    reader.write(a=b"one two three", b=b"four")
    worker = reader.start_worker("deadly")

    reader.start_chord()

    # Its result is stored, so Celery takes the dead one's task for done, acknowledges it, and calls nobody.
    eventually(lambda: "succeeded before the worker was lost" in worker.err, DONE_SECONDS)
    reader.run_another_chord()
    eventually(reader.is_lost)
    assert reader.total() is None
