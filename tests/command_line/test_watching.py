"""`watch`: a task seen to its end, over a stream that may be lost."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from donebit.demo.ports import free_server_port
from tests.command_line.command import IN_TIME, Donebit
from tests.command_line.test_tasks import fail, report
from tests.forked import ForkedCommand
from tests.servers import RunningServer
from tests.started import Started, eventually
from tests.web.real import RealServices


def ends(process: ForkedCommand) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=IN_TIME)
    return process.wait(), out.decode(), err.decode()


def test_a_task_that_gets_done_is_exit_code_0(donebit: Donebit, services: RealServices, name: str) -> None:
    donebit("trigger", 4, "--task-id", name)
    watching = donebit.start("watch", name)
    report(services, name, (0, 4))

    code, out, err = ends(watching)

    assert code == 0
    assert out.startswith(f"task {name} is done: 4 of 4 steps in ")
    assert err == ""  # no bar in a pipe


def test_a_task_that_fails_is_exit_code_1(donebit: Donebit, services: RealServices, name: str) -> None:
    donebit("trigger", 2, "--task-id", name)
    watching = donebit.start("watch", name)
    report(services, name, (0, 1))
    fail(services, name, 1, "disk full")

    code, out, err = ends(watching)

    assert code == 1
    assert out.startswith(f"task {name} is failed: 1 of 2 steps")
    assert err.startswith(f"error: task {name} is failed: ")


def test_a_cancelled_task_is_exit_code_1_in_json_too(donebit: Donebit, name: str) -> None:
    donebit("trigger", 2, "--task-id", name)
    donebit("cancel", name)

    watched = donebit("watch", name, "--json")

    assert watched.code == 1
    assert watched.json["state"] == "cancelled"


def test_a_task_that_is_deleted_meanwhile_is_exit_code_3(donebit: Donebit, name: str) -> None:
    donebit("trigger", 2, "--task-id", name)
    watching = donebit.at_terminal("watch", name)
    watching.wait_for("0/2")

    donebit("delete", name)

    assert watching.exit_code() == 3
    assert f"no task {name} is known" in watching.seen


def test_trigger_can_watch_the_task_that_it_starts(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    watching = donebit.start("trigger", 3, "--task-id", name, "--watch")
    eventually(lambda: services.ask("done", "GET", f"/tasks/{name}").status == 200, IN_TIME)
    report(services, name, (0, 3))

    code, out, _ = ends(watching)

    assert code == 0
    assert out.splitlines()[0] == f"task {name}: 3 steps to report via the API"
    assert out.splitlines()[1].startswith(f"task {name} is done: 3 of 3 steps")


def test_a_terminal_shows_a_bar_that_moves_and_goes(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    donebit("trigger", 400, "--task-id", name)
    watching = donebit.at_terminal("watch", name, columns=120)
    watching.wait_for("0/400")

    report(services, name, (0, 2))
    watching.wait_for("2/400")
    report(services, name, (2, 3))
    watching.wait_for("3/400")
    assert "left" not in watching.seen
    report(services, name, (3, 100))
    watching.wait_for("100/400")
    report(services, name, (100, 300))
    watching.wait_for("300/400")
    watching.wait_for("steps/s")
    watching.wait_for("left")
    report(services, name, (300, 400))

    assert watching.exit_code() == 0
    assert watching.seen.rstrip().splitlines()[-1].startswith(f"task {name} is done: 400 of 400 steps")


@pytest.mark.parametrize("columns", [20, 45, 70])
def test_the_bar_fits_a_narrow_terminal(
    donebit: Donebit, services: RealServices, name: str, columns: int
) -> None:
    donebit("trigger", 400, "--task-id", name)
    watching = donebit.at_terminal("watch", name, columns=columns)
    watching.wait_for("0%")
    report(services, name, (0, 400))

    assert watching.exit_code() == 0
    drawn = [line for part in watching.seen.splitlines() for line in part.split("\r") if "%" in line]
    assert drawn
    assert max(map(len, drawn)) <= columns


def test_ctrl_c_ends_the_watching_and_not_the_task(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    donebit("trigger", 4, "--task-id", name)
    watching = donebit.at_terminal("watch", name)
    watching.wait_for("0%")

    watching.process.send_signal(signal.SIGINT)

    assert watching.exit_code() == 130
    assert f"task {name} keeps running; watch it with: donebit watch {name}" in watching.seen
    assert "Traceback" not in watching.seen
    assert services.ask("done", "GET", f"/tasks/{name}").json["state"] == "running"


class OwnDone:
    """A done_app that can be stopped and started again."""

    def __init__(self, services: RealServices, server: RunningServer, folder: Path) -> None:
        self._folder, self._server = folder, server
        self.services = RealServices({**services.ports, "done": free_server_port()})
        self.start()

    def start(self) -> None:
        settings = {"DONE_PORT": str(self.services.ports["done"]), "REDIS_URL": self._server.url}
        self._started = Started([sys.executable, "-m", "done_app"], self._folder, API_TOKEN="", **settings)
        eventually(self.services.healthy, IN_TIME)

    def end(self) -> None:
        self._started.end()


@pytest.fixture
def own_done(services: RealServices, own_server: RunningServer, tmp_path: Path) -> Iterator[OwnDone]:
    folder = tmp_path / "done"
    folder.mkdir()
    made = OwnDone(services, own_server, folder)
    yield made
    made.end()


def test_a_stream_that_is_lost_is_taken_up_again(own_done: OwnDone, tmp_path: Path, name: str) -> None:
    donebit = Donebit(own_done.services.ports, tmp_path)
    donebit("trigger", 4, "--task-id", name)
    watching = donebit.at_terminal("watch", name)
    watching.wait_for("0%")

    own_done.end()
    watching.wait_for("connection lost")
    own_done.start()
    report(own_done.services, name, (0, 4))

    assert watching.exit_code() == 0
    assert f"task {name} is done" in watching.seen
    donebit.end()


def test_a_stream_that_stays_away_is_exit_code_4(own_done: OwnDone, tmp_path: Path, name: str) -> None:
    donebit = Donebit(own_done.services.ports, tmp_path)
    donebit("trigger", 4, "--task-id", name)
    watching = donebit.at_terminal("watch", name, "--retry-for", "0.2")
    watching.wait_for("0%")

    own_done.end()

    assert watching.exit_code() == 4
    assert "error: done_app" in watching.seen
    donebit.end()
