"""Torture: a test that takes `chance` does its harm at random moments, in as many rounds as are asked for.

    pytest tests/faults/torture --torture 20                         twenty rounds of each
    pytest tests/faults/torture --torture-seed 731 -k "pool_process"   that round again

The last lines say the seeds, and how long the product took to heal.
"""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from typing import Any, Protocol

import pytest

HEALED = "healed_seconds"
SEED = "torture_seed"
OF_A_SEED = re.compile(r"-?seed \d+-?")  # in what a test is called


class Healed(Protocol):
    """Called with the seconds between the last harm done and all being well, or `what` of it.

    In a long run, which has the machine to itself, they may be at most so many.
    """

    def __call__(self, seconds: float, at_most: float = math.inf, what: str = "") -> None: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("torture")
    group.addoption("--torture", type=int, default=1, metavar="ROUNDS", help="rounds of each fault (1)")
    group.addoption("--torture-seed", type=int, metavar="SEED", help="the first round's seed (random)")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed, once for all processes of pytest-xdist: they must agree on the tests."""
    if config.option.torture_seed is None:
        told: dict[str, Any] = getattr(config, "workerinput", {})
        config.option.torture_seed = told.get(SEED, random.SystemRandom().randrange(1_000_000))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput[SEED] = node.config.option.torture_seed


def seeds(config: pytest.Config) -> range:
    first: int = config.option.torture_seed
    return range(first, first + config.option.torture)


def is_long(config: pytest.Config) -> bool:
    """Whether more than one round was asked for: a long run, which may take its time."""
    return bool(config.option.torture > 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "chance" in metafunc.fixturenames:
        rounds = seeds(metafunc.config)
        metafunc.parametrize("chance", rounds, ids=[f"seed {seed}" for seed in rounds], indirect=True)


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """What decides when, where and how often: the same for the same seed."""
    return random.Random(request.param)


@pytest.fixture
def healed(request: pytest.FixtureRequest, record_property: Any) -> Healed:
    """Tells the last lines how long it took to heal."""

    def note(seconds: float, at_most: float = math.inf, what: str = "") -> None:
        record_property(f"{HEALED}{what}", seconds)
        assert seconds <= at_most or not is_long(request.config)

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    seconds = healing_times(terminalreporter)
    if seconds:
        rounds = seeds(config)
        terminalreporter.write_sep("-", f"torture, seeds {rounds[0]} to {rounds[-1]}: healed after")
    for fault, times in seconds.items():
        terminalreporter.write_line(f"{min(times):5.1f} to {max(times):4.1f} s  {fault}")


def healing_times(terminalreporter: pytest.TerminalReporter) -> dict[str, list[float]]:
    """By the name of the test, what it was given beside a seed, and what was well again."""
    found: dict[str, list[float]] = defaultdict(list)
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        test = OF_A_SEED.sub("", report.nodeid.partition("::")[2]).replace("[]", "")
        for name, seconds in report.user_properties if report.when == "call" else ():
            if name.startswith(HEALED):
                found[f"{test} {name.removeprefix(HEALED)}".rstrip()].append(seconds)
    return found
