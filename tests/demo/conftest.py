"""What the tests of the demo share: processes that do not outlive their test, and ports nobody uses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from donebit.demo.ports import free_server_port
from tests.demo.checkout import UV, Checkout, wheel
from tests.started import Started

Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command in the test's own folder."""
    with ExitStack() as stack:

        def start_one(*command: str, **environment: str) -> Started:
            started = Started(command, tmp_path, **environment)
            stack.callback(started.end)
            return started

        yield start_one


@pytest.fixture
def start_python(start: Start) -> Start:
    """Start this Python with these arguments."""
    return lambda *arguments, **environment: start(sys.executable, *arguments, **environment)


@pytest.fixture
def free_port() -> int:
    return free_server_port()


@pytest.fixture
def checkout(tmp_path: Path, start: Start) -> Checkout:
    checkout = Checkout(tmp_path, start)
    checkout.put_uv(f'exec {UV} --offline --no-config "$@"')
    core, extra = wheel(tmp_path, "core", "1.0"), wheel(tmp_path, "extra", "1.0")
    checkout.lock("run", core)
    checkout.lock("demo", core)
    checkout.lock("dev", core, extra)
    checkout.lock("bench", core, extra, wheel(tmp_path, "peer", "1.0"))
    return checkout
