"""The whole demo, the real one: it comes up, recovers from every kill, and leaves no process running.

One demo serves the tests in their order, since each start takes seconds; the last ones end it.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from donebit.demo.local_http import Answer, NoAnswer, ask
from donebit.demo.ports import free_server_port
from donebit.listening import bound, refusal
from tests.ports import SERVICES, named_ports, ports_of_services
from tests.started import Started, eventually

START_SECONDS = 60.0  # a machine with other things to do; 2 to 3 on an idle one
RECOVERY_SECONDS = 30.0

NO_ANSWER = Answer(0, {})
ZONE = "Asia/Kolkata"


class Demo:
    """The demo in a folder of its own, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ports = named_ports(SERVICES)
        self.trigger, self.done, self.distinct = (f"http://127.0.0.1:{port}" for port in self.ports.values())
        self.last_task = ""

    def start(self, *options: str, **environment: str) -> Started:
        ports = {name: str(port) for name, port in self.ports.items()}
        # Empty is as good as unset: nothing of the shell that runs the tests shall reach the demo.
        clean = dict.fromkeys(("REDIS_URL", "BROKER_URL", "API_TOKEN", "HOST", "ALLOWED_HOSTS"), "")
        own = {"ZONE": ZONE, "SAMPLE": "0"} | environment
        return Started((sys.executable, "-m", "donebit.demo", *options), self._folder, **clean | ports | own)

    def ready(self) -> Iterator[Started]:
        """Start it and wait until it is ready; at last, end what is left of it."""
        started = self.start()
        try:
            started.wait_for("ready:", START_SECONDS)
            yield started
        finally:
            started.end()

    def triggered(self) -> str:
        """The id of a new task, once one can be had."""
        answers: list[Answer] = []

        def accepted() -> bool:
            answers.append(asked("POST", f"{self.trigger}/trigger/done?count=5&sleep_ms=0"))
            return answers[-1].status == 202

        eventually(accepted, RECOVERY_SECONDS, what="no task could be triggered")
        return str(answers[-1].said["task_id"])

    def is_done(self, task: str) -> bool:
        return asked("GET", f"{self.done}/tasks/{task}").said.get("state") == "done"

    def has_visits(self) -> bool:
        return bool(asked("GET", f"{self.distinct}/distinct").said.get("distinct"))

    def works(self) -> str:
        """A new task is triggered and gets done; its id."""
        task = self.triggered()
        eventually(lambda: self.is_done(task), RECOVERY_SECONDS, what=f"task {task} was not done")
        return task


def asked(method: str, url: str) -> Answer:
    try:
        return ask(method, url, timeout_seconds=5)
    except NoAnswer:
        return NO_ANSWER


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def running(demo: Demo) -> Iterator[Started]:
    """The first start."""
    yield from demo.ready()


@pytest.fixture(scope="module")
def again(demo: Demo, running: Started) -> Iterator[Started]:
    """The second, in the same folder, after the first has ended."""
    if running.process.poll() is None:
        demo.last_task = demo.works()
        running.send(signal.SIGTERM)
    assert running.exit_code(20) == 0
    yield from demo.ready()


def test_it_says_where_it_is_ready(demo: Demo, running: Started) -> None:
    assert re.findall("^ready: .*$", running.out, re.MULTILINE) == [f"ready: {demo.trigger}/"]
    assert running.err == ""


def test_it_triggers_a_task_and_some_activity(demo: Demo, running: Started) -> None:
    running.wait_for("POST /trigger/distinct?count=20: 202")
    (task,) = re.findall(r"POST /trigger/done\?count=10: 202 (\S+)", running.out)

    eventually(lambda: demo.is_done(task), RECOVERY_SECONDS, what=f"task {task} was not done")

    eventually(demo.has_visits, RECOVERY_SECONDS, what="nobody was there")


def test_days_begin_in_the_zone_that_is_set(demo: Demo, running: Started) -> None:
    running.wait_for("ready:", START_SECONDS)

    assert asked("GET", f"{demo.distinct}/events/distinct/summary").said["zone"] == ZONE


def test_each_process_is_heard_under_its_name(running: Started) -> None:
    for name in ("demo", "trigger", "done", "worker"):
        running.wait_for(f" {name:<8} | ")


