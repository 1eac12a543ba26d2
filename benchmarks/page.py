"""Writes the tables of docs/benchmarks.md; the text around them is written by hand."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.figures import Figure, table
from benchmarks.own_server import own_server

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: `make bench` writes from here -->", "<!-- to here -->"


def write(measured: str, page: Path) -> None:
    """Replace what is between the marks, and nothing else.

    Raises:
        ValueError: The page does not have both marks, once each and in this order.
    """
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    text, places = between.subn(lambda _: f"{BEGIN}\n\n{measured}\n\n{END}", page.read_text())
    if places != 1:
        raise ValueError(f"{page.name} must have {BEGIN} and then {END}, once each; it has {places} of them")
    page.write_text(text)


def tables(figures: Mapping[str, Sequence[Figure]], titles: Mapping[str, str]) -> str:
    """Return a table for each benchmark, under what it measures."""
    return "\n\n".join(f"**`{name}`**: {titles[name]}\n\n{table(lines)}" for name, lines in figures.items())


def machine() -> str:
    """Return the cores, the system and the versions."""
    with own_server() as client:
        said = client.info("server")
    valkey = said.get("valkey_version")
    server = f"Valkey {valkey}" if valkey else f"Redis {said['redis_version']}"
    libraries = f"Celery {version('celery')}, redis-py {version('redis')}, granian {version('granian')}"
    return f"{cores()} cores of {processor()}, Python {platform.python_version()}, {server}, {libraries}"


def cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 0


def processor() -> str:
    """Return the processor's model, if the system names it."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"
