"""The supervisor, with real processes: it starts them in order, keeps them running, and leaves none."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.demo.conftest import Start
from tests.started import Started, eventually

RunDemo = Callable[..., Started]

# What a program may do; each line is Python.
SIGN = "import os, signal, subprocess, sys, time; from pathlib import Path; Path('{name}.sign').touch()"
FOREVER = "signal.pause()"
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('stubborn', flush=True)"
WITH_CHILD = "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])"
SAYS_BYE = "signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit()))"

SAYS_BYE_SLOWLY = (
    "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.8), print('bye', flush=True), sys.exit()))"
)


def small(name: str, *code: str, ready: bool = True, **more: Any) -> dict[str, Any]:
    """A program that shows its sign of readiness, and then does what the code says."""
    before = SIGN if ready else SIGN.rpartition("; ")[0]
    return {
        "name": name,
        "code": "\n".join((before.format(name=name), *code)),
        "sign": f"{name}.sign",
        **more,
    }


@pytest.fixture
def run_demo(start_python: Start) -> RunDemo:
    def run(*stages: list[dict[str, Any]]) -> Started:
        return start_python("-m", "tests.demo.small_demo", json.dumps(stages))

    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_every_process_and_the_demo_well(run_demo: RunDemo, number: signal.Signals) -> None:
    demo = run_demo([small("server", WITH_CHILD, FOREVER)], [small("app", WITH_CHILD, FOREVER)])
    demo.wait_for("ready\n")

    demo.send(number)

    assert demo.exit_code() == 0
    assert demo.is_gone()
    assert demo.err == ""


def test_lines_carry_time_and_name_and_survive_odd_bytes(run_demo: RunDemo) -> None:
    odd = r"sys.stdout.buffer.write(b'caf\xe9 \xe2\x9c\x93\r\nno end'); sys.stdout.flush()"
    demo = run_demo([small("odd", odd, FOREVER)])
    demo.wait_for("✓")

    demo.send(signal.SIGTERM)
    demo.exit_code()

    assert re.search(r"^\d\d:\d\d:\d\d odd  \| caf� ✓$", demo.out, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d:\d\d odd  \| no end$", demo.out, re.MULTILINE)


def test_a_stage_starts_after_the_one_before_and_ends_first(run_demo: RunDemo) -> None:
    app = small("app", "print(Path('server.sign').exists(), flush=True)", SAYS_BYE, FOREVER)
    demo = run_demo([small("server", SAYS_BYE, FOREVER)], [app])
    demo.wait_for("ready\n")
    demo.wait_for("True")

    demo.send(signal.SIGTERM)
    demo.exit_code()

    assert re.findall(r"(\w+) *\| bye", demo.out) == ["app", "server"]


def test_processes_of_one_stage_start_at_the_same_time(run_demo: RunDemo) -> None:
    # Each shows its sign only when it has seen that the other runs: one after the other would never do.
    meet = "while not Path('{other}.here').exists(): time.sleep(0.01)"
    come = "Path('{me}.here').touch()"
    code = {
        me: (come.format(me=me), meet.format(other=other), f"Path('{me}.sign').touch()", FOREVER)
        for me, other in (("left", "right"), ("right", "left"))
    }

    demo = run_demo([small(name, *lines, ready=False) for name, lines in code.items()])

    demo.wait_for("ready\n")


def test_a_process_that_dies_before_it_answers_stops_everything(run_demo: RunDemo) -> None:
    broken = small("broken", "sys.exit('no such setting')", ready=False)

    demo = run_demo([small("server", FOREVER)], [small("app", WITH_CHILD, FOREVER), broken])

    assert demo.exit_code() == 1
    assert "broken | no such setting" in demo.out
    assert demo.err == "broken ended before it was ready (exit code 1); its lines above may say why\n"
    assert demo.is_gone()


def test_a_process_that_never_answers_stops_everything(run_demo: RunDemo) -> None:
    mute = small("mute", FOREVER, ready=False, timeout=0.3)

    demo = run_demo([small("server", FOREVER)], [mute])

    assert demo.exit_code() == 1
    assert demo.err == "mute was not ready within 0.3 s\n"
    assert demo.is_gone()


def test_nobody_waits_for_a_process_that_is_not_awaited(run_demo: RunDemo) -> None:
    demo = run_demo([small("mute", FOREVER, ready=False, timeout=0.3, awaited=False)])

    demo.wait_for("ready\n")

    demo.wait_for("mute is running, but was not seen at work for 0.3 s")
    assert demo.process.poll() is None


def test_a_killed_process_is_started_again_without_its_orphans(run_demo: RunDemo) -> None:
    demo = run_demo([small("app", "print('pid', os.getpid(), flush=True)", WITH_CHILD, FOREVER)])
    demo.wait_for("ready\n")
    app = demo.child("pid")
    eventually(lambda: len(demo.group(app)) == 2)
    killed = demo.group(app)

    os.kill(app, signal.SIGKILL)

    demo.wait_for("app ended (exit code -9), restarting in 1 s")
    demo.wait_for("app restarted")
    demo.wait_for("| pid", times=2)
    assert not killed & demo.family()


def test_pauses_grow_with_every_death(run_demo: RunDemo) -> None:
    demo = run_demo([small("app", "time.sleep(0.2)")])

    demo.wait_for("app ended (exit code 0), restarting in 1 s")

    demo.wait_for("app ended (exit code 0), restarting in 2 s")


def test_a_killed_supervisor_leaves_nobody(run_demo: RunDemo) -> None:
    app = small("app", STUBBORN, WITH_CHILD, FOREVER)
    demo = run_demo([small("server", WITH_CHILD, FOREVER)], [app])
    demo.wait_for("ready\n")
    demo.wait_for("stubborn")

    demo.send(signal.SIGKILL)

    eventually(demo.is_gone)


def test_a_killed_watcher_is_started_again_and_still_leaves_nobody(run_demo: RunDemo) -> None:
    demo = run_demo([small("app", WITH_CHILD, FOREVER)])
    demo.wait_for("ready\n")
    os.kill(demo.child("watcher.py"), signal.SIGKILL)
    demo.wait_for("the watcher, which stops everything if the demo is killed, was restarted")

    demo.send(signal.SIGKILL)

    eventually(demo.is_gone)


def test_a_supervisor_killed_with_all_of_its_group_leaves_nobody(run_demo: RunDemo) -> None:
    demo = run_demo([small("app", WITH_CHILD, FOREVER)])
    demo.wait_for("ready\n")

    os.killpg(demo.process.pid, signal.SIGKILL)

    eventually(demo.is_gone)


def test_a_supervisor_killed_while_starting_leaves_nobody(run_demo: RunDemo) -> None:
    demo = run_demo([small("mute", "print('up', flush=True)", WITH_CHILD, FOREVER, ready=False)])
    demo.wait_for("| up")

    demo.send(signal.SIGKILL)

    eventually(demo.is_gone)


def test_a_second_ctrl_c_kills_at_once_who_does_not_end(run_demo: RunDemo) -> None:
    demo = run_demo([small("app", STUBBORN, FOREVER)])
    demo.wait_for("ready\n")
    demo.wait_for("stubborn")

    demo.send(signal.SIGINT)
    demo.wait_for("stopping")
    eventually(lambda: ends_by(demo, signal.SIGINT), 3)

    assert demo.exit_code() == 0
    assert demo.is_gone()
    assert "did not stop" not in demo.out


def test_one_ctrl_c_that_arrives_twice_kills_nobody(run_demo: RunDemo) -> None:
    demo = run_demo([small("app", SAYS_BYE_SLOWLY, FOREVER)])
    demo.wait_for("ready\n")

    demo.send(signal.SIGINT)
    demo.wait_for("stopping")
    demo.send(signal.SIGINT)

    assert demo.exit_code() == 0
    assert "| bye" in demo.out


def test_sigterm_however_often_kills_nobody(run_demo: RunDemo) -> None:
    demo = run_demo([small("app", SAYS_BYE_SLOWLY, FOREVER)])
    demo.wait_for("ready\n")

    eventually(lambda: ends_by(demo, signal.SIGTERM))

    assert demo.exit_code() == 0
    assert "| bye" in demo.out


def test_the_demo_ends_when_nobody_reads_it(start: Start) -> None:
    chatty = small("chatty", "while True: print('so', flush=True); time.sleep(0.01)")

    # Buffered, as it is for most people: what could not be written is tried once more at the exit.
    piped = start("sh", "-c", f"{small_demo_in_shell(chatty)} | head -n 3", PYTHONUNBUFFERED="")

    assert piped.exit_code() == 0
    assert piped.err == ""
    assert piped.is_gone()


def test_the_demo_ends_with_its_parent_if_asked_to(start: Start) -> None:
    shell = start("sh", "-c", f"{small_demo_in_shell(small('app', FOREVER))} --end-with-parent; true")
    shell.wait_for("ready\n")

    shell.send(signal.SIGKILL)

    eventually(shell.is_gone)


def ends_by(demo: Started, number: int) -> bool:
    demo.send(number)
    return demo.process.poll() is not None


def small_demo_in_shell(*stage: dict[str, Any]) -> str:
    return shlex.join([sys.executable, "-m", "tests.demo.small_demo", json.dumps([stage])])


def test_only_unwanted_lines_of_a_program_are_left_out(run_demo: RunDemo) -> None:
    says = "print('WARNING of the machine'); print('WARNING of ours'); print('last', flush=True)"

    demo = run_demo([small("server", says, FOREVER, unshown=["of the machine"])])

    demo.wait_for("last")
    assert "server | WARNING of ours" in demo.out
    assert "of the machine" not in demo.out