def test_a_second_demo_names_the_taken_port(demo: Demo, running: Started) -> None:
    second = demo.start()

    assert second.exit_code(START_SECONDS) == 1
    port = demo.ports["TRIGGER_PORT"]
    advice = "stop what listens there, or set TRIGGER_PORT to another"
    assert second.err == f"port {port} is taken (TRIGGER_PORT): {advice}\n"
    assert running.process.poll() is None


def test_a_second_demo_on_other_ports_says_the_data_is_in_use(demo: Demo, running: Started) -> None:
    second = demo.start(**ports_of_services())

    assert second.exit_code(START_SECONDS) == 1
    assert second.err == "another demo is running on the data in .data/: stop that one first\n"
    assert running.process.poll() is None


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("worker", "done_app.worker --quiet worker"),
        ("redis", "valkey-server"),
        ("trigger", "-m trigger_app"),
        ("done", "-m done_app"),
    ],
)
def test_what_is_killed_is_started_again_and_all_works(
    demo: Demo, running: Started, name: str, command: str
) -> None:
    main = running.child(command)
    killed = running.group(main)

    os.kill(main, signal.SIGKILL)

    running.wait_for(f"{name} restarted", RECOVERY_SECONDS)
    demo.works()
    assert not killed & running.family()


def test_a_port_taken_at_a_restart_is_one_sentence(demo: Demo, running: Started) -> None:
    port, restarts = demo.ports["TRIGGER_PORT"], running.out.count("trigger restarted")
    running.send(signal.SIGSTOP)  # so that it does not start the service again before the port is taken
    os.kill(running.child("-m trigger_app"), signal.SIGKILL)
    eventually(lambda: refusal("127.0.0.1", port, "") is None, what="the service keeps its port")
    with bound("127.0.0.1", port):
        running.send(signal.SIGCONT)
        running.wait_for("trigger waits to be restarted", RECOVERY_SECONDS)
        ended = running.out.count("trigger ended")
        waited_until = time.monotonic() + 2.5  # longer than its pause, so it was tried again
        eventually(lambda: time.monotonic() > waited_until)
        assert running.out.count("trigger ended") == ended

    running.wait_for("trigger restarted", RECOVERY_SECONDS, times=restarts + 1)
    demo.works()
    sentence = f"port {port} is taken (TRIGGER_PORT): stop what listens there, or set TRIGGER_PORT to another"
    assert running.out.count(sentence) == 1
    assert "backtrace" not in running.out


def test_sigterm_ends_all_of_it(demo: Demo, running: Started) -> None:
    demo.last_task = demo.works()

    running.send(signal.SIGTERM)

    assert running.exit_code(20) == 0
    assert running.is_gone()
    assert running.err == ""


@pytest.mark.usefixtures("again")
def test_a_second_start_finds_the_data_of_the_first(demo: Demo) -> None:
    assert demo.is_done(demo.last_task)


def test_kill_9_leaves_nobody(again: Started) -> None:
    again.send(signal.SIGKILL)

    eventually(again.is_gone, RECOVERY_SECONDS)


def test_the_data_of_another_zone_are_one_sentence(demo: Demo, again: Started) -> None:
    if again.process.poll() is None:
        eventually(demo.has_visits, RECOVERY_SECONDS, what="nobody was there")
    again.send(signal.SIGKILL)
    eventually(again.is_gone, RECOVERY_SECONDS)
    other = demo.start(ZONE="UTC")

    assert other.exit_code(START_SECONDS) == 1
    assert f"zone={ZONE}'" in other.out
    assert "zone=UTC': set ZONE as it was" in other.out
    assert other.is_gone()


def test_a_setting_that_makes_no_sense_is_one_sentence(demo: Demo) -> None:
    refused = demo.start(TRIGGER_PORT="eighty")

    assert refused.exit_code(START_SECONDS) == 2
    assert refused.err.startswith("settings: TRIGGER_PORT: ")
    assert refused.err.count("\n") == 1


def test_a_server_of_the_users_own_that_is_not_there_is_one_sentence(demo: Demo) -> None:
    refused = demo.start(REDIS_URL=f"redis://127.0.0.1:{free_server_port()}/0")

    assert refused.exit_code(START_SECONDS) == 1
    assert refused.err.startswith("REDIS_URL: cannot connect to 127.0.0.1:")
    assert refused.is_gone()
