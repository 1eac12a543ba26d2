"""How much of the processor somebody has taken, where the system tells it: /proc of Linux."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
PARENT, USER, SYSTEM = 1, 11, 12  # of what /proc/[pid]/stat has behind the name


def seconds(process: int) -> float:
    """Of a process and of all that it has started and that still run; 0 where nobody tells."""
    stats = [stat for one in family(process) if (stat := stat_of(one))]
    ticks = sum(int(stat[USER]) + int(stat[SYSTEM]) for stat in stats)
    return ticks / os.sysconf("SC_CLK_TCK")


def family(process: int) -> list[int]:
    """The process, its children and theirs, if they run."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*"):
        if stat := stat_of(int(entry.name)):
            children.setdefault(int(stat[PARENT]), []).append(int(entry.name))
    found = [process] if stat_of(process) else []
    for one in found:  # grows meanwhile
        found += children.get(one, [])
    return found


def named(process: int, argument: str) -> int:
    """The first of its family that was started with this argument; 0 where nobody tells."""
    commands = ((one, said(one, "cmdline").split("\0")) for one in family(process))
    return next((one for one, command in commands if argument in command), 0)


def stat_of(process: int) -> list[str]:
    """The fields behind the name, which may have spaces in it."""
    return said(process, "stat").rpartition(")")[2].split()


def said(process: int, file: str) -> str:
    """Empty for one that has ended."""
    try:
        return (PROC / str(process) / file).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
