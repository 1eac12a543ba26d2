"""What some tests need of the machine: where it is missing they are not run, and that is said aloud.

A test is chosen by the fixture it uses, so none can forget to say what it needs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import pytest

from donebit.demo.rabbitmq import rabbitmq_program
from tests.started import PROCESSES
from tests.tls import tls_programs


@dataclass(frozen=True, slots=True)
class Need:
    """What the machine must have, and the fixtures that cannot do without it."""

    name: str
    fixtures: frozenset[str]
    met: bool
    advice: str


def needs() -> tuple[Need, ...]:
    return (
        Need(
            "browser",
            frozenset({"browser"}),
            bool(shutil.which("chromium") and shutil.which("chromedriver")),
            "no chromium with chromedriver on the PATH: apt-get install chromium chromium-driver",
        ),
        Need(
            "proxy",
            frozenset({"proxied"}),
            all(proxy_program(name) for name in ("nginx", "caddy")),
            "no nginx and caddy on the PATH: apt-get install nginx-light caddy",
        ),
        Need(
            "Prometheus",
            frozenset({"prometheus", "promtool"}),
            bool(shutil.which("prometheus") and shutil.which("promtool")),
            "no prometheus with promtool on the PATH: apt-get install prometheus",
        ),
        Need(
            "Helm",
            frozenset({"helm"}),
            find_spec("helm_python") is not None,
            "no helm-python-sdk, which has wheels for Linux on x86_64 alone",
        ),
        Need(
            "RabbitMQ",
            frozenset({"running_rabbit", "tried_rabbit"}),
            rabbitmq_program() is not None,
            "no rabbitmq-server: apt-get install rabbitmq-server",
        ),
        Need(
            "TLS",
            frozenset({"certificates", "tried_rabbit"}),
            tls_programs(),
            "no openssl and redis-server on the PATH: apt-get install openssl redis-server",
        ),
        Need(
            "process",
            frozenset({"start", "demo", "stack", "ground", "activity_ground", "fleet", "running_rabbit"}),
            (PROCESSES / "self" / "cwd").exists(),
            "who is left of what was started is looked up in /proc, which this system does not have",
        ),
    )


def proxy_program(name: str) -> str | None:
    """Where a proxy is installed; Debian puts it where only the PATH of an administrator leads."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def unmet() -> list[Need]:
    return [need for need in needs() if not need.met]


def pytest_configure() -> None:
    """Where everything shall be tested, a machine that cannot is a failure."""
    if os.environ.get("CI") and (lacking := unmet()):
        advice = "; ".join(need.advice for need in lacking)
        raise pytest.UsageError(f"CI is set, which allows no test to be left out, and {advice}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run here."""
    beyond = frozenset().union(*(need.fixtures for need in unmet()))
    left_out = [item for item in items if beyond.intersection(fixtures_of(item))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def fixtures_of(item: pytest.Item) -> Sequence[str]:
    return getattr(item, "fixturenames", ())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The last lines that a person reads."""
    for need in unmet():
        line = f"THE {need.name.upper()} TESTS WERE NOT RUN: {need.advice}"
        terminalreporter.write_line(line, red=True, bold=True)
