"""CPU seconds by test file, those of the processes that tests start included.

    pytest tests/web --cpu 20        the twenty files that take most

The last lines say them. What collecting the tests takes is not in them, nor what a process took that nobody
waited for, such as a daemon.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from contextlib import suppress

import pytest

from benchmarks.dashboard.processor import PROC, stat_of

SPENT = "cpu_seconds"
BEFORE = pytest.StashKey[float]()
TICKS = os.sysconf("SC_CLK_TCK")
USED_BEGIN, USED_END = 11, 15  # fields of /proc/*/stat after the name: own and waited for, user and system


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cpu", type=int, default=0, metavar="FILES", help="print CPU seconds of so many test files"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if item.config.option.cpu:
        item.stash[BEFORE] = spent()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "teardown" and item.config.option.cpu:
        report.user_properties.append((SPENT, spent() - item.stash[BEFORE]))
    return report


def spent() -> float:
    """CPU seconds of this process, of those that it waited for, and of all that live below it."""
    return sum(os.times()[:4]) + sum(map(used, below(os.getpid())))


def below(process: int) -> list[int]:
    """All that live below a process.

    By what Linux lists of each: to look at every process of the machine took some 4 ms, twice a test.
    """
    found = children(process)
    for one in found:  # grows meanwhile
        found += children(one)
    return found


def children(process: int) -> list[int]:
    """Who was started by any thread of a process; none if it has ended."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for listed in (PROC / str(process) / "task").glob("*/children"):
            found += map(int, listed.read_text().split())
    return found


def used(pid: int) -> float:
    return sum(map(int, stat_of(pid)[USED_BEGIN:USED_END])) / TICKS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.option.cpu:
        return
    files: Counter[str] = Counter()
    for report in terminalreporter.getreports(""):  # of teardowns
        files[report.nodeid.partition("::")[0]] += dict(report.user_properties).get(SPENT, 0)
    terminalreporter.write_sep("-", f"{files.total():.1f} CPU seconds")
    for file, seconds in files.most_common(config.option.cpu):
        terminalreporter.write_line(f"{seconds:7.1f}  {file}")
