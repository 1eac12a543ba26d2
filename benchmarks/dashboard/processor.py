"""Processor time of processes, from /proc; on Linux only."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
PARENT, USER, SYSTEM = 1, 11, 12  # fields of /proc/[pid]/stat after the name


def seconds(process: int) -> float:
    """Return the processor time of a process and its running descendants; 0 if not on Linux."""
    stats = [stat for one in family(process) if (stat := stat_of(one))]
    ticks = sum(int(stat[USER]) + int(stat[SYSTEM]) for stat in stats)
    return ticks / os.sysconf("SC_CLK_TCK")


def family(process: int) -> list[int]:
    """Return the process and its running descendants."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*"):
        if stat := stat_of(int(entry.name)):
            children.setdefault(int(stat[PARENT]), []).append(int(entry.name))
    found = [process] if stat_of(process) else []
    for one in found:  # grows meanwhile
        found += children.get(one, [])
    return found


def named(process: int, argument: str) -> int:
    """Return the first of its family that was started with this argument; 0 if there is none."""
    commands = ((one, said(one, "cmdline").split("\0")) for one in family(process))
    return next((one for one, command in commands if argument in command), 0)


def stat_of(process: int) -> list[str]:
    """Return the fields after the name, which may have spaces in it."""
    return said(process, "stat").rpartition(")")[2].split()


def said(process: int, file: str) -> str:
    """Return the file's content; empty if the process has ended."""
    try:
        return (PROC / str(process) / file).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
